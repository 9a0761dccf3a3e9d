/** A backend that sends what it was given to send: whole, in two pieces, or piece by piece. One thread serves
 *  all of its doors. A door is one address, so that Portico keeps its connections apart from those of the
 *  others: what came of a connection can be seen from what comes on it next.
 *
 *  A request for /row gets the bytes of the play. Any other is honest, and gets its own path as content;
 *  behind /last the connection ends. */
#ifndef CORPUS_PLAYER_H
#define CORPUS_PLAYER_H

#include "corpus/cases.h"

enum { PLAYER_DOORS = 256 };

struct player;

struct play {
    const char *bytes;
    size_t len;
    size_t first, step; /* bytes in the first piece, and in each other one */
    int pause_ms;       /* between two pieces, and before the end */
    enum answer_end end;
    bool is_early; /* answers at the end of the request's head */
};

/** What came of the last play at a door. Connections are numbers from 1 on; 0: none. */
struct played {
    bool is_over;           /* all was sent */
    unsigned times;         /* that /row was asked for */
    unsigned row_on;        /* connection, of the last time */
    unsigned next_on;       /* connection of the honest request behind it */
    bool row_is_open;       /* Portico still holds that connection */
    const char *unexpected; /* what arrived and should not have; NULL: nothing */
};

struct player *player_start(void);
int player_port(const struct player *player, size_t door);
void player_stage(struct player *player, size_t door, const struct play *play);
struct played player_result(struct player *player, size_t door);

#endif
