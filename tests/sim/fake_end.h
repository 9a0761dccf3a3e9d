/** An end of an exchange with nobody behind it but the test: it writes down what it is told, gives what the
 *  test wants it to give, and fails the test when the exchange breaks the contract of http/end.h — touches it
 * after it was detached, answers twice, credits what was not given.
 *
 *  A front gives the request and is told the answer; a back gives the answer and is told the request. */
#ifndef TESTS_SIM_FAKE_END_H
#define TESTS_SIM_FAKE_END_H

#include "base/arena.h"
#include "base/text.h"
#include "http/end.h"

enum { MORE = 0, LAST = 1 };

struct loop;

struct fake_end {
    struct http_end end;
    struct loop *loop; /* a turn ends behind each event */
    bool is_front;
    bool is_tunnel;    /* a 101 passed by */
    bool holds_credit; /* what it is told moves on only by fake_end_credits() */
    bool holds_answer; /* nothing of it has left: it can be recalled */
    struct text told;  /* a line for each call; long data by its length alone */
    struct arena arena;
    struct head head; /* the last one it was told */

    size_t given, credited; /* bytes it gave, and was credited */
    size_t taken, owed;     /* bytes it was told, and of these not credited yet */
    uint64_t acknowledged;  /* what the exchange hears that its peer took */
    bool gave_head, gave_last, gave_reset;
    bool told_head, told_last, told_reset;
    enum fault reset_fault; /* told */
    unsigned calls;         /* all that it was told */

    /* Content that is known by its place, so that what is lost, doubled or of another exchange shows. */
    uint64_t gives_seed, expects_seed; /* 0: free text */
    bool in_event;
};

void fake_end_init(struct fake_end *end, struct loop *loop, bool is_front);
void fake_end_fini(struct fake_end *end);
/** As at first, but for what it is set to do. */
void fake_end_renew(struct fake_end *end);
/** Attached to an exchange: may give, and be told. */
bool fake_end_is_live(const struct fake_end *end);

/* What it gives: events of the exchange. */
void fake_end_heads(struct fake_end *end, const struct head *head, bool last);
void fake_end_gives(struct fake_end *end, const char *text, bool last);
/** So many bytes of its own pattern. */
void fake_end_gives_bytes(struct fake_end *end, size_t count, bool last);
/** Offers so many bytes past the exchange. @return how many were taken */
size_t fake_end_moves(struct fake_end *end, size_t count);
void fake_end_trails(struct fake_end *end, const char *name, const char *value);
void fake_end_credits(struct fake_end *end, size_t count);
void fake_end_resets(struct fake_end *end, enum fault fault, int error_number);

/** What it was told since the last time, exactly. */
void fake_end_expect(struct fake_end *end, const char *told, const char *file, unsigned line);

#endif
