#include "backends/probe.h"

#include <stdio.h>

#include "backends/connect.h"
#include "base/mem.h"
#include "http/h1_client.h"
#include "net/loop.h"
#include "net/proxy_protocol.h"

/* Happy path:  probe_start() → connected → (GET → final head) → done(true).
 * On failure:  done(false) with the reason, from wherever it stopped.
 * On close:    probe_cancel() ends the connection; either way the probe is gone at the end of the turn. */

enum { PROBE_MAGIC = 0x9e0be000 };

static const struct h1_client_limits ANSWER_LIMITS = {.head_bytes = 64 * 1024, .fields = 256};

struct probe {
    unsigned magic;
    struct loop *loop;
    const struct endpoint *endpoint;
    const struct pool *pool;
    probe_done *done;
    void *owner;
    struct arena arena;
    struct connect connect;
    struct h1_client *client; /* while an answer is awaited */
    struct timer deadline;    /* of the answer; the connection has its own */
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
    if (probe->client)
        h1_client_close(TAKE(probe->client)); /* the body is not waited for */
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

static void on_head(void *owner, const struct head *head, bool last)
{
    struct probe *probe = CAST(probe, PROBE, owner);
    const struct pool_health *rules = &probe->pool->health;
    unsigned status = (unsigned)head->status;

    if (status < 200) /* an interim one: the answer follows */
        return;
    if (status >= rules->status_min && status <= rules->status_max)
        finish(probe, PROBE_GOOD, SLICE(""));
    else
        finish(probe, PROBE_BAD, say_status(probe, head->status));
}

/* The final head ends it, and the request has no content: none of these four comes. */
static void on_data(void *owner, struct slice bytes, bool last)
{
}

static void on_trailers(void *owner, const struct fields *trailers)
{
}

static void on_idle_closed(void *owner)
{
}

static void on_credit(void *owner, size_t n)
{
}

static void on_reset(void *owner, enum fault fault, int error_number)
{
    struct probe *probe = CAST(probe, PROBE, owner);

    finish(probe, PROBE_BAD, slice_str(fault_row(fault)->sentence));
}

static const struct http_end_events END_EVENTS = {
    .head = on_head, .data = on_data, .trailers = on_trailers, .credit = on_credit, .reset = on_reset};
static const struct h1_client_events CLIENT_EVENTS = {.idle_closed = on_idle_closed};

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
    unsigned usual_port = target->is_tls ? 443 : 80;

    if (probe->pool->health.host.len)
        return probe->pool->health.host;
    if (target->kind == TARGET_UNIX)
        return SLICE("localhost");
    if (slice_starts(text, SLICE("https://")))
        text = slice_from(text, strlen("https://"));
    if (target->port == usual_port)
        text.len -= target->is_tls ? strlen(":443") : strlen(":80");
    return text;
}

static void ask(struct probe *probe, struct stream *stream)
{
    struct head head = {
        .method = METHOD_GET,
        .method_text = SLICE("GET"),
        .target = probe->pool->health.path,
        .authority = host_of(probe),
        .major = 1,
        .minor = 1,
    };
    struct http_end *end;

    fields_add(&head.fields, &probe->arena, SLICE("User-Agent"), SLICE("portico-health/" PORTICO_VERSION));
    fields_add(&head.fields, &probe->arena, SLICE("Connection"), SLICE("close"));
    probe->client = h1_client_new(stream, &ANSWER_LIMITS, &CLIENT_EVENTS, probe);
    end = h1_client_begin(probe->client);
    http_end_own(end, &END_EVENTS, probe);
    end->ops->head(end, &head, true);
}

static bool asks(const struct pool *pool)
{
    return !pool->is_raw && pool->health.path.len;
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
