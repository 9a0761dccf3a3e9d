#include "proxy/tunnel.h"

#include <string.h>
#include <time.h>

#include "backends/acquire.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/relay.h"
#include "proxy/access_log.h"
#include "proxy/affinity.h"
#include "proxy/client.h"
#include "proxy/lease.h"
#include "proxy/log_writer.h"
#include "proxy/snapshot.h"
#include "proxy/worker.h"
#include "tls/tls_stream.h"

/* Happy path:  acquire a raw connection → bytes both ways, each direction until its eof → ended; by streams where there
 *              is TLS and for what was kept while sniffing, by a relay for the rest
 * On failure:  the client's connection is cut, with a line in the log
 * On close:    one side broken ends both; idle for timeouts.tunnel ends both */

enum { TUNNEL_MAGIC = 0x7d88e100, SIDE_MAGIC = 0x51de0001 };

struct side {
    unsigned magic;
    struct tunnel *tunnel;
    struct stream *stream; /* of the back: NULL until it is there */
    struct side *other;
    uint64_t bytes; /* that came from here */
    bool has_ended;
    bool is_gone; /* the stream said closed() */
};

struct tunnel {
    unsigned magic;
    const struct client *client;
    struct lease *lease;
    const struct route *route;
    const struct action *action;
    void (*closed)(void *owner);
    void *owner;
    struct side front, back;
    struct relay *relay; /* once both are plain sockets with nothing kept: moves the bytes past the streams */
    struct acquisition attempt;
    struct arena arena;
    struct timer idle;
    struct stamps when;
    enum fault fault;
    struct slice detail;
};

static void tunnel_log(const struct tunnel *tunnel)
{
    struct worker *worker = tunnel->client->worker;
    const struct stream *back = tunnel->back.stream;
    struct timespec now;
    struct access_entry entry = {
        .kind = scheme_name(tunnel->route->key.scheme),
        .id = worker_id(worker),
        .client = tunnel->front.stream->peer,
        .local = tunnel->front.stream->local,
        .back_local = back ? tunnel->back.stream->local : NULL,
        .back_remote = back ? back->peer : NULL,
        .bytes_in = tunnel->front.bytes,
        .bytes_out = tunnel->back.bytes,
        .server_name = slice_str(tls_stream_server_name(tunnel->front.stream)),
        .tls_version = tls_stream_version(tunnel->front.stream),
        .route = tunnel->action->name,
        .backend = tunnel->attempt.backend,
        .tries = tunnel->attempt.tries,
        .when = tunnel->when,
        .fault = tunnel->fault,
        .detail = tunnel->detail,
    };

    if (!tunnel->action->options->is_logged || !log_channel_is_on(worker->access))
        return;
    clock_gettime(CLOCK_REALTIME_COARSE, &now); /* a few milliseconds do not matter in a log */
    entry.unix_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    entry.when.ended = loop_now_us();
    text_clear(&worker->line);
    access_log_format(&worker->line, &entry, tunnel->lease->snapshot->access_format);
    log_channel_add(worker->access, text_slice(&worker->line));
}

static void tunnel_free(void *object)
{
    struct tunnel *tunnel = object;

    arena_fini(&tunnel->arena);
    mem_free(tunnel);
}

/* The streams are still to be ended, and then closed() to be told: a worker that drains counts what goes out
 * behind the last connection. */
static void finish(struct tunnel *tunnel, enum fault fault, struct slice detail)
{
    struct loop *loop = tunnel->client->worker->loop;

    tunnel->fault = fault;
    tunnel->detail = detail;
    tunnel_log(tunnel);
    loop_cancel(loop, &tunnel->idle);
    relay_free(tunnel->relay);
    if (fault == FAULT_NONE)
        acquire_went_well(&tunnel->attempt, 0);
    else
        acquire_went_wrong(&tunnel->attempt, fault, detail);
    acquire_release(&tunnel->attempt);
    lease_drop(tunnel->lease);
    loop_retire(loop, tunnel, tunnel_free);
}

/* Both have said all: what is on its way still goes out. */
static void end(struct tunnel *tunnel, enum fault fault, struct slice detail)
{
    struct stream *front = tunnel->front.stream, *back = tunnel->back.stream;

    finish(tunnel, fault, detail);
    if (front)
        stream_end(front, false);
    if (back)
        stream_end(back, false);
    tunnel->closed(tunnel->owner);
}

static void cut(struct tunnel *tunnel, enum fault fault, struct slice detail)
{
    struct side front = tunnel->front, back = tunnel->back;

    finish(tunnel, fault, detail);
    if (!front.is_gone)
        stream_close(front.stream);
    if (back.stream && !back.is_gone)
        stream_close(back.stream);
    tunnel->closed(tunnel->owner);
}

void tunnel_close(struct tunnel *tunnel, enum fault fault)
{
    cut(tunnel, fault, slice_of(NULL, 0));
}

static void on_idle(struct timer *timer)
{
    tunnel_close(CONTAINER_OF(timer, struct tunnel, idle), FAULT_TUNNEL_IDLE);
}

static void progress(struct tunnel *tunnel)
{
    loop_arm(tunnel->client->worker->loop, &tunnel->idle, tunnel->action->options->timeouts.tunnel);
}

static void on_moved(void *owner, enum relay_side from, size_t bytes)
{
    struct tunnel *tunnel = CAST(tunnel, TUNNEL, owner);

    if (from == RELAY_FRONT)
        tunnel->front.bytes += bytes;
    else
        tunnel->back.bytes += bytes;
    progress(tunnel);
}

static void on_relay_ended(void *owner)
{
    end(CAST(tunnel, TUNNEL, owner), FAULT_NONE, slice_of(NULL, 0));
}

static void broke(struct tunnel *tunnel, bool is_back, enum fault fault, int error_number)
{
    cut(tunnel, is_back ? FAULT_BACK_RESET : fault,
        error_number ? slice_str(strerror(error_number)) : slice_of(NULL, 0));
}

static void on_relay_broken(void *owner, enum relay_side side, int error_number)
{
    broke(CAST(tunnel, TUNNEL, owner), side == RELAY_BACK, FAULT_CLIENT_GONE, error_number);
}

static const struct relay_events RELAY_EVENTS = {on_moved, on_relay_ended, on_relay_broken};

static void relay_if_possible(struct tunnel *tunnel)
{
    struct side *front = &tunnel->front, *back = &tunnel->back;

    if (relay_is_possible(front->stream, back->stream))
        tunnel->relay = relay_start(front->stream, back->stream, front->has_ended, back->has_ended,
                                    &RELAY_EVENTS, tunnel);
}

static size_t on_bytes(void *owner, struct slice lent)
{
    struct side *from = CAST(side, SIDE, owner);

    from->bytes += lent.len;
    progress(from->tunnel);
    if (stream_write(from->other->stream, &lent, 1, STREAM_NOW) > 0)
        stream_want(from->stream, false); /* until drained */
    else
        relay_if_possible(from->tunnel);
    return lent.len;
}

static void on_drained(void *owner)
{
    struct side *to = CAST(side, SIDE, owner);

    progress(to->tunnel);
    if (!to->tunnel->back.stream) /* the last words of a TLS handshake may drain before */
        return;
    relay_if_possible(to->tunnel);
    if (!to->tunnel->relay && !to->other->has_ended)
        stream_want(to->other->stream, true);
}

static void on_eof(void *owner)
{
    struct side *from = CAST(side, SIDE, owner);

    from->has_ended = true;
    if (from->other->has_ended)
        end(from->tunnel, FAULT_NONE, slice_of(NULL, 0));
    else
        stream_shut(from->other->stream);
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    struct side *side = CAST(side, SIDE, owner);
    struct tunnel *tunnel = side->tunnel;
    bool is_back = side == &tunnel->back;

    side->is_gone = true;
    broke(tunnel, is_back, fault, error_number);
}

static const struct stream_events EVENTS = {on_bytes, on_drained, on_eof, on_closed};

/* It may have begun under an older configuration, or waited since. */
static void look_at_route(struct tunnel *tunnel)
{
    const struct lease *newest = tunnel->client->worker->lease;

    if (tunnel->lease != newest)
        departures_note_route(tunnel->lease, newest->snapshot, tunnel->route->number);
}

static void on_ready(void *owner)
{
    struct tunnel *tunnel = CAST(tunnel, TUNNEL, owner);

    tunnel->when.connected = loop_now_us();
    tunnel->back.stream = tunnel->attempt.stream;
    stream_own(tunnel->back.stream, &EVENTS, &tunnel->back);
    progress(tunnel);
    look_at_route(tunnel);
    relay_if_possible(tunnel);
    if (tunnel->relay)
        return;
    stream_want(tunnel->front.stream, true);
    stream_want(tunnel->back.stream, true);
}

static void on_failed(void *owner, enum fault fault, int error_number, struct slice detail)
{
    struct tunnel *tunnel = CAST(tunnel, TUNNEL, owner);

    log_event(LOG_WARN, "tunnel_failed", "route=%s backend=%s reason=%s tries=%s detail=%s",
              log_quote(tunnel->action->name), log_quote(tunnel->attempt.backend), fault_row(fault)->token,
              log_quote(tunnel->attempt.trail), log_quote(detail));
    end(tunnel, fault, detail);
}

static void on_taken_out(void *owner, bool of_tunnels)
{
    if (of_tunnels)
        tunnel_close(CAST(tunnel, TUNNEL, owner), FAULT_BACK_TAKEN_OUT);
}

static const struct acquire_events ACQUIRE_EVENTS = {
    .ready = on_ready, .failed = on_failed, .taken_out = on_taken_out};

struct tunnel *tunnel_start(const struct client *client, struct lease *lease, const struct route *route,
                            bool has_spoken, void (*closed)(void *owner), void *owner)
{
    struct tunnel *tunnel = mem_new(struct tunnel);
    const struct action *action = &lease->snapshot->actions[route->number];

    MAGIC_SET(tunnel, TUNNEL);
    tunnel->client = client;
    tunnel->lease = lease;
    tunnel->route = route;
    tunnel->action = action;
    tunnel->closed = closed;
    tunnel->owner = owner;
    tunnel->front = (struct side){SIDE_MAGIC, tunnel, client->stream, &tunnel->back, 0, false, false};
    tunnel->back = (struct side){SIDE_MAGIC, tunnel, NULL, &tunnel->front, 0, false, false};
    timer_init(&tunnel->idle, on_idle);
    tunnel->when.started = loop_now_us();
    stream_own(client->stream, &EVENTS, &tunnel->front);
    tunnel->attempt = (struct acquisition){
        .desks = lease->desks,
        .pool = action->pool,
        .arena = &tunnel->arena,
        .on = &ACQUIRE_EVENTS,
        .owner = tunnel,
        .connect_timeout_ms = action->options->timeouts.connect,
        .is_raw = true,
        .route = route->number,
        .is_tunnel = true,
        .key = affinity_client_key(client->stream->peer),
        .client = client->stream->peer,
        .local = client->stream->local,
        .sends_first = has_spoken || stream_has_input(client->stream),
    };
    acquire_start(&tunnel->attempt);
    return tunnel;
}
