/** What net/socket_stream and net/socket_reading share; nobody else looks in here. */
#ifndef NET_SOCKET_STATE_H
#define NET_SOCKET_STATE_H

#include "base/queue.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/watch.h"

enum lend_again {
    LEND_NO,
    LEND_IF_USED, /* asked for from inside bytes() while reading was on anyway */
    LEND_YES,
};

struct socket_stream {
    struct stream base;
    struct watch watch;
    struct pending work, flush;
    struct queue in, out;
    struct address peer, local;
    stream_ready *on_raw; /* set: the owner uses the descriptor by itself */
    unsigned turn;        /* the last one that we read in … */
    uint8_t reads;        /* … and how often */
    uint8_t lend_again;   /* enum lend_again: of what is kept, without new bytes */
    int error;
    bool is_readable : 1;
    bool is_writable : 1;
    bool peer_ended : 1; /* reported by the kernel; unread bytes may be left */
    bool eof_seen : 1;   /* recv() gave 0 */
    bool wants : 1;
    bool is_in_bytes : 1;
    bool owes_drained : 1;
    bool shut_wanted : 1;
    bool is_broken : 1; /* closed() is on its way */
    bool is_gone : 1;
};

/* What arrived before the break is worth reading: an answer, then a reset because of the request's rest. */
static inline void socket_break_off(struct socket_stream *s, int error)
{
    if (s->is_broken)
        return;
    s->is_broken = true;
    s->error = error;
    s->is_readable = true;
    s->owes_drained = false;
    queue_fini(&s->out);
    loop_defer(s->base.loop, &s->work);
}

#endif
