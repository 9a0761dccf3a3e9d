#include "e2e/mixed_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e/content.h"

enum { OUTWAITS_MS = 600000, STEP_MS = 20, STEP_BYTES = 16 * 1024 };

static atomic_bool finishes;

void mixed_backends_finish(bool now)
{
    finishes = now;
}

/* ---- down ---- */

static bool send_part(struct wire *wire, uint64_t offset, uint64_t count)
{
    while (count > 0) {
        const size_t part = count < CONTENT_PART ? (size_t)count : CONTENT_PART;

        if (!wire_send_bytes(wire, content_at(offset), part))
            return false;
        offset += part;
        count -= part;
    }
    return true;
}

static void send_head(struct wire *wire, uint64_t count)
{
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n", (unsigned long long)count);
}

/** All that is due by now, step by step. */
static bool send_paced(struct wire *wire, uint64_t offset, uint64_t count, int64_t lasts_ms)
{
    const int64_t began_ms = now_ms();
    uint64_t sent = 0;

    send_head(wire, count);
    while (sent < count) {
        const int64_t gone_ms = now_ms() - began_ms;
        const uint64_t due = gone_ms >= lasts_ms ? count : count * (uint64_t)gone_ms / (uint64_t)lasts_ms;

        if (!send_part(wire, offset + sent, due - sent))
            return false;
        sent = due;
        poll(NULL, 0, STEP_MS);
    }
    return true;
}

static bool send_endless(struct wire *wire, uint64_t offset)
{
    uint64_t sent = 0;

    wire_send(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sent\r\n\r\n");
    while (!finishes) {
        const size_t part = STEP_BYTES + sent % 997;

        wire_send(wire, "%zx\r\n", part);
        if (!send_part(wire, offset + sent, part) || !wire_send_bytes(wire, "\r\n", 2))
            return false;
        sent += part;
        poll(NULL, 0, STEP_MS);
    }
    wire_send(wire, "0\r\nX-Sent: %llu\r\n\r\n", (unsigned long long)sent);
    return true;
}

/* ---- up ---- */

static bool take_content(struct wire *wire, uint64_t count)
{
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n%016llu",
              (unsigned long long)content_check(wire, count));
    return !wire->ended;
}

/* ---- both ways ---- */

/* The client's frames are masked with zeros. */
static bool talk_in_frames(struct wire *wire)
{
    const char *frame;

    wire_send(wire, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    while ((frame = wire_read_bytes(wire, FRAME_LENGTH)) != NULL) {
        wire_send_bytes(wire, (char[]){(char)0x81, FRAME_CONTENT}, 2);
        wire_send_bytes(wire, frame + 6, FRAME_CONTENT);
    }
    return false;
}

/* ---- which ---- */

/** @return whether another request may follow */
static bool serve(struct wire *wire, const char *head)
{
    unsigned long long offset, count;
    long long lasts_ms;

    if (sscanf(head, "GET /content/%llu/%llu ", &offset, &count) == 2) {
        send_head(wire, count);
        return send_part(wire, offset, count);
    }
    if (sscanf(head, "GET /paced/%llu/%llu/%lld ", &offset, &count, &lasts_ms) == 3)
        return send_paced(wire, offset, count, lasts_ms);
    if (sscanf(head, "GET /endless/%llu ", &offset) == 1)
        return send_endless(wire, offset);
    if (field_count(head, "Content-Length"))
        return take_content(wire, strtoull(field_of(head, "Content-Length"), NULL, 10));
    if (field_count(head, "Upgrade"))
        return talk_in_frames(wire);
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    return true;
}

static void play_mixed(struct wire *wire, struct backend *backend)
{
    const char *head;

    wire->record = NULL;
    while ((head = wire_read_until_within(wire, "\r\n\r\n", OUTWAITS_MS)) != NULL && serve(wire, head))
        atomic_fetch_add(&backend->requests, 1);
}

static void play_mixed_echo(struct wire *wire, struct backend *backend)
{
    wire->record = NULL;
    while (WAIT_FOR(!wire_take(wire) || wire->at < wire->length, OUTWAITS_MS) && wire->at < wire->length) {
        wire_send_bytes(wire, wire->bytes + wire->at, wire->length - wire->at);
        wire->at = wire->length = 0;
    }
}

struct backend *mixed_backend(void)
{
    return backend_playing(play_mixed);
}

struct backend *mixed_echo(void)
{
    return backend_playing(play_mixed_echo);
}
