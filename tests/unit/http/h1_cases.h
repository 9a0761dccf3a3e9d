/** Heads as a peer sends them, and what must come of each: the tables behind test_h1_request.c and
 *  test_h1_answer.c. Each case is tried whole, cut at every byte, and byte by byte. */
#ifndef TESTS_H1_CASES_H
#define TESTS_H1_CASES_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/macro.h"
#include "http/h1_parser.h"

static const struct h1_parse_limits case_limits = {.head_bytes = 1024, .fields = 16, .target_bytes = 128};

struct h1_case {
    const char *rule; /* and the section of RFC 9112 or 9110 that it is from */
    struct slice bytes;
    enum fault fault; /* NONE: accepted */
};

#define CASE_OK(rule_, text)                                                                                 \
    {                                                                                                        \
        rule_, {text, sizeof(text) - 1}, FAULT_NONE                                                          \
    }
#define CASE_REFUSED(fault_, rule_, text)                                                                    \
    {                                                                                                        \
        rule_, {text, sizeof(text) - 1}, FAULT_##fault_                                                      \
    }

typedef enum h1_outcome parse_call(struct h1_parse *parse, struct h1_progress *progress, struct slice bytes);

/* Exactly these bytes and no more, so that the address sanitizer sees a read behind them. */
static enum h1_outcome parse_copy(parse_call *call, struct h1_parse *parse, struct h1_progress *progress,
                                  struct slice bytes)
{
    char *copy = malloc(bytes.len ? bytes.len : 1);
    enum h1_outcome outcome;

    memcpy(copy, bytes.data, bytes.len);
    outcome = call(parse, progress, slice_of(copy, bytes.len));
    free(copy);
    return outcome;
}

/* Lends the first *first* bytes, then one more each *step*, as a stream would. */
static enum h1_outcome parse_in_steps(parse_call *call, struct h1_parse *parse, struct slice bytes,
                                      size_t first, size_t step)
{
    struct h1_progress progress = {0};
    enum h1_outcome outcome = H1_MORE;

    for (size_t len = first; outcome == H1_MORE; len += step) {
        outcome = parse_copy(call, parse, &progress, slice_head(bytes, len));
        if (len >= bytes.len)
            break;
    }
    return outcome;
}

/* The rule that was named for the whole of it must be named for its pieces. */
static const char *whole_detail;

static void check_outcome(const struct h1_case *c, const struct h1_parse *parse, enum h1_outcome outcome,
                          const char *how, size_t at)
{
    if (at == 0)
        whole_detail = parse->detail;
    if (c->fault == FAULT_NONE)
        cr_expect(outcome == H1_HEAD, "%s: %s %zu: refused: %s", c->rule, how, at,
                  outcome == H1_MORE ? "not complete" : parse->detail);
    else
        cr_expect(outcome == H1_REFUSED && parse->fault == c->fault && parse->detail &&
                      parse->detail == whole_detail,
                  "%s: %s %zu: outcome %d fault %s", c->rule, how, at, outcome,
                  outcome == H1_REFUSED ? fault_row(parse->fault)->token : "-");
}

static inline void check_cases(parse_call *call, const struct h1_case *cases, size_t count)
{
    static struct h1_parse parse;

    for (size_t i = 0; i < count; i++) {
        const struct h1_case *c = &cases[i];

        check_outcome(c, &parse, parse_in_steps(call, &parse, c->bytes, c->bytes.len, 1), "whole", 0);
        check_outcome(c, &parse, parse_in_steps(call, &parse, c->bytes, 1, 1), "byte by byte", 1);
        for (size_t at = 1; at < c->bytes.len; at++)
            check_outcome(c, &parse, parse_in_steps(call, &parse, c->bytes, at, c->bytes.len), "cut at", at);
    }
}

#endif
