#include "backends/connect.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "net/dial.h"
#include "net/loop.h"
#include "tls/tls_stream.h"

/* Happy path:  connect_start() → dial → preface → (TLS) → connected().
 * On failure:  failed(), with words that say where it stopped.
 * On close:    connect_cancel() ends whichever of *dial* and *stream* there is; never both. */

static void fail(struct connect *c, enum fault fault, int error_number, struct slice detail)
{
    loop_cancel(c->loop, &c->deadline);
    c->on->failed(c->owner, fault, error_number, detail);
}

static void finish(struct connect *c, struct stream *stream)
{
    loop_cancel(c->loop, &c->deadline);
    c->on->connected(c->owner, stream);
}

static unsigned long long limit_ms(const struct connect *c)
{
    /* Without one of ours it is the kernel that gave up. */
    return c->timeout_ms == TIMER_NEVER ? loop_now_ms(c->loop) - c->began_ms : c->timeout_ms;
}

/* --- TLS */

static bool is_h2(const struct connect *c)
{
    return !c->is_raw && c->endpoint->target->target.protocol == TARGET_H2;
}

static void fail_alpn(struct connect *c)
{
    fail(c, FAULT_BACK_TLS, 0,
         arena_printf(c->arena, "%.*s does not offer HTTP/2 (ALPN)", FMT_SLICE(c->endpoint->text)));
}

/* HTTP/2 over TLS is agreed upon by ALPN (RFC 9113 §3.2). HTTP/1.1 needs no such word: servers older than ALPN speak it. */
static bool speaks(const struct connect *c, const struct stream *stream)
{
    return !is_h2(c) || slice_eq(tls_stream_alpn(stream), SLICE("h2"));
}

static void on_established(void *owner, struct stream *stream)
{
    struct connect *c = owner;

    c->stream = NULL;
    if (speaks(c, stream)) {
        finish(c, stream);
        return;
    }
    stream_end(stream, false);
    fail_alpn(c);
}

/* A server that knows ALPN may refuse what it does not speak (RFC 7301 §3.2); the words are the library's. */
static bool refuses_alpn(const struct connect *c, const char *detail)
{
    return is_h2(c) && strstr(detail, "no application protocol");
}

static void on_tls_failed(void *owner, enum fault fault, const char *detail)
{
    struct connect *c = owner;

    c->stream = NULL;
    if (refuses_alpn(c, detail))
        fail_alpn(c);
    else
        fail(c, FAULT_BACK_TLS, 0,
             arena_printf(c->arena, "TLS to %.*s: %s", FMT_SLICE(c->endpoint->text), detail));
}

static const struct tls_stream_events TLS_EVENTS = {on_established, on_tls_failed};

static void on_tls_deadline(struct timer *timer)
{
    struct connect *c = CONTAINER_OF(timer, struct connect, deadline);

    stream_close(TAKE(c->stream));
    fail(c, FAULT_BACK_CONNECT_TIMEOUT, ETIMEDOUT,
         arena_printf(c->arena, "%.*s took the connection but did not end the TLS handshake within %llu ms",
                      FMT_SLICE(c->endpoint->text), limit_ms(c)));
}

static uint64_t time_left_ms(const struct connect *c)
{
    uint64_t spent_ms = loop_now_ms(c->loop) - c->began_ms;

    if (c->timeout_ms == TIMER_NEVER)
        return TIMER_NEVER;
    return c->timeout_ms > spent_ms ? c->timeout_ms - spent_ms : 0;
}

/* "_http._tcp.app.test": the certificate is for whom the service belongs to, whichever hosts serve it (RFC 6125 §6.2.1);
 * the name servers alone say which these are. */
static struct slice service_domain(struct slice name)
{
    for (unsigned labels = 0; labels < 2; labels++)
        name = slice_from(name, (size_t)slice_find(name, '.') + 1); /* target_parse() saw both */
    return name;
}

/* Whom we want to speak to: a name or an IP address; NULL: a unix socket has neither. */
static const char *wanted_name(const struct connect *c)
{
    const struct pool_target *target = c->endpoint->target;
    char ip[IP_TEXT];

    if (target->server_name.len)
        return arena_copy(c->arena, target->server_name).data;
    switch (target->target.kind) {
    case TARGET_NAME:
        return arena_copy(c->arena, target->target.name).data;
    case TARGET_SRV:
        return arena_copy(c->arena, service_domain(target->target.name)).data;
    case TARGET_IP:
        return arena_copy(c->arena, slice_str(ip_describe(target->target.ip, ip))).data;
    default:
        return NULL;
    }
}

static void shake_hands(struct connect *c, struct stream *stream, const char *name)
{
    static const char *const ALPN[][2] = {[TARGET_H1] = {"http/1.1", NULL}, [TARGET_H2] = {"h2", NULL}};
    struct ip ip;
    bool is_ip = name && ip_parse(slice_str(name), &ip);
    const struct tls_client_options options = {
        .server_name = is_ip ? NULL : name, /* RFC 6066 §3 */
        .verify_name = c->endpoint->target->verifies ? name : NULL,
        .alpn = c->is_raw ? NULL : ALPN[c->endpoint->target->target.protocol],
    };

    timer_init(&c->deadline, on_tls_deadline);
    loop_arm(c->loop, &c->deadline, time_left_ms(c));
    c->stream = tls_stream_connect(stream, c->endpoint->target->tls, &options, &TLS_EVENTS, c);
}

static void start_tls(struct connect *c, struct stream *stream)
{
    const char *name = wanted_name(c);

    if (name || !c->endpoint->target->verifies) {
        shake_hands(c, stream, name);
        return;
    }
    stream_close(stream); /* rather than to believe whoever answers */
    fail(c, FAULT_BACK_TLS, 0,
         arena_printf(c->arena, "TLS to %.*s: no name is given that its certificate must be for",
                      FMT_SLICE(c->endpoint->text)));
}

/* --- Dialling */

/* More follows: they leave in one segment. Not in front of raw bytes, which move past a stream that keeps none. */
static void say_preface(struct connect *c, struct stream *stream)
{
    bool is_with_more = c->endpoint->target->tls || (c->sends_first && !c->is_raw);

    if (c->preface.len)
        stream_write(stream, &c->preface, 1, is_with_more ? STREAM_LATER : STREAM_NOW);
}

static void on_connected(void *owner, struct stream *stream)
{
    struct connect *c = owner;

    c->dial = NULL;
    say_preface(c, stream);
    if (c->endpoint->target->tls)
        start_tls(c, stream);
    else
        finish(c, stream);
}

static bool is_this_machine(const struct address *address)
{
    struct ip ip = address_ip(address);
    static const struct ip ANY_4 = {.family = 4}, ANY_6 = {.family = 6};
    static const struct ip LOOPBACK_6 = {.family = 6, .bytes = {[15] = 1}};

    return address->family == AF_UNIX || (ip.family == 4 && ip.bytes[0] == 127) || ip_eq(ip, LOOPBACK_6) ||
           ip_eq(ip, ANY_4) || ip_eq(ip, ANY_6);
}

static struct slice say_refused(struct arena *arena, int error_number, const struct address *address,
                                const char *where)
{
    if (error_number == ENOENT)
        return arena_printf(arena, "there is no socket %s", where);
    if (is_this_machine(address))
        return arena_printf(arena, "nothing listens on %s", where);
    return arena_printf(arena, "%s refused the connection", where);
}

static struct slice say_unreachable(struct arena *arena, int error_number, const struct address *address,
                                    const char *where)
{
    if (address->family == AF_UNIX &&
        error_number == EAGAIN) /* its full queue is told at once (connect(2)) */
        return arena_printf(arena, "%s has no place left in its queue of connections", where);
    return arena_printf(arena, "%s cannot be reached: %s", where, strerror(error_number));
}

/* What was tried, what came back, and where it is ours to mend, how. */
static struct slice say_why(const struct connect *c, enum fault fault, int error_number,
                            const struct address *address)
{
    char text[ADDRESS_TEXT];
    const char *where = address->family == AF_UNIX ? address->un.path : address_describe(address, text);

    switch (fault) {
    case FAULT_BACK_REFUSED:
        return say_refused(c->arena, error_number, address, where);
    case FAULT_BACK_CONNECT_TIMEOUT:
        return arena_printf(c->arena, "%s did not take the connection within %llu ms", where, limit_ms(c));
    case FAULT_BACK_NO_LOCAL_PORT:
        return arena_printf(
            c->arena,
            "no local port is free for a connection to %s: raise net.ipv4.ip_local_port_range, "
            "or add addresses",
            where);
    case FAULT_OVERLOADED:
        return arena_printf(
            c->arena, "no descriptor is free for a connection to %s: raise the limit of open files", where);
    default:
        return say_unreachable(c->arena, error_number, address, where);
    }
}

static void on_dial_failed(void *owner, enum fault fault, int error_number, const struct address *address)
{
    struct connect *c = owner;

    c->dial = NULL;
    fail(c, fault, error_number, say_why(c, fault, error_number, address));
}

static const struct dial_events DIAL_EVENTS = {on_connected, on_dial_failed};

/* --- Beginning and end */

void connect_start(struct connect *c)
{
    bool sends_first = c->sends_first || c->preface.len || c->endpoint->target->tls;

    ASSERT(!c->dial && !c->stream);
    c->began_ms = loop_now_ms(c->loop);
    c->dial = dial_start(c->loop, c->endpoint->addresses, c->endpoint->addresses_count,
                         &(struct dial_options){.timeout_ms = c->timeout_ms,
                                                .sends_first = sends_first,
                                                .sources = c->sources,
                                                .sources_count = c->sources_count,
                                                .turn = c->turn},
                         &DIAL_EVENTS, c);
}

void connect_cancel(struct connect *c)
{
    loop_cancel(c->loop, &c->deadline);
    if (c->dial)
        dial_cancel(TAKE(c->dial));
    if (c->stream)
        stream_close(TAKE(c->stream));
}
