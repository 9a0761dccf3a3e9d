/** What the files of the shared connections share (backends/shared_conns.c, shared_conns_wait.c). For them alone. */
#ifndef BACKENDS_SHARED_CONNS_PARTS_H
#define BACKENDS_SHARED_CONNS_PARTS_H

#include "backends/shared_conns.h"

enum { SHARED_CONN_MAGIC = 0x5ac02200 };

/* What h2_client_room() begins with. */
enum { SHARED_CONNS_ROOM_UNTOLD = 100 };

struct shared_conn {
    unsigned magic;
    struct link link; /* in home->conns, or home->leaving */
    struct shared_conns *home;
    struct h2_client *client;
    struct timer expiry;
    uint64_t number;
    bool is_leaving;
    bool is_settled; /* what the server allows is known of this very connection */
    uint64_t begun;  /* requests */
};

struct shared_conn *shared_conn_new(struct shared_conns *conns, struct stream *stream, bool is_secure);
/** Takes no more requests, and ends with the last one. */
void shared_conn_drain(struct shared_conn *conn);
/** Begins a request on one that has room. */
struct shared_use shared_conn_use(struct shared_conn *conn);
/** The oldest that has room, and no lower number. NULL: none has */
struct shared_conn *shared_conns_find_room(const struct shared_conns *conns, uint64_t after);
/** Those that are not doubtful (http/h2_client.h): these count for nothing, and are waited for by nobody. */
size_t shared_conns_sound_count(const struct shared_conns *conns);
/** How much the server allows now. At the end of a turn: what is told of a connection has been told by then, and one that
 *  leaves does not seem merely full. */
void shared_conns_learn(struct shared_conns *conns);

/** At the end of the turn those who wait get what room there is, and connections are begun for the others. */
void shared_conns_serve_soon(struct shared_conns *conns);
void shared_conns_end_dials(struct shared_conns *conns);
/** In shared_conns.serve. */
void shared_conns_serve(struct pending *pending);

#endif
