#include "routing/path.h"

#include "tables.h"

static const struct {
    const char *path, *normal; /* NULL: no path */
} CASES[] = {
    {"/", "/"},
    {"/a", "/a"},
    {"/a/", "/a/"},
    {"//", "//"},
    {"/a//b", "/a//b"},
    {"/a/./b", "/a/b"},
    {"/a/.", "/a/"},
    {"/.", "/"},
    {"/./", "/"},
    {"/a/../b", "/b"},
    {"/a/..", "/"},
    {"/a/b/..", "/a/"},
    {"/..", "/"},
    {"/../..", "/"},
    {"/../../a", "/a"},
    {"/a//../b", "/a/b"},
    {"/a/b/c/./../../g", "/a/g"},
    {"/...", "/..."},
    {"/.a", "/.a"},
    {"/a.", "/a."},
    {"/..a/b", "/..a/b"},
    {"/%61", "/a"},
    {"/%7Euser", "/~user"},
    {"/%7euser", "/~user"},
    {"/%2e%2E/a", "/a"},
    {"/a/%2e", "/a/"},
    {"/a/.%2E/b", "/b"},
    {"/a%2fb", "/a%2Fb"},
    {"/a%2Fb", "/a%2Fb"},
    {"/a%2F..%2Fb", "/a%2F..%2Fb"},
    {"/caf%c3%a9", "/caf%C3%A9"},
    {"/%2541", "/%2541"},
    {"/%25%34%31", "/%2541"},
    {"/a;b=c,d:@!$&'()*+=|^{}\"<>`", "/a;b=c,d:@!$&'()*+=|^{}\"<>`"},
    {"/%00", "/%00"},
    {"", NULL},
    {"a", NULL},
    {"*", NULL},
    {"http://a/", NULL},
    {"/%", NULL},
    {"/%2", NULL},
    {"/%zz", NULL},
    {"/%2g", NULL},
    {"/a%", NULL},
    {"/a b", NULL},
    {"/a\tb", NULL},
    {"/a\x7f", NULL},
    {"/\xc3\xa9", NULL},
    {"/a\\b", NULL},
    {"/a?b", NULL},
    {"/a#b", NULL},
};

Test(path, normal_form_is_that_of_rfc_3986)
{
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char out[64];
        ptrdiff_t len = path_normalise(slice_str(CASES[i].path), out);
        bool is_normal = CASES[i].normal && strcmp(CASES[i].path, CASES[i].normal) == 0;

        cr_assert_eq(path_is_normal(slice_str(CASES[i].path)), is_normal, "%s", CASES[i].path);
        if (!CASES[i].normal) {
            cr_assert_eq(len, -1, "%s", CASES[i].path);
            continue;
        }
        cr_assert(len >= 0 && slice_eq(slice_of(out, (size_t)len), slice_str(CASES[i].normal)), "%s: %.*s",
                  CASES[i].path, (int)len, out);
    }
    cr_assert_eq(path_normalise(SLICE("/a\0"), (char[8]){0}), -1);
    cr_assert_not(path_is_normal(SLICE("/a\0")));
}

enum { D = PATH_DECODED, S = PATH_SLASHES, B = PATH_BACKSLASHES, P = PATH_PARAMETERS, C = PATH_CUT };
enum {
    N = PATH_CUT_NUL,
    E = PATH_ENDED_NUL,
    M = PATH_MERGED,
    L = PATH_MERGED_LAST,
    R = PATH_WITHOUT_DOTS,
    ALL = 2 * R - 1
};

Test(path, each_reading_does_its_part)
{
    static const struct {
        const char *path;
        unsigned readings;
        const char *read;
    } cases[] = {
        {"/%61/../%2f", 0, "/%61/../%2F"},
        {"/%61/../%2f", D, "/a/../%2F"},
        {"/%61/../%2f", R, "/%2F"},
        {"/a%2fb%5cc", S, "/a/b%5Cc"},
        {"/a%2fb%5cc", B, "/a%2Fb/c"},
        {"/a%2fb%5cc", S | B, "/a/b/c"},
        {"/a%2f..%2fb", S | R, "/b"},
        {"/a/b%5c..%2f..", S | B | R, "/"},
        {"/%2fa", S, "//a"},
        {"/%2fa", S | M, "/a"},
        {"///a//b/", M, "/a/b/"},
        {"/a//../b", R, "/a/b"},
        {"/a//../b", M | R, "/b"},
        {"/a/..//b//..", M | R, "/"},
        {"/a/..//b//..", L | R, "/b/"},
        {"/a;b/c;d=e;f", C, "/a/c"},
        {"/a%3bb/c%00d/e", C, "/a/c%00d/e"},
        {"/a%3bb/c%00d/e", N, "/a%3Bb/c/e"},
        {"/a%3bb/c%00d/e", E, "/a%3Bb/c"},
        {"/a%3bb/c%00d/e", C | N, "/a/c/e"},
        {"/a;b/c%3bd", P, "/a/c%3Bd"},
        {"/a;b%00c/d", P | E, "/a/d"},
        {"/a;b%2fc", P | S, "/a"},
        {"/a/..;x/b", C | R, "/b"},
        {"/;x/a", C, "//a"},
        {"/;x/a", C | M, "/a"},
        {"/;", C, "/"},
        {"/a;b%2fc", C, "/a"},
        {"/a;b%2fc", S | C, "/a/c"},
        {"/a%252fb%253b", ALL, "/a%252fb%253b"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[64];
        ptrdiff_t len = path_read(slice_str(cases[i].path), cases[i].readings, out);

        cr_assert(len >= 0 && slice_eq(slice_of(out, (size_t)len), slice_str(cases[i].read)), "%s, %u: %.*s",
                  cases[i].path, cases[i].readings, (int)len, out);
    }
}

/* Pieces of which awkward paths are made. */
static struct slice random_path(uint64_t *random, char *room, size_t size)
{
    static const char *const PIECES[] = {"/",   "/",  "a",   ".",   "..",  "%2e",  "%2F",  "%5c",
                                         "%41", "%",  "%c3", "%7e", "/./", "/../", "/%2E", "%252",
                                         "e",   "//", "~",   "%25", ";",   "%3b",  "%00"};
    size_t len = 1;

    room[0] = '/';
    for (size_t pieces = random_below(random, 12); pieces; pieces--) {
        struct slice piece = slice_str(PIECES[random_below(random, sizeof(PIECES) / sizeof(PIECES[0]))]);

        if (len + piece.len > size)
            break;
        memcpy(room + len, piece.data, piece.len);
        len += piece.len;
    }
    return slice_of(room, len);
}

Test(path, normalising_twice_changes_nothing)
{
    uint64_t seed = test_seed(), random = seed;

    for (int i = 0; i < 100000; i++) {
        char room[64], once[64], twice[64];
        struct slice path = random_path(&random, room, sizeof(room));
        ptrdiff_t len = path_normalise(path, once), again;

        if (len < 0) {
            cr_assert_not(path_is_normal(path));
            continue;
        }
        cr_assert(path_is_normal(slice_of(once, (size_t)len)), "seed %lu: %.*s → %.*s", seed, FMT_SLICE(path),
                  (int)len, once);
        cr_assert_eq(path_is_normal(path), slice_eq(path, slice_of(once, (size_t)len)), "seed %lu: %.*s",
                     seed, FMT_SLICE(path));
        again = path_normalise(slice_of(once, (size_t)len), twice);
        cr_assert(again == len && memcmp(once, twice, (size_t)len) == 0, "seed %lu: %.*s → %.*s → %.*s", seed,
                  FMT_SLICE(path), (int)len, once, (int)again, twice);
    }
}

Test(path, only_the_readings_that_are_named_change_it)
{
    uint64_t seed = test_seed(), random = seed;

    for (int i = 0; i < 2000; i++) {
        char room[64], all[64], some[64];
        struct slice path = random_path(&random, room, sizeof(room));
        const unsigned may_change = path_readings(path);

        for (unsigned readings = 0; readings <= ALL; readings++) {
            if (readings & (M | L) & ~may_change)
                continue; /* slashes that stand there are two by RFC 3986 */
            ptrdiff_t len = path_read(path, readings, all);
            ptrdiff_t some_len = path_read(path, readings & may_change, some);

            cr_assert(len == some_len && (len < 0 || memcmp(all, some, (size_t)len) == 0),
                      "seed %lu: %.*s, %u", seed, FMT_SLICE(path), readings);
        }
    }
}
