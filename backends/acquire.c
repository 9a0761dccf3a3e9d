#include "backends/acquire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/idle_conns.h"
#include "base/map.h"
#include "base/mem.h"
#include "http/h1_client.h"
#include "net/dial.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "tls/tls_stream.h"

/* Happy path:  NONE → (RESOLVE →) DIAL → (TLS →) READY → NONE, or NONE → READY on an idle connection.
 * On failure:  the next endpoint is tried, two at most; then failed() and NONE.
 * On close:    acquire_release() cancels whatever the state holds. */

enum { OTHER_TRIES = 2 };

static const struct h1_client_limits ANSWER_LIMITS = {.head_bytes = 64 * 1024, .fields = 256};

/** What one worker knows of one endpoint. */
struct worker_endpoint {
    struct idle_conns idle;
};

struct back_office {
    struct loop *loop;
    struct resolver *resolver;
    struct map by_identity; /* index into endpoints */
    struct arena names;
    struct worker_endpoint **endpoints;
    size_t count, cap;
    bool is_closed;
};

struct back_office *back_office_new(struct loop *loop)
{
    struct back_office *office = mem_new(struct back_office);

    office->loop = loop;
    office->resolver = resolver_new(loop);
    return office;
}

void back_office_close(struct back_office *office)
{
    office->is_closed = true;
    for (size_t i = 0; i < office->count; i++)
        idle_conns_close(&office->endpoints[i]->idle);
}

void back_office_free(struct back_office *office)
{
    if (!office)
        return;
    back_office_close(office);
    resolver_free(office->resolver);
    for (size_t i = 0; i < office->count; i++)
        mem_free(office->endpoints[i]);
    mem_free(office->endpoints);
    map_fini(&office->by_identity);
    arena_fini(&office->names);
    mem_free(office);
}

size_t back_office_idle(const struct back_office *office)
{
    size_t idle = 0;

    for (size_t i = 0; i < office->count; i++)
        idle += office->endpoints[i]->idle.count;
    return idle;
}

static struct worker_endpoint *office_find(struct back_office *office, const struct pool_target *endpoint)
{
    uint32_t index = map_get(&office->by_identity, endpoint->identity);
    struct worker_endpoint *slot;

    if (index != MAP_NONE)
        return office->endpoints[index];
    slot = mem_new(struct worker_endpoint);
    idle_conns_init(&slot->idle, office->loop);
    slot->idle.is_closed = office->is_closed;
    mem_grow((void **)&office->endpoints, &office->cap, office->count + 1, sizeof(*office->endpoints));
    office->endpoints[office->count] = slot;
    map_put(&office->by_identity, arena_copy(&office->names, endpoint->identity), (uint32_t)office->count++);
    return slot;
}

static void try_endpoint(struct acquisition *a);

/* The words a person needs: what was tried, what came back. */
static struct slice say_why(struct acquisition *a, enum fault fault, int error_number, const char *where)
{
    switch (fault) {
    case FAULT_BACK_REFUSED:
        if (error_number == ENOENT)
            return arena_printf(a->arena, "there is no socket %s", where);
        return arena_printf(a->arena, "nothing listens on %s", where);
    case FAULT_BACK_CONNECT_TIMEOUT:
        return arena_printf(a->arena, "%s did not take the connection within %llu ms", where,
                            (unsigned long long)a->connect_timeout_ms);
    default:
        return arena_printf(a->arena, "%s: %s", where, strerror(error_number));
    }
}

static void fail(struct acquisition *a, enum fault fault, int error_number, struct slice detail)
{
    a->state = ACQUIRE_NONE;
    a->tries++;
    if (a->tries <= OTHER_TRIES && a->tries < a->pool->count) {
        try_endpoint(a);
        return;
    }
    a->on->failed(a->owner, fault, error_number, detail);
}

static void ready(struct acquisition *a)
{
    a->state = ACQUIRE_READY;
    if (!a->is_raw) {
        a->stream = h1_client_stream(a->conn->client);
        a->is_reused = a->conn->served++ > 0;
        a->end = h1_client_begin(a->conn->client);
    }
    a->on->ready(a->owner);
}

static void established(struct acquisition *a, struct stream *stream)
{
    if (a->is_raw)
        a->stream = stream;
    else
        a->conn = idle_conns_open(&a->home->idle, stream, &ANSWER_LIMITS);
    ready(a);
}

/* What is left of this try's time, or TIMER_NEVER. */
static uint64_t time_left_ms(const struct acquisition *a)
{
    uint64_t spent_ms = loop_now_ms(a->office->loop) - a->began_ms;

    if (a->connect_timeout_ms == TIMER_NEVER)
        return TIMER_NEVER;
    return a->connect_timeout_ms > spent_ms ? a->connect_timeout_ms - spent_ms : 0;
}

static void arm_deadline(struct acquisition *a, void (*on_expired)(struct timer *timer))
{
    timer_init(&a->deadline, on_expired);
    loop_arm(a->office->loop, &a->deadline, time_left_ms(a));
}

static void on_tls_established(void *owner, struct stream *stream)
{
    struct acquisition *a = owner;

    loop_cancel(a->office->loop, &a->deadline);
    established(a, stream);
}

static void on_tls_failed(void *owner, enum fault fault, const char *detail)
{
    struct acquisition *a = owner;

    (void)fault; /* told from the client's side; here it is the backend's */
    loop_cancel(a->office->loop, &a->deadline);
    a->stream = NULL;
    fail(a, FAULT_BACK_TLS, 0,
         arena_printf(a->arena, "TLS to %.*s: %s", FMT_SLICE(a->endpoint->target.text), detail));
}

static const struct tls_stream_events TLS_EVENTS = {on_tls_established, on_tls_failed};

static void on_tls_deadline(struct timer *timer)
{
    struct acquisition *a = CONTAINER_OF(timer, struct acquisition, deadline);

    stream_close(TAKE(a->stream));
    fail(a, FAULT_BACK_CONNECT_TIMEOUT, 0,
         arena_printf(a->arena, "%.*s took the connection but did not end the TLS handshake within %llu ms",
                      FMT_SLICE(a->endpoint->target.text), (unsigned long long)a->connect_timeout_ms));
}

static void start_tls(struct acquisition *a, struct stream *stream)
{
    static const char *const ALPN[] = {"http/1.1", NULL};
    const struct target *target = &a->endpoint->target;
    char ip[IP_TEXT];
    const char *name = target->kind == TARGET_NAME ? arena_copy(a->arena, target->name).data
                       : target->kind == TARGET_IP ? ip_describe(target->ip, ip)
                                                   : NULL;
    struct tls_client_options options = {
        .server_name = target->kind == TARGET_NAME ? name : NULL,
        .verify_name = a->endpoint->verifies ? name : NULL,
        .alpn = a->is_raw ? NULL : ALPN,
    };

    a->state = ACQUIRE_TLS;
    arm_deadline(a, on_tls_deadline);
    a->stream = tls_stream_connect(stream, a->endpoint->tls, &options, &TLS_EVENTS, a);
}

static void on_connected(void *owner, struct stream *stream)
{
    struct acquisition *a = owner;

    a->dial = NULL;
    if (a->endpoint->tls)
        start_tls(a, stream);
    else
        established(a, stream);
}

static void on_dial_failed(void *owner, enum fault fault, int error_number, const struct address *address)
{
    struct acquisition *a = owner;
    char where[ADDRESS_TEXT];

    a->dial = NULL;
    fail(a, fault, error_number, say_why(a, fault, error_number, address_describe(address, where)));
}

static const struct dial_events DIAL_EVENTS = {on_connected, on_dial_failed};

static void start_dial(struct acquisition *a, const struct address *addresses, size_t count)
{
    a->state = ACQUIRE_DIAL;
    a->dial = dial_start(a->office->loop, addresses, count, time_left_ms(a), a->sends_first, &DIAL_EVENTS, a);
}

enum { MOST_ADDRESSES = 16 };

static void dial_resolved(struct acquisition *a, const struct address *found, size_t count)
{
    struct address addresses[MOST_ADDRESSES];

    count = MIN(count, (size_t)MOST_ADDRESSES);
    for (size_t i = 0; i < count; i++) {
        addresses[i] = found[i];
        address_set_port(&addresses[i], a->endpoint->target.port);
    }
    start_dial(a, addresses, count);
}

static void on_resolved(void *owner, const struct address *addresses, size_t count, const char *reason)
{
    struct acquisition *a = owner;

    loop_cancel(a->office->loop, &a->deadline);
    a->resolve = NULL;
    if (count == 0) {
        fail(a, FAULT_BACK_UNRESOLVED, 0,
             arena_printf(a->arena, "%.*s: %s", FMT_SLICE(a->endpoint->target.name), reason));
        return;
    }
    dial_resolved(a, addresses, count);
}

static void on_resolve_deadline(struct timer *timer)
{
    struct acquisition *a = CONTAINER_OF(timer, struct acquisition, deadline);

    resolve_cancel(TAKE(a->resolve));
    fail(a, FAULT_BACK_CONNECT_TIMEOUT, ETIMEDOUT,
         arena_printf(a->arena, "%.*s was not looked up within %llu ms", FMT_SLICE(a->endpoint->target.name),
                      (unsigned long long)a->connect_timeout_ms));
}

static void dial_name(struct acquisition *a)
{
    size_t count;
    const struct address *known = resolve_cached(a->office->resolver, a->endpoint->target.name, &count);

    if (known) {
        dial_resolved(a, known, count);
        return;
    }
    a->state = ACQUIRE_RESOLVE;
    arm_deadline(a, on_resolve_deadline);
    a->resolve = resolve_start(a->office->resolver, a->endpoint->target.name, on_resolved, a);
}

static void dial_target(struct acquisition *a)
{
    const struct target *target = &a->endpoint->target;
    struct address address;
    int rc;

    switch (target->kind) {
    case TARGET_IP:
        address = address_from_ip(target->ip, target->port);
        start_dial(a, &address, 1);
        return;
    case TARGET_NAME:
        dial_name(a);
        return;
    case TARGET_SRV:
        fail(a, FAULT_BACK_UNRESOLVED, 0,
             arena_printf(a->arena, "%.*s: nobody here asks for SRV records", FMT_SLICE(target->text)));
        return;
    case TARGET_UNIX:
        rc = address_from_path(target->name, &address);
        ASSERT(rc == 0); /* target_parse() checked its length */
        start_dial(a, &address, 1);
        return;
    }
}

static void try_endpoint(struct acquisition *a)
{
    a->endpoint = &a->pool->targets[(a->first + a->tries) % a->pool->count];
    a->home = office_find(a->office, a->endpoint);
    a->began_ms = loop_now_ms(a->office->loop);
    if (!a->is_raw && !a->is_fresh && (a->conn = idle_conns_take(&a->home->idle))) {
        ready(a);
        return;
    }
    dial_target(a);
}

void acquire_start(struct acquisition *a)
{
    ASSERT(a->state == ACQUIRE_NONE);
    a->tries = 0;
    a->first = a->pool->count > 1 ? (*a->turn)++ % a->pool->count : 0;
    try_endpoint(a);
}

void acquire_release(struct acquisition *a)
{
    switch (a->state) {
    case ACQUIRE_NONE:
        return;
    case ACQUIRE_RESOLVE:
        loop_cancel(a->office->loop, &a->deadline);
        resolve_cancel(TAKE(a->resolve));
        break;
    case ACQUIRE_DIAL:
        dial_cancel(TAKE(a->dial));
        break;
    case ACQUIRE_TLS:
        loop_cancel(a->office->loop, &a->deadline);
        stream_close(TAKE(a->stream));
        break;
    case ACQUIRE_READY:
        if (!a->is_raw)
            idle_conns_put(TAKE(a->conn));
        a->end = NULL;
        a->stream = NULL;
        break;
    }
    a->state = ACQUIRE_NONE;
}

bool acquire_may_replay(const struct acquisition *a, bool is_idempotent)
{
    return a->state == ACQUIRE_READY && a->is_reused && h1_client_answer_bytes(a->conn->client) == 0 &&
           (is_idempotent || !h1_client_has_sent(a->conn->client));
}
