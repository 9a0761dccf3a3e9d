#include "backends/resolver_state.h"

#include <ares.h>

#include "backends/resolver_service.h"
#include "base/mem.h"
#include "base/text.h"

/* A lookup is one of two kinds, with a deadline over all that it asks. When it ends, by itself or by time, what was
 * found is told and the lookup retired; so who is told may ask, cancel, or free the resolver. */

enum {
    TRY_MS = 1000,
    TOTAL_MS = 5000,
    GRACE_MS = 1500, /* longer than a try, so that one lost datagram is no lost family */
};

struct resolver {
    struct resolver_tools tools;
    uint64_t total_ms;
    struct link lookups;
};

struct lookup {
    struct link link; /* of the resolver's; in none: ended */
    struct resolver *resolver;
    enum lookup_kind kind;
    union {
        struct host_lookup host;
        struct service_lookup service;
    };
    struct timer deadline;
    struct found_address *found;
    struct lookup_answer answer;
    struct text reason;
    lookup_done *done;
    void *owner;
};

/* Ending. */

static void lookup_free(void *object)
{
    struct lookup *lookup = object;

    if (lookup->kind == LOOKUP_ADDRESSES)
        host_lookup_fini(&lookup->host);
    else
        service_lookup_fini(&lookup->service);
    mem_free(lookup->found);
    text_fini(&lookup->reason);
    mem_free(lookup);
}

static void lookup_end(struct lookup *lookup)
{
    if (lookup->kind == LOOKUP_ADDRESSES)
        host_lookup_conclude(&lookup->host);
    else
        service_lookup_conclude(&lookup->service);
    loop_cancel(lookup->resolver->tools.loop, &lookup->deadline);
    list_remove(&lookup->link);
    loop_retire(lookup->resolver->tools.loop, lookup, lookup_free);
}

void lookup_cancel(struct lookup *lookup)
{
    lookup_end(lookup);
}

/* What was found. */

static bool is_found_already(const struct lookup *lookup, const struct address *address)
{
    for (size_t i = 0; i < lookup->answer.count; i++)
        if (address_eq(&lookup->found[i].address, address))
            return true;
    return false;
}

static void add_host(struct lookup *lookup, const struct host_lookup *host, const struct dns_service *record)
{
    struct found_address found = {.priority = record->priority, .weight = record->weight};

    lookup->answer.lacks_ipv4 |= host->lacks[0];
    lookup->answer.lacks_ipv6 |= host->lacks[1];
    for (size_t i = 0; i < host->count && lookup->answer.count < LOOKUP_FOUND_MAX; i++) {
        found.address = address_from_ip(host->ips[i], record->port);
        if (!is_found_already(lookup, &found.address))
            lookup->found[lookup->answer.count++] = found;
    }
    if (host->count)
        lookup->answer.ttl_ms = MIN(lookup->answer.ttl_ms, host->ttl_ms);
}

static void explain(struct lookup *lookup, enum dns_outcome outcome, const char *no_data)
{
    text_printf(&lookup->reason, "%s", outcome == DNS_NO_DATA ? no_data : dns_outcome_describe(outcome));
    lookup->answer.is_authoritative = dns_outcome_is_authoritative(outcome);
}

static void gather_addresses(struct lookup *lookup)
{
    const struct dns_service none = {0};

    add_host(lookup, &lookup->host, &none);
    if (lookup->answer.count == 0)
        explain(lookup, lookup->host.outcome, "the name has no address (no data)");
}

static void explain_service(struct lookup *lookup)
{
    const struct service_lookup *service = &lookup->service;
    const struct dns_answer *records = service_lookup_records(service);
    enum dns_outcome outcome = service_lookup_outcome(service);

    if (service->hosts_count) {
        text_printf(&lookup->reason,
                    "its SRV records name %zu host%s without an address: ", service->hosts_count,
                    service->hosts_count > 1 ? "s" : "");
        explain(lookup, outcome, "no data");
    } else if (outcome != DNS_FOUND) {
        explain(lookup, outcome, "there are no SRV records of this name (no data)");
    } else {
        lookup->answer.is_authoritative = records->is_refused;
        text_printf(&lookup->reason, "%s",
                    records->is_refused ? "its SRV record says that there is no such service (target \".\")"
                                        : "its SRV records name no host and port that can be reached");
    }
}

static void gather_service(struct lookup *lookup)
{
    const struct dns_answer *records = service_lookup_records(&lookup->service);

    if (records->services_count)
        lookup->answer.ttl_ms = (uint64_t)records->ttl_s * 1000;
    for (size_t i = 0; i < records->services_count; i++)
        add_host(lookup, service_lookup_host(&lookup->service, i), &records->services[i]);
    if (lookup->answer.count == 0)
        explain_service(lookup);
}

static void lookup_tell(struct lookup *lookup)
{
    struct lookup_answer *answer = &lookup->answer;

    lookup_end(lookup);
    lookup->found = mem_new_n(struct found_address, LOOKUP_FOUND_MAX);
    answer->ttl_ms = UINT64_MAX;
    if (lookup->kind == LOOKUP_ADDRESSES)
        gather_addresses(lookup);
    else
        gather_service(lookup);
    if (answer->count == 0)
        answer->ttl_ms = 0;
    answer->found = answer->count ? lookup->found : NULL;
    answer->reason = answer->count ? NULL : lookup->reason.data;
    lookup->done(lookup->owner, answer);
}

/* Asking. */

static void on_host_end(struct host_lookup *host)
{
    lookup_tell(CONTAINER_OF(host, struct lookup, host));
}

static void on_service_end(struct service_lookup *service)
{
    lookup_tell(CONTAINER_OF(service, struct lookup, service));
}

static void on_deadline(struct timer *timer)
{
    lookup_tell(CONTAINER_OF(timer, struct lookup, deadline));
}

struct lookup *resolver_ask(struct resolver *resolver, enum lookup_kind kind, struct slice name,
                            lookup_done *done, void *owner)
{
    struct lookup *lookup = mem_new(struct lookup);
    const bool is_full = slice_ends(name, SLICE("."));

    name = slice_head(name, name.len - is_full);
    lookup->resolver = resolver;
    lookup->kind = kind;
    lookup->done = done;
    lookup->owner = owner;
    list_push_back(&resolver->lookups, &lookup->link);
    timer_init(&lookup->deadline, on_deadline);
    loop_arm(resolver->tools.loop, &lookup->deadline, resolver->total_ms);
    dns_client_look(resolver->tools.client);
    if (kind == LOOKUP_ADDRESSES)
        host_lookup_begin(&lookup->host, &resolver->tools, name, !is_full, on_host_end);
    else
        service_lookup_begin(&lookup->service, &resolver->tools, name, !is_full, on_service_end);
    return lookup;
}

/* Beginning and end. */

struct resolver_setup resolver_setup(void)
{
    return (struct resolver_setup){
        .resolv_conf = "/etc/resolv.conf", .try_ms = TRY_MS, .total_ms = TOTAL_MS, .grace_ms = GRACE_MS};
}

static void object_free(void *object)
{
    mem_free(object);
}

static int check_servers(const struct address *servers, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++)
        if (servers[i].family != AF_INET && servers[i].family != AF_INET6)
            return error_set(error, "a name server must be an IP address");
    return 0;
}

int resolver_new_with(struct loop *loop, const struct address *servers, size_t count,
                      const struct resolver_setup *setup, struct resolver **out, struct error *error)
{
    const struct dns_servers dns = {servers, count, setup->resolv_conf, setup->try_ms};
    struct resolver *resolver;

    if (check_servers(servers, count, error) < 0)
        return -1;
    resolver = mem_new(struct resolver);
    resolver->tools.loop = loop;
    resolver->tools.grace_ms = setup->grace_ms;
    resolver->total_ms = setup->total_ms;
    list_init(&resolver->lookups);
    resolver->tools.hosts = dns_hosts_new("/etc/hosts");
    if (dns_client_new(loop, &dns, &resolver->tools.client, error) < 0) {
        resolver_free(resolver);
        return -1;
    }
    *out = resolver;
    return 0;
}

int resolver_new(struct loop *loop, const struct address *servers, size_t count, struct resolver **out,
                 struct error *error)
{
    const struct resolver_setup setup = resolver_setup();

    return resolver_new_with(loop, servers, count, &setup, out, error);
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    while (!list_is_empty(&resolver->lookups))
        lookup_end(LIST_FIRST(&resolver->lookups, struct lookup, link));
    dns_client_free(resolver->tools.client);
    dns_hosts_free(resolver->tools.hosts);
    loop_retire(resolver->tools.loop, resolver, object_free);
}

const char *resolver_library_version(void)
{
    return ares_version(NULL);
}
