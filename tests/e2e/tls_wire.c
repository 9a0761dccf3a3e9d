#include "e2e/tls_wire.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

/* ---- openssl s_client ---- */

struct run tls_probe(int port, const char *name, const char *options)
{
    return sh("openssl s_client -connect 127.0.0.1:%d %s %s %s </dev/null 2>&1", port,
              *name ? "-servername" : "-noservername", name, options);
}

struct run tls_get(int port, const char *name, const char *options)
{
    return sh("printf 'GET / HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n' |"
              " openssl s_client -connect 127.0.0.1:%d -servername %s -ign_eof %s 2>&1",
              name, port, name, options);
}

/* ---- a ClientHello ---- */

static void play_take_record(struct wire *wire, struct backend *backend)
{
    const unsigned char *head = (const unsigned char *)wire_read_bytes(wire, 5);

    if (head)
        wire_read_bytes(wire, (size_t)head[3] << 8 | head[4]);
}

struct bytes client_hello(const char *name)
{
    struct backend *catcher = backend_playing(play_take_record);

    tls_probe(catcher->port, name, "-alpn h2,http/1.1");
    cr_assert(WAIT_FOR(catcher->connections == 1 && catcher->open == 0, PATIENCE_MS));
    return (struct bytes){.bytes = backend_seen(catcher), .count = catcher->seen.length};
}

/* ---- ClientHellos by hand ---- */

struct bytes bytes_of(const char *text)
{
    return (struct bytes){text, strlen(text)};
}

struct bytes bytes_join(struct bytes one, struct bytes other)
{
    char *both = scene_alloc(one.count + other.count + 1);

    if (one.count)
        memcpy(both, one.bytes, one.count);
    if (other.count)
        memcpy(both + one.count, other.bytes, other.count);
    return (struct bytes){both, one.count + other.count};
}

static struct bytes number(size_t value, size_t width)
{
    char *bytes = scene_alloc(width);

    for (size_t i = width; i-- > 0; value >>= 8)
        bytes[i] = (char)value;
    return (struct bytes){bytes, width};
}

/** With its length in front. */
static struct bytes vector(size_t width, struct bytes content)
{
    return bytes_join(number(content.count, width), content);
}

static struct bytes extension(size_t type, struct bytes body)
{
    return bytes_join(number(type, 2), vector(2, body));
}

struct bytes sni_body(unsigned type, struct bytes name)
{
    return vector(2, bytes_join(number(type, 1), vector(2, name)));
}

struct bytes sni_extension(struct bytes body)
{
    return extension(0, body);
}

#define LITERAL(text) ((struct bytes){text, sizeof(text) - 1})

/** Groups, point formats and signatures; with TLS 1.3 its versions and a share of x25519. */
static struct bytes usual_extensions(const struct hello_terms *terms)
{
    struct bytes all = LITERAL("\x00\x0a\x00\x06\x00\x04\x00\x1d\x00\x17"
                               "\x00\x0b\x00\x02\x01\x00"
                               "\x00\x0d\x00\x08\x00\x06\x04\x03\x08\x04\x04\x01");
    const struct bytes point = LITERAL("\x09 a point of the curve as any...");
    const struct bytes share = bytes_join(number(0x001d, 2), vector(2, point));

    if (terms->version && terms->version < 0x0304)
        return all;
    all = bytes_join(all, LITERAL("\x00\x2b\x00\x05\x04\x03\x04\x03\x03"));
    return bytes_join(all, extension(51, vector(2, terms->has_no_key_share ? LITERAL("") : share)));
}

static struct bytes hello_message(const struct hello_terms *terms)
{
    static const char random[32], id[256];
    const unsigned version = terms->version && terms->version < 0x0303 ? terms->version : 0x0303;
    const struct bytes suites = LITERAL("\x13\x01\xc0\x2b\xc0\x2f\xc0\x09\xc0\x13\x00\xff");
    struct bytes body = bytes_join(number(version, 2), (struct bytes){random, sizeof random});

    body = bytes_join(body, vector(1, (struct bytes){id, terms->session_id_length}));
    body = bytes_join(body, vector(2, suites));
    body = bytes_join(body, LITERAL("\x01\x00"));
    if (!terms->has_no_extensions)
        body = bytes_join(body, vector(2, bytes_join(terms->extensions, usual_extensions(terms))));
    return bytes_join(number(1, 1), vector(3, body));
}

static struct bytes records_of(struct bytes message, unsigned version, size_t step)
{
    const struct bytes head = bytes_join(number(0x16, 1), number(version, 2));
    struct bytes records = LITERAL("");

    for (size_t at = 0; at < message.count; at += step) {
        const size_t part = message.count - at < step ? message.count - at : step;
        const struct bytes content = {message.bytes + at, part};

        records = bytes_join(records, bytes_join(head, vector(2, content)));
    }
    return records;
}

struct bytes hello_make(struct hello_terms terms)
{
    return records_of(hello_message(&terms), terms.record_version ? terms.record_version : 0x0301, 16384);
}

struct bytes hello_in_records(struct bytes hello, size_t step)
{
    return records_of((struct bytes){hello.bytes + 5, hello.count - 5}, 0x0301, step);
}

struct bytes hello_for(const char *name)
{
    return hello_make((struct hello_terms){.extensions = sni_extension(sni_body(0, bytes_of(name)))});
}

/** The rest of a server's first flight in TLS 1.2, which is in clear; the name in its first certificate. */
static const char *name_served(struct wire *wire)
{
    static const char dns_tag[] = "\x55\x1d\x11"; /* subjectAltName; then lengths, then 0x82 and the name */
    enum { HELLO_DONE = 14 };

    for (;;) {
        const unsigned char *head = (const unsigned char *)wire_read_bytes(wire, 5);
        const size_t length = head ? (size_t)head[3] << 8 | head[4] : 0;
        const char *content = head && head[0] == 0x16 ? wire_read_bytes(wire, length) : NULL;
        const char *names = content ? memmem(content, length, dns_tag, 3) : NULL;
        const char *name = names ? memchr(names, '\x82', (size_t)(content + length - names)) : NULL;

        if (name)
            return scene_text("%.*s", name[1], name + 2);
        if (!content || content[0] == HELLO_DONE)
            return "no certificate";
    }
}

static bool is_echo(struct wire *wire, struct bytes hello, const char *begun, size_t count)
{
    const char *rest;

    if (hello.count < count || memcmp(begun, hello.bytes, count) != 0)
        return false;
    rest = wire_read_bytes(wire, hello.count - count);
    return rest && memcmp(rest, hello.bytes + count, hello.count - count) == 0;
}

const char *hello_verdict(struct wire *wire, struct bytes hello)
{
    enum { BEGIN = 6, SERVER_HELLO = 2 };
    const char *begin = wire_read_bytes(wire, BEGIN);

    if (!begin)
        return wire->ended ? "closed" : "silence";
    if (is_echo(wire, hello, begin, BEGIN))
        return "passed";
    if (begin[0] == 0x15) {
        const char *what = wire_read_bytes(wire, 1);

        return scene_text("alert %d%s", what ? *what : 0, wire_sees_end(wire) ? "" : " and no end");
    }
    if (memcmp(begin, "HTTP/1", BEGIN) == 0)
        return scene_text("http %.3s", wire_read_bytes(wire, 6) + 3);
    if (begin[0] == 0x16 && begin[5] == SERVER_HELLO) {
        const size_t length = (size_t)(unsigned char)begin[3] << 8 | (unsigned char)begin[4];
        const char *content = wire_read_bytes(wire, length - 1);
        static const char tls13[] = "\x00\x2b\x00\x02\x03\x04";

        return memmem(content, length - 1, tls13, sizeof tls13 - 1) ? "served" : name_served(wire);
    }
    return "something else";
}

const char *hello_try(int port, struct bytes hello)
{
    struct wire *wire = wire_connect(port);
    const char *verdict;

    wire_send_bytes(wire, hello.bytes, hello.count);
    verdict = hello_verdict(wire, hello);
    wire_close(wire);
    return verdict;
}

/* ---- the relay ---- */

static int relay_port;
static enum relay_cut relay_how;

/** One handshake record as several (RFC 8446 §5.1: messages may be fragmented). */
static void forward_in_records(struct wire *from, struct wire *to)
{
    enum { PART = 40 };
    const unsigned char *head = (const unsigned char *)wire_read_bytes(from, 5);
    const size_t size = head ? (size_t)head[3] << 8 | head[4] : 0;
    const char *message = wire_read_bytes(from, size);

    for (size_t at = 0; message && at < size; at += PART) {
        const size_t part = size - at < PART ? size - at : PART;
        const char part_head[5] = {0x16, 3, 1, 0, (char)part};

        wire_send_bytes(to, part_head, sizeof part_head);
        wire_send_bytes(to, message + at, part);
    }
}

static bool forward(struct wire *from, struct wire *to, size_t *to_drip)
{
    const bool open = wire_take(from);
    const char *bytes = from->bytes + from->at;
    const size_t count = from->length - from->at;
    const size_t dripped = count < *to_drip ? count : *to_drip;

    wire_drip(to, bytes, dripped);
    *to_drip -= dripped;
    wire_send_bytes(to, bytes + dripped, count - dripped);
    from->at += count;
    if (!open)
        wire_shut(to);
    return open;
}

static void play_relay(struct wire *client, struct backend *backend)
{
    struct wire *server = wire_connect(relay_port);
    size_t to_drip = relay_how == RELAY_BYTES ? 2048 : 0, none = 0;
    bool client_open = true, server_open = true;

    if (relay_how == RELAY_RECORDS)
        forward_in_records(client, server);
    while (client_open || server_open) {
        struct pollfd ends[2] = {{.fd = client_open ? client->fd : -1, .events = POLLIN},
                                 {.fd = server_open ? server->fd : -1, .events = POLLIN}};

        if (client->at < client->length)
            ends[0].revents = POLLIN; /* came with the first record */
        else
            poll(ends, 2, -1);
        if (ends[0].revents)
            client_open = forward(client, server, &to_drip);
        if (ends[1].revents)
            server_open = forward(server, client, &none);
    }
    wire_close(server);
}

int relay_start(int to_port, enum relay_cut cut)
{
    relay_port = to_port;
    relay_how = cut;
    return backend_playing(play_relay)->port;
}
