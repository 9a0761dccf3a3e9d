/* What the tests of backends/acquire and backends/idle_conns share: an office, servers on loopback that the
 * test plays itself, and requests that are acquired for. The clock of timers is the test's. */
#ifndef TESTS_BACKENDS_OFFICES_H
#define TESTS_BACKENDS_OFFICES_H

#include <criterion/criterion.h>

#include "backends/acquire.h"
#include "backends/idle_conns.h"
#include "net/loop.h"

enum { SERVER_CONNS_MAX = IDLE_CONNS_MAX + 16 };

/** A listening socket, and the connections that it took, in order. */
struct server {
    int fd;
    uint16_t port;
    int conns[SERVER_CONNS_MAX];
    size_t count;
};

struct office {
    struct loop *loop;
    struct back_office *back;
    struct arena arena;
    struct desks *desks;   /* made anew for each pool that is asked for */
    struct roster *roster; /* of the pool, lent */
    const struct pool *pool;
};

struct request {
    struct office *office;
    struct acquisition attempt;
    unsigned readies, faileds, taken_out;
    bool was_of_tunnels;
    int status; /* of the answer */
    bool is_done, was_reset;
    enum fault fault;
    int error_number;
    char detail[256];
};

struct office *office_new(void);
void office_free(struct office *office);
/** Moves the clock of timers, and lets happen what is due. */
void office_wait(struct office *office, uint64_t ms);
void office_settle(struct office *office);
struct pool_target office_endpoint(struct office *office, const char *target);
struct pool_target office_server_endpoint(struct office *office, const struct server *server);

void server_open(struct server *server, int backlog);
/** A port at which nothing listens, kept so that nobody else takes it. */
void server_bind_only(struct server *server);
void server_close(struct server *server);
/** Takes every connection that waits. */
void server_accept(struct server *server);
/** The bytes that came on one of them by now. */
size_t server_hears(struct server *server, size_t conn, char *out, size_t size);
void server_says(struct server *server, size_t conn, const char *text);

/** From here on the office serves this pool, with this roster. NULL: its targets are all there is to know. */
void office_begin(struct office *office, const struct pool *pool, struct roster *roster);
/** Acquires; a request that gets a connection sends "GET /" at once. */
void request_start(struct request *request, struct office *office, const struct pool *pool);
/** An exchange with one of a server's connections, from head to release. */
void request_answer(struct request *request, struct server *server, size_t conn, const char *answer);

/** Turns of the loop until it holds. */
#define OFFICE_UNTIL(office, condition)                                                                      \
    do {                                                                                                     \
        uint64_t give_up_us_ = loop_now_us() + 10 * 1000 * 1000;                                             \
        while (!(condition)) {                                                                               \
            cr_assert_lt(loop_now_us(), give_up_us_, "waited in vain for %s", #condition);                   \
            loop_run_once((office)->loop);                                                                   \
        }                                                                                                    \
    } while (0)

#endif
