/* The table against a matcher that asks every route in turn, on random tables; and against its own size. */
#include <stdio.h>
#include <time.h>

#include "base/mem.h"
#include "routing/path.h"
#include "tables.h"

static bool is_wildcard_for(struct slice name, struct slice host)
{
    return host.len > name.len + 1 && slice_ends(host, name) && host.data[host.len - name.len - 1] == '.';
}

/* How well a key's host fits: more is better, 0 not at all. */
static size_t host_rank(const struct url_key *key, struct slice host)
{
    if (key->host_kind == HOST_ANY)
        return 1;
    if (key->host_kind == HOST_WILDCARD)
        return is_wildcard_for(key->host, host) ? 2 + key->host.len : 0;
    return slice_eq(key->host, host) ? 1000 : 0;
}

static bool is_prefix(struct slice prefix, struct slice path)
{
    return slice_starts(path, prefix) && (path.len == prefix.len || path.data[prefix.len] == '/');
}

struct reference {
    struct url_key *keys;
    const struct conditions **when;
    size_t count;
};

static bool is_method_asked(const struct conditions *when, struct slice method)
{
    return !when || slice_eq(when->methods[0], method);
}

/* Straight from the contract: the best host, then the longest path whose conditions hold, then the first. */
static int reference_path(const struct reference *all, const struct request_view *request, struct slice path)
{
    size_t best_host = 0;
    int found = NO_HOST;

    for (size_t i = 0; i < all->count; i++)
        best_host = MAX(best_host, host_rank(&all->keys[i], request->host));
    for (size_t i = 0; i < all->count && best_host; i++) {
        const struct url_key *key = &all->keys[i];

        if (host_rank(key, request->host) != best_host)
            continue;
        if (found == NO_HOST)
            found = NO_PATH;
        if (!is_prefix(key->path, path))
            continue;
        if (found == NO_PATH)
            found = NO_CONDITION;
        if (is_method_asked(all->when[i], request->method) &&
            (found < 0 || key->path.len > all->keys[found].path.len))
            found = (int)i;
    }
    return found;
}

static int reference_match(const struct reference *all, const struct request_view *request)
{
    char bytes[256];
    int found;

    if (reference_path(all, request, SLICE("/")) == NO_HOST)
        return NO_HOST;
    found = reference_path(all, request, slice_of(bytes, (size_t)path_normalise(request->path, bytes)));
    for (unsigned readings = 0; readings < 2 * PATH_WITHOUT_DOTS; readings++) {
        ptrdiff_t len = path_read(request->path, readings, bytes);

        if (readings & (PATH_MERGED | PATH_MERGED_LAST) & ~path_readings(request->path))
            continue;
        if (MAX(reference_path(all, request, slice_of(bytes, (size_t)len)), -1) != MAX(found, -1))
            return AMBIGUOUS;
    }
    return found;
}

static struct slice pick(uint64_t *random, const char *const *items, size_t count)
{
    return slice_str(items[random_below(random, count)]);
}

static void random_host(uint64_t *random, char *out)
{
    static const char *const LABELS[] = {"a", "b", "c", "test", "x-1"};

    *out = '\0';
    for (size_t labels = 1 + random_below(random, 4); labels; labels--) {
        strcat(out, pick(random, LABELS, 5).data);
        if (labels > 1)
            strcat(out, ".");
    }
}

static void random_path(uint64_t *random, bool is_key, char *out)
{
    static const char *const SEGMENTS[] = {"v", "v1",   "v10", "v1-x",   "x",      "X",      "~u",   "..",
                                           ".", "%761", "",    "x%2Fv1", "%2E%2e", "v1%5cx", "v1;x", "..;"};

    *out = '\0';
    for (size_t segments = random_below(random, 5); segments; segments--) {
        strcat(out, "/");
        strcat(out, pick(random, SEGMENTS, is_key ? 7 : 16).data);
    }
    if (*out == '\0')
        strcpy(out, "/");
}

static const struct conditions POSTS = {.methods = (const struct slice[]){{"POST", 4}}, .methods_count = 1};

/* Fills both; what the builder refuses is not in the reference either. */
static struct table *random_table(uint64_t *random, struct reference *all, struct arena *arena)
{
    struct table_builder *builder = table_builder_new();

    for (size_t i = 1 + random_below(random, 40); i; i--) {
        const struct conditions *when = random_below(random, 4) ? NULL : &POSTS;
        char text[256] = "http://", host[64], path[128];
        struct error error;
        struct url_key key;

        random_host(random, host);
        random_path(random, true, path);
        if (random_below(random, 3) == 0)
            strcat(text, "*.");
        if (random_below(random, 12))
            strcat(text, host);
        else
            strcpy(text, "http://:80");
        strcat(text, path);
        key = key_of(text, arena);
        if (table_builder_add(builder, &key, when, (uint32_t)all->count, 1, &error) < 0)
            continue;
        all->keys[all->count] = key;
        all->when[all->count++] = when;
    }
    return table_builder_done(builder);
}

Test(table_reference, look_up_equals_asking_every_route)
{
    uint64_t seed = test_seed(), random = seed;

    for (int round = 0; round < 300; round++) {
        struct url_key keys[64];
        const struct conditions *when[64];
        struct reference all = {keys, when, 0};
        struct arena arena = {0};
        struct table *table = random_table(&random, &all, &arena);

        for (int i = 0; i < 60; i++) {
            struct url_request request = request_of("http://a/");
            char host[64], path[128];
            struct match match;
            int expected, found;

            random_host(&random, host);
            random_path(&random, false, path);
            request.view.host = slice_str(host);
            request.view.path = slice_str(path);
            request.view.method = random_below(&random, 2) ? SLICE("POST") : SLICE("GET");
            expected = reference_match(&all, &request.view);
            match = port_table_request(table_port(table, 80), &request.view);
            found = match.route ? (int)match.route->number : -1 - (int)match.result;
            cr_assert_eq(found, expected, "seed %lu, round %d: http://%s%s is %d, not %d", seed, round, host,
                         path, found, expected);
            if (match.route)
                cr_assert(is_prefix(match.route->key.path, request.view.path) || path[0] == '*',
                          "seed %lu: %s does not begin with its route", seed, path);
        }
        table_free(table);
        arena_fini(&arena);
    }
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

enum { MANY = 100000 };

/* Host i: exact, wildcard and with a path in turn. */
static void many_host(size_t i, bool is_key, char *out, size_t size)
{
    switch (i % 3) {
    case 0:
        snprintf(out, size, "http://host-%zu.shop.example", i);
        break;
    case 1:
        snprintf(out, size, "http://%s.zone-%zu.example", is_key ? "*" : "www", i);
        break;
    default:
        snprintf(out, size, "http://api-%zu.example/v%zu", i, i % 7);
    }
}

static struct url_key *many_keys(struct arena *arena)
{
    struct url_key *keys = mem_new_n(struct url_key, MANY);
    char text[80];

    for (size_t i = 0; i < MANY; i++) {
        many_host(i, true, text, sizeof(text));
        keys[i] = key_of(text, arena);
    }
    return keys;
}

static struct table *table_of_keys(const struct url_key *keys, size_t count)
{
    struct table_builder *builder = table_builder_new();
    struct error error;

    for (size_t i = 0; i < count; i++)
        cr_assert_eq(table_builder_add(builder, &keys[i], NULL, (uint32_t)i, (unsigned)i + 1, &error), 0,
                     "%s", error.text);
    return table_builder_done(builder);
}

/* The bounds are ten times what is seen: they catch a cost that grows with the square, not a slow machine. */
Test(table_reference, hundred_thousand_hosts_are_built_and_found)
{
    struct arena arena = {0};
    struct url_key *keys = many_keys(&arena);
    double start = seconds();
    struct table *table = table_of_keys(keys, MANY);
    double built = seconds() - start;
    char url[80];

    cr_assert_lt(built, 3, "built in %.3f s", built);
    for (size_t i = 0; i < MANY; i++) {
        many_host(i, false, url, sizeof(url));
        cr_assert_eq(taken_by(table, url), (int)i, "%s", url);
    }
    cr_assert_eq(taken_by(table, "http://host-1.shop.example/"), NO_HOST);
    cr_assert_eq(taken_by(table, "http://zone-1.example/"), NO_HOST);
    cr_assert_eq(taken_by(table, "http://api-2.example/"), NO_PATH);
    fprintf(stderr, "100,000 hosts: built in %.3f s\n", built);
    table_free(table);
    mem_free(keys);
    arena_fini(&arena);
}

Test(table_reference, ten_thousand_paths_of_one_host_are_built_and_found)
{
    enum { PATHS = 10000 };
    struct arena arena = {0};
    struct url_key *keys = mem_new_n(struct url_key, PATHS);
    struct table *table;
    double start, took;
    char url[80];

    for (size_t i = 0; i < PATHS; i++) {
        snprintf(url, sizeof(url), "http://a/%zu/%zu%s", i % 100, i / 100, i % 2 ? "/deep" : "");
        keys[i] = key_of(url, &arena);
    }
    start = seconds();
    table = table_of_keys(keys, PATHS);
    for (size_t i = 0; i < PATHS; i++) {
        snprintf(url, sizeof(url), "http://a/%zu/%zu/deep/x", i % 100, i / 100);
        cr_assert_eq(taken_by(table, url), (int)i, "%s", url);
    }
    took = seconds() - start;
    cr_assert_lt(took, 3, "took %.3f s", took);
    cr_assert_eq(taken_by(table, "http://a/1"), NO_PATH);
    cr_assert_eq(taken_by(table, "http://a/1/0"), NO_PATH);
    table_free(table);
    mem_free(keys);
    arena_fini(&arena);
}
