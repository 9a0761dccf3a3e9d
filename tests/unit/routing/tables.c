#include "tables.h"

#include <stdlib.h>
#include <time.h>

struct ip ip_of(const char *text)
{
    struct ip ip;

    cr_assert(ip_parse(slice_str(text), &ip), "%s", text);
    return ip;
}

struct cidr cidr_of(const char *text)
{
    struct cidr cidr;

    cr_assert(cidr_parse(slice_str(text), &cidr), "%s", text);
    return cidr;
}

struct url_key key_of(const char *text, struct arena *arena)
{
    struct error error = {0};
    struct url_key key = {0};

    cr_assert_eq(url_key_parse(slice_str(text), arena, &key, &error), 0, "%s: %s", text, error.text);
    return key;
}

int add_row(struct table_builder *builder, const struct row *row, uint32_t number, struct error *error)
{
    struct arena arena = {0};
    struct url_key key = key_of(row->key, &arena);
    int rc = table_builder_add(builder, &key, row->when, number, row->line ? row->line : number + 1, error);

    arena_fini(&arena);
    return rc;
}

struct table *table_of_rows(const struct row *rows, size_t count)
{
    struct table_builder *builder = table_builder_new();
    struct error error = {0};

    for (size_t i = 0; i < count; i++)
        cr_assert_eq(add_row(builder, &rows[i], (uint32_t)i, &error), 0, "%s: %s", rows[i].key, error.text);
    return table_builder_done(builder);
}

struct url_request request_of(const char *url)
{
    struct url_request request = {.view = {.method = SLICE("GET"),
                                           .path = SLICE("/"),
                                           .from = ip_of("192.0.2.1"),
                                           .local = ip_of("198.51.100.1")}};
    struct slice rest = slice_str(url);
    ptrdiff_t at;
    uint64_t port;

    request.view.is_tls = slice_starts(rest, SLICE("https://"));
    request.port = request.view.is_tls ? 443 : 80;
    rest = slice_from(rest, (size_t)slice_find(rest, '/') + 2);
    at = slice_find(rest, '/');
    request.view.host = at < 0 ? rest : slice_head(rest, (size_t)at);
    if (at >= 0) {
        request.view.path = slice_from(rest, (size_t)at);
        at = slice_find(request.view.path, '?');
        if (at >= 0) {
            request.view.query = slice_from(request.view.path, (size_t)at + 1);
            request.view.path.len = (size_t)at;
        }
    }
    at = slice_find(request.view.host, ':');
    if (at >= 0) {
        cr_assert(slice_to_u64(slice_from(request.view.host, (size_t)at + 1), 65535, &port));
        request.port = (uint16_t)port;
        request.view.host.len = (size_t)at;
    }
    return request;
}

struct match match_of(const struct table *table, const char *url)
{
    struct url_request request = request_of(url);
    const struct port_table *port = table_port(table, request.port);

    cr_assert_not_null(port, "%s: no such port", url);
    return port_table_request(port, &request.view);
}

int taken_by(const struct table *table, const char *url)
{
    struct match match = match_of(table, url);

    cr_assert_eq(match.result == MATCH_FOUND, match.route != NULL, "%s", url);
    return match.route ? (int)match.route->number : -1 - (int)match.result;
}

uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dULL;
}

size_t random_below(uint64_t *state, size_t n)
{
    return (size_t)(next_random(state) >> 33) % n;
}

uint64_t test_seed(void)
{
    const char *given = getenv("PORTICO_TEST_SEED");

    return given ? strtoull(given, NULL, 10) | 1 : (uint64_t)time(NULL) << 1 | 1;
}
