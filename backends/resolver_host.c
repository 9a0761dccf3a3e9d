#include "backends/resolver_host.h"

#include "backends/resolver.h"
#include "base/mem.h"

static void take_ips(struct host_lookup *host, const struct ip *ips, size_t count, uint8_t family)
{
    for (size_t i = 0; i < count; i++)
        if (ips[i].family == family)
            host->ips[host->count++] = ips[i];
}

/* By the machine itself. */

static void on_knowing(struct pending *pending)
{
    struct host_lookup *host = CONTAINER_OF(pending, struct host_lookup, knowing);

    host->on_end(host);
}

static bool know(struct host_lookup *host)
{
    struct ip ips[DNS_IPS_MAX];
    size_t count = dns_hosts_find(host->tools->hosts, host->name, ips, DNS_IPS_MAX);

    if (count == 0)
        return false;
    host->ips = mem_new_n(struct ip, count);
    take_ips(host, ips, count, 4);
    take_ips(host, ips, count, 6);
    host->outcome = DNS_FOUND;
    host->ttl_ms = LOOKUP_HOSTS_TTL_MS;
    return true;
}

/* By name servers. */

static void take_walk(struct host_lookup *host)
{
    uint32_t ttl_s = UINT32_MAX;

    host->outcome = host->walk.outcome;
    memcpy(host->lacks, host->walk.has_failed, sizeof(host->lacks));
    if (host->outcome != DNS_FOUND)
        return;
    host->ips = mem_new_n(struct ip, host->walk.answers[0].ips_count + host->walk.answers[1].ips_count);
    for (unsigned i = 0; i < ARRAY_LEN(host->walk.answers); i++) {
        const struct dns_answer *answer = &host->walk.answers[i];

        take_ips(host, answer->ips, answer->ips_count, i == 0 ? 4 : 6);
        if (answer->ips_count)
            ttl_s = MIN(ttl_s, answer->ttl_s);
    }
    host->ttl_ms = (uint64_t)ttl_s * 1000;
}

static void on_walked(struct dns_walk *walk)
{
    struct host_lookup *host = CONTAINER_OF(walk, struct host_lookup, walk);

    take_walk(host);
    host->on_end(host);
}

static void ask(struct host_lookup *host, bool searches)
{
    host->walk = (struct dns_walk){
        .client = host->tools->client,
        .loop = host->tools->loop,
        .name = slice_str(host->name),
        .types = {DNS_A, DNS_AAAA},
        .types_count = 2,
        .grace_ms = host->tools->grace_ms,
        .on_end = on_walked,
    };
    dns_walk_begin(&host->walk, searches);
}

/* In and out. */

void host_lookup_begin(struct host_lookup *host, const struct resolver_tools *tools, struct slice name,
                       bool searches, void (*on_end)(struct host_lookup *host))
{
    *host = (struct host_lookup){.tools = tools, .outcome = DNS_NO_NAME, .on_end = on_end};
    host->walk.loop = tools->loop;
    host->walk.outcome = DNS_NO_NAME;
    host->knowing.run = on_knowing;
    if (name.len <= DNS_NAME_MAX)
        memcpy(host->name, name.data, name.len);
    if (dns_name_is_valid(slice_str(host->name)) && !know(host))
        ask(host, searches);
    else
        loop_defer(tools->loop, &host->knowing);
}

void host_lookup_conclude(struct host_lookup *host)
{
    bool is_known = link_is_in_list(&host->knowing.link);

    loop_undefer(&host->knowing);
    if (is_known || host->outcome == DNS_FOUND)
        return;
    dns_walk_conclude(&host->walk);
    take_walk(host);
}

void host_lookup_fini(struct host_lookup *host)
{
    loop_undefer(&host->knowing);
    dns_walk_fini(&host->walk);
    mem_free(host->ips);
}
