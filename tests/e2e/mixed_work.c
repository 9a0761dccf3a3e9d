#include "e2e/mixed_work.h"

#include <stdlib.h>
#include <string.h>

#include "e2e/content.h"
#include "e2e/mixed_backend.h"

enum {
    BODY_MOST = 40000,    /* of short answers; from a byte on */
    RATE_BYTES_MS = 1000, /* of long downloads */
    SIP_BYTES = 20000,
    SIP_MS = 20,
    SIP_ROOM = 64 * 1024, /* small, so that Portico and the backend are held back */
    UPLOAD_BYTES = 300007,
    UPLOAD_STEP = 15000,
    UPLOAD_STEP_MS = 50,
    ECHO_MOST = 30000,
    FRAME_MS = 100,
    ECHO_MS = 20,
    SHORT_MS = 5,         /* between short exchanges of a client */
    AFTER_FAILURE_MS = 20 /* so that a fault does not become a flood */
};

static void rest(int ms)
{
    poll(NULL, 0, ms);
}

static uint64_t draw(struct client *client, uint64_t limit)
{
    client->random = client->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (client->random >> 33) % limit;
}

static void begin(struct client *client)
{
    client->began_us = now_us();
}

/** Settles the exchange that began last. @return whether the connection goes on */
static bool settle(struct client *client)
{
    struct caller *caller = &client->caller;

    if (!caller->mishap) {
        account_done(client->account, now_us() - client->began_us);
        return true;
    }
    account_fail(client->account, caller->mishap, caller->detail);
    caller_hang_up(caller);
    rest(AFTER_FAILURE_MS);
    return false;
}

static bool goes_on(const struct client *client)
{
    return !client->load->stops;
}

static int64_t left_ms(const struct client *client)
{
    const int64_t left = client->load->terms.lasts_ms - (now_us() - client->began_us) / 1000;

    return left > 1000 ? left : 1000;
}

/* ---- requests ---- */

static void request(struct client *client, const char *host)
{
    const unsigned long long offset = draw(client, 1 << 30), count = 1 + draw(client, BODY_MOST);
    struct caller *caller = &client->caller;

    caller_say(caller, "GET /content/%llu/%llu HTTP/1.1\r\nHost: %s\r\n\r\n", offset, count, host);
    caller_answer(caller, 200);
    caller_check(caller, offset, count);
    if (!caller->mishap && caller->at < caller->length)
        caller_fail(caller, MISHAP_CONTENT, "more than was asked for");
}

void work_kept(struct client *client)
{
    const struct mixed_terms *terms = &client->load->terms;

    while (goes_on(client)) {
        begin(client);
        if (client->caller.fd < 0)
            caller_connect(&client->caller, terms->http_port);
        request(client, terms->short_host);
        if (settle(client) && client->caller.closes)
            caller_hang_up(&client->caller);
        rest(terms->pause_ms);
    }
}

void work_closed(struct client *client)
{
    while (goes_on(client)) {
        begin(client);
        caller_connect(&client->caller, client->load->terms.http_port);
        request(client, client->load->terms.short_host);
        settle(client);
        caller_hang_up(&client->caller);
        rest(SHORT_MS);
    }
}

/* ---- long downloads ---- */

/** Asks for it, and reads the head. */
static void ask_long(struct client *client, const char *path)
{
    begin(client);
    caller_connect(&client->caller, client->load->terms.http_port);
    caller_say(&client->caller, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, client->load->terms.long_host);
    caller_answer(&client->caller, 200);
}

static void settle_long(struct client *client)
{
    settle(client);
    caller_hang_up(&client->caller);
}

void work_paced(struct client *client)
{
    client->began_us = now_us();
    do {
        const long long lasts_ms = left_ms(client), count = lasts_ms * RATE_BYTES_MS;

        ask_long(client, scene_text("/paced/7/%lld/%lld", count, lasts_ms));
        caller_check(&client->caller, 7, (uint64_t)count);
        settle_long(client);
    } while (goes_on(client));
}

void work_sipped(struct client *client)
{
    client->began_us = now_us();
    client->caller.room_bytes = SIP_ROOM;
    do {
        const uint64_t count = (uint64_t)left_ms(client) * SIP_BYTES / SIP_MS;

        ask_long(client, scene_text("/content/3/%llu", (unsigned long long)count));
        for (uint64_t at = 0; at < count && !client->caller.mishap; at += SIP_BYTES) {
            caller_check(&client->caller, 3 + at, count - at < SIP_BYTES ? count - at : SIP_BYTES);
            rest(SIP_MS);
        }
        settle_long(client);
    } while (goes_on(client));
}

/** @return how many bytes came, until the last chunk */
static uint64_t check_chunks(struct caller *caller, uint64_t offset)
{
    uint64_t got = 0;

    while (caller_until(caller, "\r\n")) {
        const uint64_t part = strtoull(caller->text, NULL, 16);

        if (part == 0)
            break;
        if (!caller_check(caller, offset + got, part) || !caller_expect(caller, "\r\n", 2))
            break;
        got += part;
    }
    return got;
}

void work_endless(struct client *client)
{
    struct caller *caller = &client->caller;

    do {
        uint64_t got;

        ask_long(client, "/endless/11");
        got = check_chunks(caller, 11);
        if (caller_until(caller, "\r\n\r\n") &&
            strcmp(caller->text, scene_text("X-Sent: %llu\r\n\r\n", (unsigned long long)got)) != 0)
            caller_fail(caller, MISHAP_CONTENT, "%llu bytes, and: %s", (unsigned long long)got, caller->text);
        settle_long(client);
    } while (goes_on(client));
}

/* ---- uploads ---- */

static void send_slowly(struct caller *caller)
{
    for (size_t at = 0; at < UPLOAD_BYTES && !caller->mishap; at += UPLOAD_STEP) {
        caller_send(caller, content_at(at),
                    UPLOAD_BYTES - at < UPLOAD_STEP ? UPLOAD_BYTES - at : UPLOAD_STEP);
        rest(UPLOAD_STEP_MS);
    }
}

void work_upload(struct client *client)
{
    struct caller *caller = &client->caller;

    while (goes_on(client)) {
        begin(client);
        if (caller->fd < 0)
            caller_connect(caller, client->load->terms.http_port);
        caller_say(caller, "POST /up HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n",
                   client->load->terms.short_host, UPLOAD_BYTES);
        send_slowly(caller);
        caller_answer(caller, 200);
        caller_expect(caller, scene_text("%016d", UPLOAD_BYTES), 16);
        if (settle(client) && (caller->closes || draw(client, 2)))
            caller_hang_up(caller);
    }
}

/* ---- both ways ---- */

static void switch_protocols(struct client *client)
{
    caller_connect(&client->caller, client->load->terms.http_port);
    caller_say(&client->caller,
               "GET /chat HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
               client->load->terms.long_host);
    caller_answer(&client->caller, 101);
}

static void echo_frame(struct client *client)
{
    char frame[FRAME_LENGTH] = {(char)0x81, (char)(0x80 | FRAME_CONTENT)}; /* masked with zeros */

    memcpy(frame + 6, content_at(draw(client, 1 << 20)), FRAME_CONTENT);
    caller_send(&client->caller, frame, sizeof frame);
    caller_expect(&client->caller, (char[]){(char)0x81, FRAME_CONTENT}, 2);
    caller_expect(&client->caller, frame + 6, FRAME_CONTENT);
}

void work_websocket(struct client *client)
{
    while (goes_on(client)) {
        begin(client);
        if (client->caller.fd < 0)
            switch_protocols(client);
        echo_frame(client);
        settle(client);
        rest(FRAME_MS);
    }
}

static void echo(struct client *client)
{
    const void *bytes = content_at(draw(client, 1 << 20));
    const size_t count = 1 + draw(client, ECHO_MOST);

    begin(client);
    if (client->caller.fd < 0)
        caller_connect(&client->caller, client->load->terms.tcp_port);
    caller_send(&client->caller, bytes, count);
    caller_expect(&client->caller, bytes, count);
    settle(client);
    rest(ECHO_MS);
}

void work_tunnel(struct client *client)
{
    while (goes_on(client))
        echo(client);
}

void work_tunnels(struct client *client)
{
    while (goes_on(client)) {
        echo(client);
        caller_hang_up(&client->caller);
    }
}

/* ---- TLS ---- */

static void ask_securely(struct client *client)
{
    const struct mixed_terms *terms = &client->load->terms;

    begin(client);
    if (client->caller.fd < 0 && caller_connect(&client->caller, terms->tls_port) &&
        caller_secure(&client->caller, client->tls, terms->tls_host, client->session) &&
        SSL_session_reused(client->caller.tls))
        atomic_fetch_add(&client->account->resumed, 1);
    request(client, terms->tls_host);
}

void work_tls(struct client *client)
{
    while (goes_on(client)) {
        ask_securely(client);
        if (settle(client) && !client->caller.closes) {
            ask_securely(client);
            settle(client);
        }
        caller_hang_up(&client->caller);
        rest(SHORT_MS);
    }
}
