#include "backends/resolver_service.h"

#include "base/mem.h"

/* First the records, then all their hosts at once. The additional records of the answer are not used: they may be
 * fewer than there are. */

struct service_host {
    struct host_lookup lookup;
    struct service_lookup *service;
};

const struct dns_answer *service_lookup_records(const struct service_lookup *service)
{
    return &service->walk.answers[0];
}

const struct host_lookup *service_lookup_host(const struct service_lookup *service, size_t record)
{
    return &service->hosts[service->of[record]].lookup;
}

enum dns_outcome service_lookup_outcome(const struct service_lookup *service)
{
    enum dns_outcome gravest = service->walk.outcome;

    for (size_t i = 0; i < service->hosts_count; i++)
        gravest = dns_outcome_graver(gravest, service->hosts[i].lookup.outcome);
    return gravest;
}

/* Hosts. */

static void on_host_end(struct host_lookup *lookup)
{
    struct service_lookup *service = CONTAINER_OF(lookup, struct service_host, lookup)->service;

    if (--service->missing == 0)
        service->on_end(service);
}

static size_t find_host(const struct service_lookup *service, const char *name)
{
    size_t at = 0;

    while (at < service->hosts_count && strcmp(service->hosts[at].lookup.name, name) != 0)
        at++;
    return at;
}

static void add_host(struct service_lookup *service, const char *name)
{
    struct service_host *host = &service->hosts[service->hosts_count++];

    host->service = service;
    service->missing++;
    host_lookup_begin(&host->lookup, service->tools, slice_str(name), false, on_host_end);
}

static void ask_hosts(struct service_lookup *service)
{
    const struct dns_answer *records = service_lookup_records(service);

    service->hosts = mem_new_n(struct service_host, records->services_count);
    for (size_t i = 0; i < records->services_count; i++) {
        size_t at = find_host(service, records->services[i].host);

        if (at == service->hosts_count)
            add_host(service, records->services[i].host);
        service->of[i] = (uint8_t)at;
    }
}

static void on_walked(struct dns_walk *walk)
{
    struct service_lookup *service = CONTAINER_OF(walk, struct service_lookup, walk);

    if (service_lookup_records(service)->services_count)
        ask_hosts(service);
    else
        service->on_end(service);
}

/* In and out. */

static void on_refusing(struct pending *pending)
{
    struct service_lookup *service = CONTAINER_OF(pending, struct service_lookup, refusing);

    service->on_end(service);
}

void service_lookup_begin(struct service_lookup *service, const struct resolver_tools *tools,
                          struct slice name, bool searches, void (*on_end)(struct service_lookup *service))
{
    *service = (struct service_lookup){.tools = tools, .on_end = on_end};
    service->walk = (struct dns_walk){
        .client = tools->client,
        .loop = tools->loop,
        .name = slice_str(service->name),
        .types = {DNS_SRV},
        .types_count = 1,
        .outcome = DNS_NO_NAME,
        .on_end = on_walked,
    };
    service->refusing.run = on_refusing;
    if (!dns_name_is_valid(name)) {
        loop_defer(tools->loop, &service->refusing);
        return;
    }
    memcpy(service->name, name.data, name.len);
    service->walk.name.len = name.len;
    dns_walk_begin(&service->walk, searches);
}

void service_lookup_conclude(struct service_lookup *service)
{
    loop_undefer(&service->refusing);
    if (!service->hosts)
        dns_walk_conclude(&service->walk);
    for (size_t i = 0; i < service->hosts_count; i++)
        host_lookup_conclude(&service->hosts[i].lookup);
}

void service_lookup_fini(struct service_lookup *service)
{
    loop_undefer(&service->refusing);
    dns_walk_fini(&service->walk);
    for (size_t i = 0; i < service->hosts_count; i++)
        host_lookup_fini(&service->hosts[i].lookup);
    mem_free(service->hosts);
}
