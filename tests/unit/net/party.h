/** What the tests of net/ share: a loop, an owner of a stream who writes down what happens, and waiting with
 * a deadline. */
#ifndef TESTS_UNIT_NET_PARTY_H
#define TESTS_UNIT_NET_PARTY_H

#include <stdbool.h>

#include "base/text.h"
#include "net/loop.h"
#include "net/stream.h"

/** An owner: what arrives is collected, what happens is counted. The hooks may do anything to the stream. */
struct party {
    struct stream *stream;
    struct text got;
    size_t calls; /* of bytes() */
    size_t last_lent;
    int drained, eofs, closeds;
    int error;
    enum fault fault;
    bool is_gone;     /* closed by us or by closed() */
    size_t use_limit; /* of each bytes(); SIZE_MAX at first */
    void (*on_bytes)(struct party *party, struct slice lent);
    void (*on_drained)(struct party *party);
    void (*on_eof)(struct party *party);
    void *context;
};

void party_own(struct party *party, struct stream *stream);
void party_close(struct party *party);
void party_fini(struct party *party);
size_t party_say(struct party *party, const char *text, unsigned flags);

struct loop *test_loop(void);
#define RUN_UNTIL(loop, condition)                                                                           \
    do {                                                                                                     \
        uint64_t give_up_us_ = loop_now_us() + 10 * 1000 * 1000;                                             \
        while (!(condition)) {                                                                               \
            cr_assert_lt(loop_now_us(), give_up_us_, "waited in vain for %s", #condition);                   \
            run_a_little(loop);                                                                              \
        }                                                                                                    \
    } while (0)
/** Turns of the loop: until something happens, at most 5 ms. */
void run_a_little(struct loop *loop);
/** Some turns in which everything that is due can happen. */
void settle(struct loop *loop);

/** A connected pair of TCP sockets over loopback, non-blocking. */
void tcp_pair(int fds[2]);
void unix_pair(int fds[2]);

#endif
