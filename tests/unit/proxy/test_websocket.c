#include <criterion/criterion.h>

#include "proxy/websocket.h"

/* RFC 6455 §1.3's own example. */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define NONCE  SLICE("the sample nonce")

struct scene {
    struct arena arena;
    struct head request, answer;
};

static struct scene open_scene(void)
{
    return (struct scene){.request = {.major = 2, .protocol = SLICE("websocket")},
                          .answer = {.status = 101, .major = 1, .minor = 1}};
}

static void add(struct scene *scene, struct head *head, const char *name, const char *value)
{
    fields_add(&head->fields, &scene->arena, slice_str(name), slice_str(value));
}

static const char *value_of(const struct head *head, const char *name)
{
    const struct field *field = fields_find_name(&head->fields, slice_str(name));

    return field ? field->value.data : NULL;
}

Test(websocket, request_without_a_key_gets_one_whose_answer_is_checked_and_kept_back)
{
    struct scene scene = open_scene();
    struct websocket websocket = websocket_of(&scene.request, NONCE, &scene.arena);

    websocket_ask(&websocket, &scene.request, &scene.arena);
    cr_assert_str_eq(value_of(&scene.request, "sec-websocket-key"), KEY);
    cr_expect(!websocket_agrees(&websocket, &scene.answer), "no answer at all");
    add(&scene, &scene.answer, "Sec-WebSocket-Accept", ACCEPT);
    cr_expect(websocket_agrees(&websocket, &scene.answer));
    websocket_tell(&websocket, &scene.answer, &scene.arena);
    cr_expect_null(value_of(&scene.answer, "sec-websocket-accept"));
    arena_fini(&scene.arena);
}

Test(websocket, wrong_answer_to_our_key_is_seen)
{
    struct scene scene = open_scene();
    struct websocket websocket = websocket_of(&scene.request, NONCE, &scene.arena);

    add(&scene, &scene.answer, "Sec-WebSocket-Accept", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    cr_expect(!websocket_agrees(&websocket, &scene.answer));
    scene.answer.major = 2;
    cr_expect(websocket_agrees(&websocket, &scene.answer), "later versions say nothing of it");
    arena_fini(&scene.arena);
}

Test(websocket, clients_own_key_is_answered_where_the_backend_does_not)
{
    struct scene scene = open_scene();
    struct websocket websocket;

    add(&scene, &scene.request, "Sec-WebSocket-Key", KEY);
    websocket = websocket_of(&scene.request, NONCE, &scene.arena);
    websocket_ask(&websocket, &scene.request, &scene.arena);
    cr_expect_eq(scene.request.fields.count, 1);
    websocket_tell(&websocket, &scene.answer, &scene.arena);
    cr_expect_eq(scene.answer.fields.count, 0, "of HTTP/1.1 it is the backend's to say");
    scene.answer.major = 2;
    websocket_tell(&websocket, &scene.answer, &scene.arena);
    cr_assert_str_eq(value_of(&scene.answer, "sec-websocket-accept"), ACCEPT);
    arena_fini(&scene.arena);
}

Test(websocket, other_upgrades_are_left_alone)
{
    struct scene scene = open_scene();
    struct websocket websocket;

    scene.request.protocol = SLICE("chat");
    websocket = websocket_of(&scene.request, NONCE, &scene.arena);
    websocket_ask(&websocket, &scene.request, &scene.arena);
    websocket_tell(&websocket, &scene.answer, &scene.arena);
    cr_expect_eq(scene.request.fields.count + scene.answer.fields.count, 0);
    cr_expect(websocket_agrees(&websocket, &scene.answer));
    arena_fini(&scene.arena);
}
