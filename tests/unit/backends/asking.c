#include "unit/backends/asking.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

void run_a_little(struct loop *loop)
{
    struct uv_loop_s *uv = loop_uv(loop);
    struct pollfd poller = {.fd = uv_backend_fd(uv), .events = POLLIN};
    int wait_ms = uv_backend_timeout(uv);

    poll(&poller, 1, wait_ms < 0 || wait_ms > 5 ? 5 : wait_ms);
    loop_run_once(loop);
}

void settle(struct loop *loop)
{
    for (unsigned i = 0; i < 10; i++)
        loop_run_once(loop);
}

struct address server_address(const struct dns_server *server)
{
    return address_from_ip((struct ip){.family = 4, .bytes = {127, 0, 0, 1}}, dns_server_port(server));
}

void asker_write_resolv_conf(struct asker *asker, const char *text)
{
    FILE *file = fopen(asker->resolv_conf, "w");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

void asker_renew(struct asker *asker, const struct address *servers, size_t count)
{
    struct error error = {0};

    resolver_free(asker->resolver);
    cr_assert_eq(resolver_new_with(asker->loop, servers, count, &asker->setup, &asker->resolver, &error), 0,
                 "%s", error.text);
}

void asker_init(struct asker *asker)
{
    struct error error = {0};
    struct address server;
    int fd;

    *asker = (struct asker){.resolv_conf = "/tmp/portico-resolv-XXXXXX", .server = dns_server_new()};
    unsetenv("LOCALDOMAIN");
    unsetenv("RES_OPTIONS");
    fd = mkstemp(asker->resolv_conf);
    cr_assert_geq(fd, 0);
    close(fd);
    asker_write_resolv_conf(asker, "search .\n");
    asker->setup = resolver_setup();
    asker->setup.resolv_conf = asker->resolv_conf;
    cr_assert_eq(loop_new(&asker->loop, &error), 0, "%s", error.text);
    server = server_address(asker->server);
    asker_renew(asker, &server, 1);
}

void asker_fini(struct asker *asker)
{
    resolver_free(asker->resolver);
    settle(asker->loop);
    loop_free(asker->loop);
    dns_server_free(asker->server);
    unlink(asker->resolv_conf);
    text_fini(&asker->found);
}

static void write_down(struct asker *asker, const struct found_address *found)
{
    char text[ADDRESS_TEXT];

    text_printf(&asker->found, "%s%s", asker->found.len ? " " : "", address_describe(&found->address, text));
    if (address_port(&found->address))
        text_printf(&asker->found, "/%u/%u", found->priority, found->weight);
}

static void on_done(void *owner, const struct lookup_answer *answer)
{
    struct asker *asker = owner;

    asker->answers++;
    text_clear(&asker->found);
    for (size_t i = 0; i < answer->count; i++)
        write_down(asker, &answer->found[i]);
    asker->count = answer->count;
    asker->ttl_ms = answer->ttl_ms;
    asker->is_authoritative = answer->is_authoritative;
    asker->lacks_ipv4 = answer->lacks_ipv4;
    asker->lacks_ipv6 = answer->lacks_ipv6;
    snprintf(asker->reason, sizeof(asker->reason), "%s", answer->reason ? answer->reason : "");
    cr_assert(answer->count ? !answer->reason : !!answer->reason,
              "a reason where nothing was found, and only there");
    if (asker->on_answer)
        asker->on_answer(asker);
}

struct lookup *start(struct asker *asker, enum lookup_kind kind, const char *name)
{
    unsigned before = asker->answers;
    struct lookup *lookup = resolver_ask(asker->resolver, kind, slice_str(name), on_done, asker);

    cr_assert_eq(asker->answers, before, "never from inside the call");
    return lookup;
}

void ask(struct asker *asker, const char *name)
{
    unsigned before = asker->answers;

    start(asker, LOOKUP_ADDRESSES, name);
    RUN_UNTIL(asker->loop, asker->answers == before + 1);
}

void ask_service(struct asker *asker, const char *name)
{
    unsigned before = asker->answers;

    start(asker, LOOKUP_SERVICE, name);
    RUN_UNTIL(asker->loop, asker->answers == before + 1);
}

void expect_found(const struct asker *asker, const char *found, uint64_t ttl_ms)
{
    cr_assert_gt(asker->count, 0, "nothing found: %s", asker->reason);
    cr_assert_str_eq(asker->found.data, found);
    cr_assert_eq(asker->ttl_ms, ttl_ms, "%s: TTL %llu ms", found, (unsigned long long)asker->ttl_ms);
}

void expect_none(const struct asker *asker, const char *reason, bool is_authoritative)
{
    cr_assert_eq(asker->count, 0, "found: %s", asker->found.data);
    cr_assert_str_eq(asker->reason, reason);
    cr_assert_eq(asker->is_authoritative, is_authoritative, "%s", reason);
}
