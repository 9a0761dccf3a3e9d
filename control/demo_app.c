#include "control/demo_app.h"

#include "base/list.h"
#include "base/mem.h"
#include "base/text.h"
#include "http/h1_server.h"
#include "net/loop.h"
#include "tls/digest.h"

enum { APP_MAGIC = 0xde30a990 };

/** One connection to the app. */
struct app {
    unsigned magic;
    struct link link;
    struct loop *loop;
    const char *name;
    struct http_server *server;
    struct http_end *end; /* of the request under way; NULL: none, or answered */
    struct head head;     /* its copy */
    struct arena arena;
    bool is_websocket;
};

static struct link all = {&all, &all}; /* of the one demo thread */

static const struct http_server_limits LIMITS = {.head_bytes = 32768,
                                                 .target_bytes = 8192,
                                                 .fields = 128,
                                                 .requests = 10000,
                                                 .head_ms = 15000,
                                                 .idle_ms = 75000};

static void answer(struct app *app)
{
    struct http_end *end = TAKE(app->end);
    struct head head = {.status = 200, .body = BODY_LENGTH, .has_length = true};
    struct text body = {0};

    text_printf(&body, "Hello from %s.\nYou asked for %.*s of %.*s.\nThe proxy said:\n", app->name,
                FMT_SLICE(app->head.target), FMT_SLICE(app->head.authority));
    for (size_t i = 0; i < app->head.fields.count; i++) {
        const struct field *field = &app->head.fields.items[i];

        if (slice_starts_nocase(field->name, SLICE("x-forwarded-")) || field->id == FIELD_VIA)
            text_printf(&body, "  %.*s: %.*s\n", FMT_SLICE(field->name), FMT_SLICE(field->value));
    }
    head.length = body.len;
    fields_add(&head.fields, &app->arena, SLICE("Content-Type"), SLICE("text/plain; charset=utf-8"));
    end->ops->head(end, &head, false);
    end->ops->data(end, text_slice(&body), true);
    text_fini(&body);
    arena_reset(&app->arena);
}

/* ---- webSocket (RFC 6455), as much as a greeting and an echo need ---- */

enum { FRAME_TEXT = 0x81, FRAME_CLOSE = 0x88, FRAME_MASKED = 0x80, FRAME_SHORT_MAX = 125 };

static void send_frame(struct app *app, unsigned char kind, struct slice payload, bool last)
{
    char frame[2 + FRAME_SHORT_MAX] = {(char)kind, (char)payload.len};

    memcpy(frame + 2, payload.data, payload.len);
    app->end->ops->data(app->end, slice_of(frame, 2 + payload.len), last);
}

static void accept_websocket(struct app *app)
{
    const struct field *key = fields_find_name(&app->head.fields, SLICE("sec-websocket-key"));
    struct head head = {.status = 101, .protocol = SLICE("websocket"), .body = BODY_UNKNOWN};
    char accept[WEBSOCKET_ACCEPT_LEN + 1];

    digest_websocket_accept(key ? key->value : SLICE(""), accept);
    fields_add(&head.fields, &app->arena, SLICE("Sec-WebSocket-Accept"), slice_str(accept));
    app->is_websocket = true;
    app->end->ops->head(app->end, &head, false);
    send_frame(app, FRAME_TEXT, SLICE("hello over WebSocket"), false);
}

static void say_goodbye(struct app *app)
{
    send_frame(app, FRAME_CLOSE, SLICE(""), true);
    app->end = NULL;
}

/* A whole short frame a segment is what people type; anything else ends the conversation. */
static void on_frame(struct app *app, struct slice bytes)
{
    char payload[FRAME_SHORT_MAX];
    size_t len = bytes.len >= 2 ? (unsigned char)bytes.data[1] & 0x7f : 0;

    if (bytes.len < 6 || len > FRAME_SHORT_MAX || bytes.len != 6 + len || !(bytes.data[1] & FRAME_MASKED) ||
        (unsigned char)bytes.data[0] != FRAME_TEXT) {
        say_goodbye(app);
        return;
    }
    for (size_t i = 0; i < len; i++)
        payload[i] = (char)(bytes.data[6 + i] ^ bytes.data[2 + i % 4]);
    send_frame(app, FRAME_TEXT, slice_of(payload, len), false);
}

/* ---- events ---- */

static void on_head(void *owner, const struct head *head, bool last)
{
    ASSERT(!"a front end gives its head once, at the start");
}

static void on_data(void *owner, struct slice bytes, bool last)
{
    struct app *app = CAST(app, APP, owner);

    if (!app->end) /* we have said our last; the other side still may */
        return;
    app->end->ops->credit(app->end, bytes.len);
    if (app->is_websocket && !last)
        on_frame(app, bytes);
    else if (app->is_websocket)
        say_goodbye(app);
    else if (last)
        answer(app);
}

static void on_trailers(void *owner, const struct fields *trailers)
{
    answer(CAST(app, APP, owner));
}

static void on_credit(void *owner, size_t n)
{
    (void)CAST(app, APP, owner); /* answers are short: nothing waits for room */
}

static void on_reset(void *owner, enum fault fault, int error_number)
{
    CAST(app, APP, owner)->end = NULL;
}

static const struct http_end_events END_EVENTS = {on_head, on_data, on_trailers, on_credit, on_reset};

static void on_request(void *owner, struct http_end *end, const struct head *head, bool last)
{
    struct app *app = CAST(app, APP, owner);

    app->end = end;
    http_end_own(end, &END_EVENTS, app);
    head_copy(&app->head, head, &app->arena);
    if (slice_eq(head->protocol, SLICE("websocket")) && slice_eq(head->target, SLICE("/ws")))
        accept_websocket(app);
    else if (last || head->protocol.len) /* elsewhere an upgrade is declined */
        answer(app);
}

static void on_refused(void *owner, struct http_end *end, const struct head *head, enum fault fault,
                       const char *detail)
{
    const struct head refusal = {.status = 400, .body = BODY_NONE};

    end->ops->head(end, &refusal, true);
}

static void app_free(void *object)
{
    struct app *app = object;

    arena_fini(&app->arena);
    mem_free(app);
}

static void on_closed(void *owner, enum fault fault)
{
    struct app *app = CAST(app, APP, owner);

    list_remove(&app->link);
    loop_retire(app->loop, app, app_free);
}

static const struct http_server_events SERVER_EVENTS = {on_request, on_refused, on_closed};

void demo_app_serve(struct loop *loop, struct stream *stream, const char *name)
{
    struct app *app = mem_new(struct app);

    MAGIC_SET(app, APP);
    app->loop = loop;
    app->name = name;
    list_push_back(&all, &app->link);
    app->server = h1_server_new(stream, &LIMITS, &SERVER_EVENTS, app);
}

void demo_app_close_all(void)
{
    LIST_EACH(&all, link)
        http_server_close(CONTAINER_OF(link, struct app, link)->server, true);
}
