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
