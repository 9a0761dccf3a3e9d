/** What the tests of backends/resolver share: a loop, a name server inside the test, and one who asks and writes down
 *  what was answered. Files and times are the test's. */
#ifndef TESTS_BACKENDS_ASKING_H
#define TESTS_BACKENDS_ASKING_H

#include <criterion/criterion.h>

#include "backends/resolver_state.h"
#include "base/text.h"
#include "e2e/dns_server.h"
#include "net/loop.h"

struct asker {
    struct loop *loop;
    struct dns_server *server;
    struct resolver *resolver;
    struct resolver_setup setup;
    char resolv_conf[64];
    unsigned answers;
    struct text
        found; /* of the last answer: "10.0.0.1:0 [::1]:0"; of a service "10.0.0.1:80/10/5", sorted as it came */
    size_t count;
    uint64_t ttl_ms;
    char reason[256];
    bool is_authoritative, lacks_ipv4, lacks_ipv6;
    void (*on_answer)(struct asker *asker); /* anything may be done here */
    struct lookup *other;                   /* for that */
};

/** Short times, an empty resolv.conf, and the server as the only one. */
void asker_init(struct asker *asker);
/** With another setup or servers. */
void asker_renew(struct asker *asker, const struct address *servers, size_t count);
void asker_fini(struct asker *asker);
void asker_write_resolv_conf(struct asker *asker, const char *text);
struct address server_address(const struct dns_server *server);

struct lookup *start(struct asker *asker, enum lookup_kind kind, const char *name);
/** Asks and waits for the answer. */
void ask(struct asker *asker, const char *name);
void ask_service(struct asker *asker, const char *name);
void expect_found(const struct asker *asker, const char *found, uint64_t ttl_ms);
void expect_none(const struct asker *asker, const char *reason, bool is_authoritative);

void run_a_little(struct loop *loop);
void settle(struct loop *loop);
#define RUN_UNTIL(loop, condition)                                                                           \
    do {                                                                                                     \
        uint64_t give_up_us_ = loop_now_us() + 20 * 1000 * 1000;                                             \
        while (!(condition)) {                                                                               \
            cr_assert_lt(loop_now_us(), give_up_us_, "waited in vain for %s", #condition);                   \
            run_a_little(loop);                                                                              \
        }                                                                                                    \
    } while (0)

#endif
