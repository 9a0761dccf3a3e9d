/** Tables from a few lines, and requests from a URL, for the tests of routing. */
#ifndef TESTS_TABLES_H
#define TESTS_TABLES_H

#include <criterion/criterion.h>

#include "routing/table.h"

struct row {
    const char *key;
    unsigned line;
    const struct conditions *when;
};

/** Adds one row under that number. @return as table_builder_add() */
int add_row(struct table_builder *builder, const struct row *row, uint32_t number, struct error *error);
/** All rows, numbered from 0; none may be refused. */
struct table *table_of_rows(const struct row *rows, size_t count);
#define TABLE_OF(...)                                                                                        \
    table_of_rows((const struct row[]){__VA_ARGS__},                                                         \
                  sizeof((const struct row[]){__VA_ARGS__}) / sizeof(struct row))

/** A request for "https://host[:port]/path[?query]"; lends the URL. GET, from 192.0.2.1 to 198.51.100.1. */
struct url_request {
    uint16_t port;
    struct request_view view;
};
struct url_request request_of(const char *url);
struct match match_of(const struct table *table, const char *url);
/** The number of the route that takes it; -1 minus the match_result when none does. */
int taken_by(const struct table *table, const char *url);
enum {
    NO_HOST = -1 - MATCH_NO_HOST,
    NO_PATH = -1 - MATCH_NO_PATH,
    NO_CONDITION = -1 - MATCH_NO_CONDITION,
    AMBIGUOUS = -1 - MATCH_AMBIGUOUS,
    BAD_PATH = -1 - MATCH_BAD_PATH
};

struct ip ip_of(const char *text);
struct cidr cidr_of(const char *text);
struct url_key key_of(const char *text, struct arena *arena);

/** A small generator (xorshift64*), so that a failure can be repeated from the seed that it prints. */
uint64_t next_random(uint64_t *state);
size_t random_below(uint64_t *state, size_t n);
/** From PORTICO_TEST_SEED, else from the clock. */
uint64_t test_seed(void);

#endif
