/** Where a play takes place: a worker whose clock stands still until the test moves it, a routing table, and
 *  for each play a client with a fake front and, once the exchange asks for one, a fake back.
 *
 *  Between two steps of a play a turn of the loop ends, so what was retired is gone. */
#ifndef TESTS_SIM_STAGE_H
#define TESTS_SIM_STAGE_H

#include "backends/acquire.h"
#include "net/address.h"
#include "proxy/client.h"
#include "proxy/snapshot.h"
#include "proxy/worker.h"
#include "sim/fake_end.h"

struct play;

/** What backends/acquire is to the exchange; see fake_acquire.c. */
struct back_office {
    struct link plays;
    struct play *beginning; /* whose exchange is being started */
};

/** The routes of every stage. */
enum {
    ROUTE_APP,    /* http://app.test: two targets */
    ROUTE_SMALL,  /* http://app.test/small: limits.body 10 */
    ROUTE_CLOSED, /* http://app.test/closed: respond 410 */
    ROUTE_OLD,    /* http://old.test: redirect */
    ROUTE_SECURE, /* https://app.localhost */
    ROUTE_PICKY,  /* http://app.test/picky: when method is GET */
    ROUTE_AGAIN,  /* http://app.test/again: retry: {tries: 2, resets: true} */
    ROUTES_COUNT
};
/** Milliseconds; all different, so that what expires tells which it was. */
enum { STALL_MS = 20000, ANSWER_MS = 40000, ANSWER_IDLE_MS = 80000, TUNNEL_MS = 160000 };

struct stage {
    struct loop *loop;
    struct worker worker;
    struct back_office office;
    struct snapshot *snapshot;
    struct route_options options, small_options;
};

struct play {
    struct link link; /* in the stage's plays */
    struct stage *stage;
    struct stream stream; /* the client's, for its addresses */
    struct address peer, local;
    struct client client;
    struct fake_end front, back;

    /* of fake_acquire.c */
    struct acquisition *attempt; /* of its exchange; NULL: none was asked for */
    struct endpoint endpoint;    /* that it gets */
    bool is_asked, is_ready;     /* waits for a connection; has one */
    bool is_reused;              /* what the next connection is */
    bool is_at_once;             /* the next one is idle and there from inside acquire_start() */
    bool has_sent;               /* bytes of the request left */
    bool is_shared;         /* it is HTTP/2: what has not left was refused, and is replayed in any case */
    size_t credited_before; /* to the front, when this connection was handed over */
    bool expects_continue;  /* the request says Expect: 100-continue */
    bool asks_upgrade;
    struct text office; /* what was asked of it: "acquire", "acquire fresh", "cancelled", "kept", "closed" */
    unsigned starts, ends; /* acquisitions begun; released or failed */
    unsigned logged;       /* access lines */
    struct text line;      /* the last one */
};

struct stage *stage_new(void);
/** Nothing is armed, every exchange was recycled, or the test fails. */
void stage_free(struct stage *stage);
void stage_wait(struct stage *stage, uint64_t ms);
/** What was retired is freed. */
void stage_turn(struct stage *stage);

struct play *play_new(struct stage *stage);
/** The invariants that hold for every exchange, however it went. */
void play_check_over(struct play *play);
void play_free(struct play *play);

/** The front's request: "POST /x", for app.test unless "POST http://host/x" or https. */
void play_asks(struct play *play, const char *line, enum body_kind body, uint64_t length);
/** A WebSocket's opening request: its head is not the last of it (http/end.h). */
void play_asks_upgrade(struct play *play, const char *target);
/** A stage with one play whose request was given. */
struct play *play_begin(const char *line, enum body_kind body, uint64_t length);
/** Checks the invariants, and ends play and stage. */
void play_end(struct play *play);

/** The connection is there. */
void back_ready(struct play *play);
void back_fails(struct play *play, enum fault fault, const char *detail);
void back_answers(struct play *play, int status, enum body_kind body, uint64_t length);

#define EXPECT_FRONT(play, text)  fake_end_expect(&(play)->front, (text), __FILE__, __LINE__)
#define EXPECT_BACK(play, text)   fake_end_expect(&(play)->back, (text), __FILE__, __LINE__)
#define EXPECT_OFFICE(play, text) play_expect_office((play), (text), __FILE__, __LINE__)
void play_expect_office(struct play *play, const char *text, const char *file, unsigned line);
/** The front got this answer of the proxy's own, with an id to find it by, and the access line says why. */
#define EXPECT_FAILED(play, status, fault, detail)                                                           \
    play_expect_failed((play), (status), (fault), (detail), __FILE__, __LINE__)
void play_expect_failed(struct play *play, int status, enum fault fault, const char *detail, const char *file,
                        unsigned line);
/** The one access line has this text in it. */
#define EXPECT_LOGGED(play, text)                                                                            \
    cr_assert((play)->logged == 1 && strstr((play)->line.data, (text)), "%u lines: %s", (play)->logged,      \
              (play)->line.data ? (play)->line.data : "")

#endif
