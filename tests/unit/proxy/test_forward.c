#include <criterion/criterion.h>

#include "proxy/forward.h"

struct scene {
    struct arena arena;
    struct route_options options;
    struct action action;
    struct url_key key;
    struct forward forward;
    struct head in, out;
};

static void scene_init(struct scene *scene)
{
    *scene =
        (struct scene){.in = {.authority = SLICE("App.Test:8443"), .target = SLICE("/v1/x?q=1"), .minor = 1}};
    scene->action.options = &scene->options;
    scene->forward = (struct forward){
        .action = &scene->action,
        .key = &scene->key,
        .client_ip = SLICE("192.0.2.7"),
        .port = 8443,
        .is_tls = true,
        .request_id = SLICE("0123456789abcdef"),
        .arena = &scene->arena,
    };
}

static void given(struct scene *scene, const char *name, const char *value)
{
    fields_add(&scene->in.fields, &scene->arena, slice_str(name), slice_str(value));
}

static struct slice sent(struct scene *scene, const char *name)
{
    const struct field *field = fields_find_name(&scene->out.fields, slice_str(name));

    return field ? field->value : SLICE("(none)");
}

#define EXPECT_SENT(scene, name, text)                                                                       \
    cr_expect(slice_eq(sent((scene), (name)), slice_str(text)), "%s is \"%.*s\"", (name),                    \
              FMT_SLICE(sent((scene), (name))))

Test(forward, an_untrusted_clients_claims_are_replaced)
{
    struct scene scene;

    scene_init(&scene);
    given(&scene, "X-Forwarded-For", "203.0.113.9");
    given(&scene, "X-Forwarded-Proto", "gopher");
    given(&scene, "X-Real-IP", "203.0.113.9");
    given(&scene, "Forwarded", "for=203.0.113.9");
    given(&scene, "X-Request-Id", "mine");
    given(&scene, "x-forwarded-prefix", "/admin");
    given(&scene, "X-Forwarded", "for=203.0.113.9");
    given(&scene, "Cookie", "a=b");
    forward_request(&scene.forward, &scene.in, &scene.out);
    EXPECT_SENT(&scene, "X-Forwarded-For", "192.0.2.7");
    EXPECT_SENT(&scene, "X-Forwarded-Proto", "https");
    EXPECT_SENT(&scene, "X-Forwarded-Host", "App.Test:8443");
    EXPECT_SENT(&scene, "X-Forwarded-Port", "8443");
    EXPECT_SENT(&scene, "X-Request-Id", "0123456789abcdef");
    EXPECT_SENT(&scene, "Via", "1.1 portico");
    EXPECT_SENT(&scene, "X-Real-IP", "(none)");
    EXPECT_SENT(&scene, "Forwarded", "(none)");
    EXPECT_SENT(&scene, "X-Forwarded-Prefix", "(none)");
    EXPECT_SENT(&scene, "X-Forwarded", "for=203.0.113.9");
    EXPECT_SENT(&scene, "Cookie", "a=b");
    arena_fini(&scene.arena);
}

Test(forward, a_trusted_proxys_claims_are_kept_and_lists_go_on)
{
    struct scene scene;

    scene_init(&scene);
    scene.forward.is_trusted = true;
    given(&scene, "X-Forwarded-For", "203.0.113.9");
    given(&scene, "X-Forwarded-For", "198.51.100.1");
    given(&scene, "X-Forwarded-Proto", "http");
    given(&scene, "Via", "1.1 edge");
    given(&scene, "X-Request-Id", "theirs");
    given(&scene, "X-Forwarded-Prefix", "/app");
    forward_request(&scene.forward, &scene.in, &scene.out);
    EXPECT_SENT(&scene, "X-Forwarded-For", "203.0.113.9, 198.51.100.1, 192.0.2.7");
    EXPECT_SENT(&scene, "X-Forwarded-Proto", "http");
    EXPECT_SENT(&scene, "X-Forwarded-Port", "8443");
    EXPECT_SENT(&scene, "X-Request-Id", "theirs");
    EXPECT_SENT(&scene, "X-Forwarded-Prefix", "/app");
    EXPECT_SENT(&scene, "Via", "1.1 edge, 1.1 portico");
    arena_fini(&scene.arena);
}

struct target_case {
    const char *prefix, *rewrite, *target, *expected;
    bool strip;
};

static const struct target_case TARGETS[] = {
    {"/v1", NULL, "/v1/x?q=1", "/v1/x?q=1", false},
    {"/v1", NULL, "/v1/x?q=1", "/x?q=1", true},
    {"/v1", NULL, "/v1", "/", true},
    {"/v1", NULL, "/v1?q", "/?q", true},
    {"/v1", NULL, "/%761/x", "/x", true},
    {"/v1", "/api", "/v1/x", "/api/x", false},
    {"/v1", "/api/", "/v1/x", "/api/x", false},
    {"/v1", "/", "/v1/x", "/x", false},
    {"", "/base", "/x", "/base/x", false},
    {"", NULL, "*", "*", true},
};

Test(forward, the_prefix_is_taken_off_or_replaced)
{
    for (size_t i = 0; i < ARRAY_LEN(TARGETS); i++) {
        const struct target_case *row = &TARGETS[i];
        struct scene scene;

        scene_init(&scene);
        scene.in.target = slice_str(row->target);
        scene.key.path = slice_str(row->prefix);
        scene.options.strip_prefix = row->strip;
        scene.options.rewrite_path = slice_str(row->rewrite);
        forward_request(&scene.forward, &scene.in, &scene.out);
        cr_expect(slice_eq(scene.out.target, slice_str(row->expected)), "%s with %s: %.*s", row->target,
                  row->prefix, FMT_SLICE(scene.out.target));
        arena_fini(&scene.arena);
    }
}

Test(forward, edits_set_add_and_remove)
{
    const struct field_edit edits[] = {
        {FIELD_EDIT_SET, SLICE("X-Env"), SLICE("live")},
        {FIELD_EDIT_ADD, SLICE("Accept"), SLICE("text/plain")},
        {FIELD_EDIT_REMOVE, SLICE("cookie"), SLICE("")},
        {FIELD_EDIT_SET, SLICE("Host"), SLICE("inner.test")},
    };
    struct scene scene;

    scene_init(&scene);
    scene.options.request_edits = edits;
    scene.options.request_edits_count = ARRAY_LEN(edits);
    given(&scene, "x-env", "test");
    given(&scene, "Accept", "*/*");
    given(&scene, "Cookie", "a=b");
    forward_request(&scene.forward, &scene.in, &scene.out);
    EXPECT_SENT(&scene, "X-Env", "live");
    EXPECT_SENT(&scene, "Host", "(none)");
    cr_expect(slice_eq(scene.out.authority, SLICE("inner.test")));
    EXPECT_SENT(&scene, "Cookie", "(none)");
    EXPECT_SENT(&scene, "Accept", "*/*");
    cr_expect_eq(fields_count(&scene.out.fields, FIELD_ACCEPT), 2);
    cr_expect_eq(scene.in.fields.count, 3, "the request itself stays as it came");
    arena_fini(&scene.arena);
}

Test(forward, an_answer_without_edits_is_passed_as_it_is)
{
    struct scene scene;

    scene_init(&scene);
    cr_assert_eq(forward_answer(&scene.forward, &scene.in, &scene.out), &scene.in);
}
