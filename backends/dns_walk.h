/** One name, by the search domains, asked for one or two types of records: each full name is asked for both at once,
 *  and the first that has any is the answer. */
#ifndef BACKENDS_DNS_WALK_H
#define BACKENDS_DNS_WALK_H

#include "backends/dns_client.h"

enum { DNS_WALK_TYPES_MAX = 2 };

/** In the owner's memory, which outlives the turn in which it ends. */
struct dns_walk {
    struct dns_client *client;
    struct loop *loop;
    struct slice name; /* the owner's */
    const struct dns_search *search;
    unsigned step;
    unsigned types_count;
    enum dns_type types[DNS_WALK_TYPES_MAX];
    struct dns_question *questions[DNS_WALK_TYPES_MAX];
    struct dns_answer answers[DNS_WALK_TYPES_MAX];
    struct pending beginning;
    struct timer grace;
    uint64_t grace_ms;

    enum dns_outcome outcome;            /* DNS_FOUND: see answers; else the gravest that was met */
    bool has_failed[DNS_WALK_TYPES_MAX]; /* somebody who might have known more of that type */
    void (*on_end)(struct dns_walk *walk);
};

/** Client, loop, name, types, grace_ms and on_end are set by the owner; on_end comes once, never from inside.
 *  @param grace_ms  how long an answer waits for the other type's
 *  @param searches  by the search domains; else the name is full */
void dns_walk_begin(struct dns_walk *walk, bool searches);
/** Time is up: with what is there by now. on_end does not come. */
void dns_walk_conclude(struct dns_walk *walk);
/** Cancels what is under way. Also after the end; the owner always calls it. */
void dns_walk_fini(struct dns_walk *walk);

/** "no such name (NXDOMAIN)"; not for DNS_FOUND. */
const char *dns_outcome_describe(enum dns_outcome outcome);
/** Did the name servers themselves say that there is none? */
bool dns_outcome_is_authoritative(enum dns_outcome outcome);
/** The graver of two: a failure over "no data" over "no such name". */
enum dns_outcome dns_outcome_graver(enum dns_outcome a, enum dns_outcome b);

#endif
