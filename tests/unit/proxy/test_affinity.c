#include "proxy/affinity.h"

#include <criterion/criterion.h>

struct scene {
    struct arena arena;
    struct head head;
    struct address client;
};

static struct address client_of(const char *ip, uint16_t port)
{
    struct ip parsed;

    cr_assert(ip_parse(slice_str(ip), &parsed));
    return address_from_ip(parsed, port);
}

static void scene_init(struct scene *scene)
{
    *scene = (struct scene){.head = {.target = SLICE("/a/b?q=1"), .authority = SLICE("app.test")},
                            .client = client_of("192.0.2.7", 50000)};
}

static void given(struct scene *scene, const char *name, const char *value)
{
    struct slice text = slice_str(name);

    fields_add(&scene->head.fields, &scene->arena, text, slice_str(value));
    scene->head.fields.items[scene->head.fields.count - 1].id = field_id_of(text);
}

static uint64_t key_by(struct scene *scene, enum hash_by by, const char *name)
{
    const struct pool pool = {.balance = BALANCE_HASH, .hash_by = by, .hash_name = slice_str(name)};

    return affinity_key(&pool, &scene->head, &scene->client);
}

static uint64_t client_key(struct scene *scene)
{
    return affinity_client_key(&scene->client);
}

/* --- Cookies */

static const struct cookie_row {
    const char *name, *fields[3];
    const char *value; /* NULL: there is none */
} COOKIES[] = {
    {"alone", {"app=abc"}, "abc"},
    {"first of several", {"app=abc; x=1"}, "abc"},
    {"last of several", {"x=1; app=abc"}, "abc"},
    {"without blanks between", {"x=1;app=abc;y=2"}, "abc"},
    {"with many blanks", {"x=1 ; \t app=abc  ;y=2"}, "abc"},
    {"in a second field", {"x=1", "app=abc"}, "abc"},
    {"in both: the first counts", {"app=abc", "app=def"}, "abc"},
    {"twice in one: the first counts", {"app=abc; app=def"}, "abc"},
    {"quoted, as it came", {"app=\"abc\""}, "\"abc\""},
    {"with an equals sign", {"app=a=b"}, "a=b"},
    {"a longer name that begins so", {"apple=abc"}, NULL},
    {"a longer name that ends so", {"myapp=abc"}, NULL},
    {"a longer name first", {"apple=1; app=abc"}, "abc"},
    {"another case: names are compared as they are", {"App=abc"}, NULL},
    {"a name alone", {"app"}, NULL},
    {"a blank before the equals sign", {"app =abc"}, NULL},
    {"as a value", {"x=app=abc"}, NULL},
    {"empty", {"app="}, ""},
    {"nothing but separators", {";; ; "}, NULL},
    {"an empty field", {""}, NULL},
    {"no field", {NULL}, NULL},
};

Test(affinity, cookies_are_read_as_the_table_says)
{
    static const struct pool STICKY = {.sticky = SLICE("app")};

    for (size_t i = 0; i < ARRAY_LEN(COOKIES); i++) {
        const struct cookie_row *row = &COOKIES[i];
        struct scene scene;
        struct slice tag;

        scene_init(&scene);
        for (size_t f = 0; f < ARRAY_LEN(row->fields) && row->fields[f]; f++)
            given(&scene, "cookie", row->fields[f]);
        tag = affinity_tag(&STICKY, &scene.head);
        cr_expect(slice_eq(tag, slice_str(row->value ? row->value : "")), "%s: \"%.*s\"", row->name,
                  FMT_SLICE(tag));
        cr_expect_eq(key_by(&scene, HASH_COOKIE, "app") == client_key(&scene), !row->value || !*row->value,
                     "%s: without a value it goes by its client", row->name);
        arena_fini(&scene.arena);
    }
}

Test(affinity, of_a_pool_that_is_not_sticky_has_no_tag)
{
    struct scene scene;

    scene_init(&scene);
    given(&scene, "Cookie", "=abc; app=abc");
    cr_assert_eq(affinity_tag(&(struct pool){0}, &scene.head).len, 0);
    arena_fini(&scene.arena);
}

Test(affinity, the_cookie_is_for_the_whole_host_and_no_script)
{
    struct arena arena = {0};
    const struct pool pool = {.sticky = SLICE("app")};

    cr_expect_str_eq(affinity_cookie(&pool, SLICE("0123"), false, &arena).data,
                     "app=0123; Path=/; HttpOnly; SameSite=Lax");
    cr_expect_str_eq(affinity_cookie(&pool, SLICE("0123"), true, &arena).data,
                     "app=0123; Path=/; HttpOnly; SameSite=Lax; Secure");
    arena_fini(&arena);
}

/* --- Keys */

Test(affinity, of_a_client_is_the_same_over_connections)
{
    struct scene scene;
    uint64_t key;

    scene_init(&scene);
    key = key_by(&scene, HASH_CLIENT, "");
    cr_assert_eq(key, client_key(&scene));
    scene.client = client_of("192.0.2.7", 50001);
    cr_assert_eq(key_by(&scene, HASH_CLIENT, ""), key, "another port");
    scene.client = client_of("192.0.2.8", 50001);
    cr_assert_neq(key_by(&scene, HASH_CLIENT, ""), key, "another client");
    scene.client = client_of("2001:db8::7", 1);
    cr_assert_neq(key_by(&scene, HASH_CLIENT, ""), key);
}

Test(affinity, of_a_path_leaves_the_query_out)
{
    struct scene scene;
    uint64_t key;

    scene_init(&scene);
    key = key_by(&scene, HASH_PATH, "");
    scene.head.target = SLICE("/a/b");
    cr_assert_eq(key_by(&scene, HASH_PATH, ""), key);
    scene.head.target = SLICE("/a/b?");
    cr_assert_eq(key_by(&scene, HASH_PATH, ""), key);
    scene.client = client_of("192.0.2.8", 1);
    cr_assert_eq(key_by(&scene, HASH_PATH, ""), key, "whoever asks");
    scene.head.target = SLICE("/a/c");
    cr_assert_neq(key_by(&scene, HASH_PATH, ""), key);
}

Test(affinity, of_a_field_is_the_same_whoever_asks)
{
    struct scene scene;
    uint64_t key;

    scene_init(&scene);
    given(&scene, "X-User", "jane");
    key = key_by(&scene, HASH_HEADER, "x-user");
    cr_assert_neq(key, client_key(&scene));
    scene.client = client_of("192.0.2.8", 1);
    cr_assert_eq(key_by(&scene, HASH_HEADER, "X-USER"), key);
    arena_fini(&scene.arena);
}

Test(affinity, of_a_field_that_is_missing_or_empty_is_the_clients)
{
    struct scene scene;

    scene_init(&scene);
    cr_assert_eq(key_by(&scene, HASH_HEADER, "X-User"), client_key(&scene));
    given(&scene, "X-User", "");
    cr_assert_eq(key_by(&scene, HASH_HEADER, "X-User"), client_key(&scene));
    arena_fini(&scene.arena);
}

/* The codec takes Host out of the fields. */
Test(affinity, of_the_host_is_the_authority)
{
    struct scene scene;
    uint64_t key;

    scene_init(&scene);
    key = key_by(&scene, HASH_HEADER, "Host");
    cr_assert_neq(key, client_key(&scene));
    scene.client = client_of("192.0.2.8", 1);
    cr_assert_eq(key_by(&scene, HASH_HEADER, "host"), key);
    scene.head.authority = SLICE("other.test");
    cr_assert_neq(key_by(&scene, HASH_HEADER, "host"), key);
}
