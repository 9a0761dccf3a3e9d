#include "backends/dns_hosts.h"

#include <ares.h>

#include "base/mem.h"
#include "net/address.h"

/* A channel that is told to look into files alone answers at once and never opens a socket. */
struct dns_hosts {
    ares_channel ares;
};

int dns_hosts_new(struct dns_hosts **out, struct error *error)
{
    char files_alone[] = "f";
    struct ares_options options = {.flags = ARES_FLAG_NOALIASES, .lookups = files_alone};
    struct dns_hosts *hosts = mem_new(struct dns_hosts);
    int rc = ares_init_options(&hosts->ares, &options, ARES_OPT_FLAGS | ARES_OPT_LOOKUPS);

    if (rc != ARES_SUCCESS) {
        mem_free(hosts);
        return error_set(error, "cannot prepare for reading /etc/hosts: %s", ares_strerror(rc));
    }
    *out = hosts;
    return 0;
}

void dns_hosts_free(struct dns_hosts *hosts)
{
    if (!hosts)
        return;
    ares_destroy(hosts->ares);
    mem_free(hosts);
}

struct found {
    struct ip *ips;
    size_t count, max;
};

static void on_found(void *argument, int status, int timeouts, struct ares_addrinfo *list)
{
    struct found *found = argument;

    if (status != ARES_SUCCESS)
        return;
    for (const struct ares_addrinfo_node *at = list->nodes; at && found->count < found->max;
         at = at->ai_next) {
        struct sockaddr_storage storage = {0};
        struct address address;

        memcpy(&storage, at->ai_addr, MIN((size_t)at->ai_addrlen, sizeof(storage)));
        address = address_from_sockaddr(&storage);
        found->ips[found->count++] = address_ip(&address);
    }
    ares_freeaddrinfo(list);
}

static size_t find_localhost(struct ip *out, size_t max)
{
    const struct ip both[] = {{.family = 4, .bytes = {127, 0, 0, 1}}, {.family = 6, .bytes = {[15] = 1}}};
    size_t count = MIN(max, ARRAY_LEN(both));

    memcpy(out, both, count * sizeof(*out));
    return count;
}

size_t dns_hosts_find(struct dns_hosts *hosts, const char *name, struct ip *out, size_t max)
{
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT};
    struct found found = {.ips = out, .max = max};

    if (max > 0 && ip_parse(slice_str(name), out))
        return 1;
    ares_getaddrinfo(hosts->ares, name, NULL, &hints, on_found, &found);
    if (found.count == 0 &&
        (strcmp(name, "localhost") == 0 || slice_ends(slice_str(name), SLICE(".localhost"))))
        return find_localhost(out, max);
    return found.count;
}
