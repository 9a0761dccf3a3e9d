#include "backends/dns_walk.h"

static void take_step(struct dns_walk *walk);

/* Outcomes. */

const char *dns_outcome_describe(enum dns_outcome outcome)
{
    static const char *const TEXTS[] = {
        [DNS_FOUND] = "found",
        [DNS_NO_NAME] = "no such name (NXDOMAIN)",
        [DNS_NO_DATA] = "the name exists, but without such records (no data)",
        [DNS_SILENT] = "the name servers did not answer in time",
        [DNS_UNREACHABLE] = "no name server can be reached",
        [DNS_SERVFAIL] = "the name servers failed (SERVFAIL)",
        [DNS_REFUSED] = "the name servers refused the question (REFUSED)",
        [DNS_MALFORMED] = "the name servers' answer is malformed",
        [DNS_FAILED] = "the name servers could not answer",
    };

    return TEXTS[outcome];
}

bool dns_outcome_is_authoritative(enum dns_outcome outcome)
{
    return outcome == DNS_NO_NAME || outcome == DNS_NO_DATA;
}

/* The first failure is kept: what came later may be its consequence. */
enum dns_outcome dns_outcome_graver(enum dns_outcome a, enum dns_outcome b)
{
    return a > DNS_NO_DATA ? a : MAX(a, b);
}

/* Answers. */

static bool is_found(const struct dns_walk *walk)
{
    return dns_answer_has_records(&walk->answers[0]) || dns_answer_has_records(&walk->answers[1]);
}

static bool is_waiting(const struct dns_walk *walk)
{
    return walk->questions[0] || walk->questions[1];
}

static void cancel_questions(struct dns_walk *walk)
{
    loop_cancel(walk->loop, &walk->grace);
    for (unsigned i = 0; i < walk->types_count; i++)
        if (walk->questions[i])
            dns_question_cancel(TAKE(walk->questions[i]));
}

static void judge(struct dns_walk *walk)
{
    for (unsigned i = 0; i < walk->types_count; i++)
        walk->has_failed[i] |= walk->questions[i] != NULL;
    cancel_questions(walk);
    if (is_found(walk))
        walk->outcome = DNS_FOUND;
}

static void end(struct dns_walk *walk)
{
    judge(walk);
    walk->on_end(walk);
}

static enum dns_outcome read_answer(enum dns_type type, enum dns_outcome outcome, struct slice bytes,
                                    struct dns_answer *out)
{
    if (outcome != DNS_FOUND)
        return outcome;
    if (dns_answer_read(bytes, type, out) < 0)
        return DNS_MALFORMED;
    return dns_answer_has_records(out) ? DNS_FOUND : DNS_NO_DATA;
}

/* Nobody to ask, or no time left: the next name would fare no better. */
static bool is_hopeless(const struct dns_walk *walk)
{
    return walk->outcome == DNS_SILENT || walk->outcome == DNS_UNREACHABLE;
}

static void on_answer(void *owner, struct dns_question *question, enum dns_outcome outcome,
                      struct slice bytes)
{
    struct dns_walk *walk = owner;
    unsigned at = question == walk->questions[0] ? 0 : 1;

    walk->questions[at] = NULL;
    outcome = read_answer(walk->types[at], outcome, bytes, &walk->answers[at]);
    if (outcome != DNS_FOUND)
        walk->outcome = dns_outcome_graver(walk->outcome, outcome);
    walk->has_failed[at] |= outcome != DNS_FOUND && !dns_outcome_is_authoritative(outcome);
    if (!is_waiting(walk) && (is_found(walk) || is_hopeless(walk)))
        end(walk);
    else if (!is_waiting(walk))
        take_step(walk);
    else if (is_found(walk))
        loop_arm(walk->loop, &walk->grace, walk->grace_ms);
}

static void on_grace_over(struct timer *timer)
{
    end(CONTAINER_OF(timer, struct dns_walk, grace));
}

/* Steps. */

static bool next_name(struct dns_walk *walk, char out[DNS_NAME_MAX + 1])
{
    static const struct dns_search NO_SEARCH;

    do
        if (!dns_search_step(walk->search ? walk->search : &NO_SEARCH, walk->name, walk->step++, out))
            return false;
    while (!out[0]);
    return true;
}

static void take_step(struct dns_walk *walk)
{
    char name[DNS_NAME_MAX + 1];

    if (!next_name(walk, name)) {
        end(walk);
        return;
    }
    for (unsigned i = 0; i < walk->types_count; i++)
        walk->questions[i] = dns_client_ask(walk->client, name, walk->types[i], on_answer, walk);
}

static void on_begin(struct pending *pending)
{
    take_step(CONTAINER_OF(pending, struct dns_walk, beginning));
}

void dns_walk_begin(struct dns_walk *walk, bool searches)
{
    walk->search = searches ? dns_client_search(walk->client) : NULL;
    walk->outcome = DNS_NO_NAME;
    timer_init(&walk->grace, on_grace_over);
    walk->beginning.run = on_begin;
    loop_defer(walk->loop, &walk->beginning);
}

void dns_walk_conclude(struct dns_walk *walk)
{
    bool has_begun = !link_is_in_list(&walk->beginning.link), was_waiting = is_waiting(walk) || !has_begun;

    if (walk->outcome != DNS_FOUND)
        judge(walk);
    for (unsigned i = 0; i < walk->types_count; i++)
        walk->has_failed[i] |= !has_begun;
    loop_undefer(&walk->beginning);
    if (!is_found(walk) && was_waiting)
        walk->outcome = dns_outcome_graver(walk->outcome, DNS_SILENT);
}

void dns_walk_fini(struct dns_walk *walk)
{
    cancel_questions(walk);
    loop_undefer(&walk->beginning);
    for (unsigned i = 0; i < walk->types_count; i++)
        dns_answer_fini(&walk->answers[i]);
}
