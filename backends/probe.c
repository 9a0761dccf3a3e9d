#include "backends/probe.h"

#include <stdio.h>

#include "backends/connect.h"
#include "backends/grpc_health.h"
#include "base/mem.h"
#include "http/h1_client.h"
#include "http/h2_client.h"
#include "net/loop.h"
#include "net/proxy_protocol.h"

/* Happy path:  probe_start() → connected → (GET → final head, or POST → grpc-status) → done(PROBE_GOOD).
 * On failure:  done() with the reason, from wherever it stopped.
 * On close:    probe_cancel() ends the connection; either way the probe is gone at the end of the turn. */

enum { PROBE_MAGIC = 0x9e0be000 };

enum { ANSWER_HEAD_BYTES = 64 * 1024, ANSWER_FIELDS = 256 };

struct probe {
    unsigned magic;
    struct loop *loop;
    const struct endpoint *endpoint;
    const struct pool *pool;
    probe_done *done;
    void *owner;
    struct arena arena;
    struct connect connect;
    struct h1_client *h1; /* while an answer is awaited: one of the two */
    struct h2_client *h2;
    struct http_end *end;
    struct grpc_health_answer *grpc; /* NULL: gRPC is not asked */
    struct timer deadline;           /* of the answer; the connection has its own */
    uint64_t began_ms;
    char preface[PROXY_PROTOCOL_MAX];
};

/* --- End */

static void probe_free(void *object)
{
    struct probe *probe = object;

    arena_fini(&probe->arena);
    probe->magic = 0;
    mem_free(probe);
}

static void leave(struct probe *probe)
{
    connect_cancel(&probe->connect);
    loop_cancel(probe->loop, &probe->deadline);
    if (probe->h1)
        h1_client_close(TAKE(probe->h1)); /* the body is not waited for */
    if (probe->h2) {
        probe->end->ops->reset(probe->end, FAULT_NONE); /* or it would be told of the close */
        h2_client_close(TAKE(probe->h2));
    }
    loop_retire(probe->loop, probe, probe_free);
}

static void finish(struct probe *probe, enum probe_result result, struct slice why)
{
    leave(probe);
    probe->done(probe->owner, result, why);
}

void probe_cancel(struct probe *probe)
{
    leave(CAST(probe, PROBE, probe));
}

/* --- The answer */

static struct slice say_status(struct probe *probe, int status)
{
    const struct pool_health *rules = &probe->pool->health;

    if (rules->status_min == rules->status_max)
        return arena_printf(&probe->arena, "answered %d, not %u", status, rules->status_min);
    return arena_printf(&probe->arena, "answered %d, not %u to %u", status, rules->status_min,
                        rules->status_max);
}

static struct slice value_of(const struct fields *fields, const char *name)
{
    const struct field *field = fields_find_name(fields, slice_str(name));

    return field ? field->value : slice_of(NULL, 0);
}

static void judge_grpc(struct probe *probe, const struct fields *fields)
{
    struct slice why = grpc_health_judge(probe->grpc, value_of(fields, "grpc-status"),
                                         value_of(fields, "grpc-message"), &probe->arena);

    finish(probe, why.len ? PROBE_BAD : PROBE_GOOD, why);
}

/* Proxies and servers of other kinds answer as HTTP does. @param last  an answer without content says all in its head */
static void take_grpc_head(struct probe *probe, const struct head *head, bool last)
{
    struct slice type = value_of(&head->fields, "content-type");

    if (head->status != 200)
        finish(probe, PROBE_BAD, arena_printf(&probe->arena, "answered %d, not 200", head->status));
    else if (!slice_starts_nocase(type, SLICE("application/grpc")))
        finish(probe, PROBE_BAD, SLICE("answered something else than gRPC"));
    else if (last)
        judge_grpc(probe, &head->fields);
}

static void on_head(void *owner, const struct head *head, bool last)
{
    struct probe *probe = CAST(probe, PROBE, owner);
    const struct pool_health *rules = &probe->pool->health;
    unsigned status = (unsigned)head->status;

    if (status < 200) /* an interim one: the answer follows */
        return;
    if (probe->grpc)
        take_grpc_head(probe, head, last);
    else if (status >= rules->status_min && status <= rules->status_max)
        finish(probe, PROBE_GOOD, SLICE(""));
    else
        finish(probe, PROBE_BAD, say_status(probe, head->status));
}

/* The final head ends a GET: these two are gRPC's. */
static void on_data(void *owner, struct slice bytes, bool last)
{
    struct probe *probe = CAST(probe, PROBE, owner);

    grpc_health_take(probe->grpc, bytes);
    if (last)
        judge_grpc(probe, &(struct fields){0});
    else
        probe->end->ops->credit(probe->end, bytes.len);
}

static void on_trailers(void *owner, const struct fields *trailers)
{
    judge_grpc(CAST(probe, PROBE, owner), trailers);
}

/* The request's content is short, and the connection has ended with the request. */
static void on_credit(void *owner, size_t n)
{
}

static void on_idle_closed(void *owner)
{
}

static void on_room(void *owner)
{
}

static void on_leaving(void *owner)
{
}

static void on_h2_closed(void *owner, enum fault fault, int error_number)
{
    struct probe *probe = CAST(probe, PROBE, owner);

    probe->h2 = NULL;
}

static void on_reset(void *owner, enum fault fault, int error_number)
{
    struct probe *probe = CAST(probe, PROBE, owner);

    finish(probe, PROBE_BAD, slice_str(fault_row(fault)->sentence));
}

static const struct http_end_events END_EVENTS = {
    .head = on_head, .data = on_data, .trailers = on_trailers, .credit = on_credit, .reset = on_reset};
static const struct h1_client_events H1_EVENTS = {.idle_closed = on_idle_closed};
static const struct h2_client_events H2_EVENTS = {
    .room = on_room, .leaving = on_leaving, .closed = on_h2_closed};

static void on_deadline(struct timer *timer)
{
    struct probe *probe = CONTAINER_OF(timer, struct probe, deadline);

    finish(probe, PROBE_BAD,
           arena_printf(&probe->arena, "%.*s did not answer within %llu ms", FMT_SLICE(probe->endpoint->text),
                        (unsigned long long)probe->pool->health.timeout_ms));
}

/* --- The request */

/* As a client would name it that was given this target. */
static struct slice host_of(struct probe *probe)
{
    const struct target *target = &probe->endpoint->target->target;
    struct slice text = target->text;

    if (probe->pool->health.host.len)
        return probe->pool->health.host;
    if (target->kind == TARGET_UNIX)
        return SLICE("localhost");
    text = slice_from(text, target_scheme(target).len);
    if (target->port == target_usual_port(target))
        text.len -= target->is_tls ? strlen(":443") : strlen(":80");
    return text;
}

static struct http_end *begin(struct probe *probe, struct stream *stream)
{
    const struct h1_client_limits h1_limits = {ANSWER_HEAD_BYTES, ANSWER_FIELDS};
    const struct h2_client_limits h2_limits = {ANSWER_HEAD_BYTES, ANSWER_FIELDS,
                                               probe->endpoint->target->target.is_tls};

    if (probe->endpoint->target->target.protocol == TARGET_H2) {
        probe->h2 = h2_client_new(stream, &h2_limits, &H2_EVENTS, probe);
        return h2_client_begin(probe->h2);
    }
    probe->h1 = h1_client_new(stream, &h1_limits, &H1_EVENTS, probe);
    return h1_client_begin(probe->h1);
}

static void add_field(struct probe *probe, struct head *head, const char *name, const char *value)
{
    fields_add(&head->fields, &probe->arena, slice_str(name), slice_str(value));
}

static void ask_path(struct probe *probe, struct head *head)
{
    head->method = METHOD_GET;
    head->method_text = SLICE("GET");
    head->target = probe->pool->health.path;
    if (probe->h1)
        add_field(probe, head, "Connection", "close");
    probe->end->ops->head(probe->end, head, true);
}

/* As any client of gRPC calls: with its deadline, so that a server that is late need not go on. */
static void ask_grpc(struct probe *probe, struct head *head)
{
    struct slice question = grpc_health_question(probe->pool->health.grpc, &probe->arena);
    unsigned long long timeout_ms = probe->pool->health.timeout_ms;

    probe->grpc = arena_zeroed(&probe->arena, sizeof(*probe->grpc));
    head->method = METHOD_POST;
    head->method_text = SLICE("POST");
    head->target = GRPC_HEALTH_PATH;
    head->takes_trailers = true;
    head->body = BODY_UNKNOWN;
    add_field(probe, head, "content-type", "application/grpc");
    add_field(probe, head, "grpc-timeout", arena_printf(&probe->arena, "%llum", timeout_ms).data);
    probe->end->ops->head(probe->end, head, false);
    probe->end->ops->data(probe->end, question, true);
}

static void ask(struct probe *probe, struct stream *stream)
{
    struct head head = {.authority = host_of(probe), .major = 1, .minor = 1};

    probe->end = begin(probe, stream);
    http_end_own(probe->end, &END_EVENTS, probe);
    add_field(probe, &head, "User-Agent", "portico-health/" PORTICO_VERSION);
    if (probe->pool->health.grpc.data)
        ask_grpc(probe, &head);
    else
        ask_path(probe, &head);
}

static bool asks(const struct pool *pool)
{
    return !pool->is_raw && (pool->health.path.len || pool->health.grpc.data);
}

/* --- The connection */

static void arm_deadline(struct probe *probe)
{
    uint64_t spent_ms = loop_now_ms(probe->loop) - probe->began_ms, limit_ms = probe->pool->health.timeout_ms;

    timer_init(&probe->deadline, on_deadline);
    loop_arm(probe->loop, &probe->deadline, limit_ms > spent_ms ? limit_ms - spent_ms : 0);
}

static void on_connected(void *owner, struct stream *stream)
{
    struct probe *probe = CAST(probe, PROBE, owner);

    if (asks(probe->pool)) {
        arm_deadline(probe);
        ask(probe, stream);
        return;
    }
    stream_end(stream, false); /* in order, so that nobody logs a reset */
    finish(probe, PROBE_GOOD, SLICE(""));
}

static void on_failed(void *owner, enum fault fault, int error_number, struct slice detail)
{
    bool is_ours = fault_row(fault)->blame == BLAME_US;

    finish(CAST(probe, PROBE, owner), is_ours ? PROBE_UNMADE : PROBE_BAD, detail);
}

static const struct connect_events CONNECT_EVENTS = {on_connected, on_failed};

static struct slice preface_of(struct probe *probe)
{
    switch (probe->pool->proxy_protocol) {
    case PROXY_PROTOCOL_V1:
        return proxy_protocol_v1(NULL, NULL, probe->preface, sizeof(probe->preface));
    case PROXY_PROTOCOL_V2:
        return proxy_protocol_v2(NULL, NULL, probe->preface, sizeof(probe->preface));
    default:
        return SLICE("");
    }
}

struct probe *probe_start(struct loop *loop, const struct endpoint *endpoint, const struct pool *pool,
                          probe_done *done, void *owner)
{
    struct probe *probe = mem_new(struct probe);

    MAGIC_SET(probe, PROBE);
    probe->loop = loop;
    probe->endpoint = endpoint;
    probe->pool = pool;
    probe->done = done;
    probe->owner = owner;
    probe->began_ms = loop_now_ms(loop);
    probe->connect = (struct connect){
        .loop = loop,
        .endpoint = endpoint,
        .arena = &probe->arena,
        .on = &CONNECT_EVENTS,
        .owner = probe,
        .timeout_ms = pool->health.timeout_ms,
        .is_raw = pool->is_raw,
        .sends_first = asks(pool),
        .sources = pool->sources,
        .sources_count = pool->sources_count,
        .preface = preface_of(probe),
    };
    connect_start(&probe->connect);
    return probe;
}
