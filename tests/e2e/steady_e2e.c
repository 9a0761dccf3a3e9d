/* Who takes bytes steadily, but so slowly that our kernel finds no room worth telling for longer than a limit. Their
 * buffers are small: a large one opens its window in steps that nobody can see into. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

#include "e2e/portico.h"

SUITE(steady);

enum { LARGE = 64 << 20, SIP_BYTES = 16 << 10, PACE_MS = 50, WATCHED_MS = 4000, ROOM_BYTES = 512 << 10 };

/** Reads a little again and again; false when the other side gave up. */
static bool sip(struct wire *wire)
{
    static char bytes[SIP_BYTES];
    const int room = ROOM_BYTES;

    setsockopt(wire->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    for (const int64_t end_ms = now_ms() + WATCHED_MS; now_ms() < end_ms;) {
        if (recv(wire->fd, bytes, sizeof bytes, MSG_WAITALL) <= 0)
            return false;
        poll(NULL, 0, PACE_MS); /* the pace is what is tested */
    }
    return true;
}

static void play_pour(struct wire *wire, struct backend *backend)
{
    static char block[1 << 20];

    if (!request_read(wire))
        return;
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE);
    for (int sent = 0; sent < LARGE && wire_send_bytes(wire, block, sizeof block); sent += (int)sizeof block)
        atomic_fetch_add(&backend->sent, sizeof block);
}

/** What it sends counts 1 for each backend that could go on reading, 1000 for each that was cut off. */
static void play_sip(struct wire *wire, struct backend *backend)
{
    if (!wire_read_until(wire, "\r\n\r\n"))
        return;
    atomic_fetch_add(&backend->sent, sip(wire) ? 1 : 1000);
}

Test(steady, a_client_that_reads_slowly_is_not_taken_for_one_that_stopped)
{
    struct backend *pouring = backend_playing(play_pour);
    int port = scene_port();
    struct wire *wire;

    portico_start("routes: {\"http://a.test:%d\": %d}\ntimeouts: {stall: 1s}\n", port, pouring->port);
    wire = wire_connect(port);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect(sip(wire));
    cr_expect_lt(pouring->sent, LARGE, "the backend goes at the client's pace");
}

Test(steady, a_backend_that_reads_slowly_is_not_taken_for_one_that_stopped)
{
    static char block[1 << 20];
    struct backend *sipping = backend_playing(play_sip);
    int port = scene_port();
    struct wire *wire;

    portico_start("routes: {\"http://a.test:%d\": %d}\ntimeouts: {stall: 1s}\n", port, sipping->port);
    wire = wire_connect(port);
    wire_send(wire, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n", LARGE);
    for (int sent = 0; sent < LARGE && sipping->sent == 0; sent += (int)sizeof block) {
        for (size_t at = 0; at < sizeof block && sipping->sent == 0;) {
            ssize_t now = send(wire->fd, block + at, sizeof block - at, MSG_NOSIGNAL | MSG_DONTWAIT);

            if (now > 0)
                at += (size_t)now;
            else
                poll(NULL, 0, 5);
        }
    }
    cr_expect_eq(sipping->sent, 1);
}
