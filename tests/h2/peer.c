#include "h2/peer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "corpus/client.h"
#include "e2e/scene.h"

enum { ID_MASK = 0x7fffffff, FRAME_ROOM = 16384, SETTING_STREAMS = 3, SETTING_WINDOW = 4 };

static void note(struct peer *peer, const char *garbage)
{
    if (!peer->garbage)
        peer->garbage = garbage;
}

struct answer_stream *peer_stream(struct peer *peer, uint32_t id)
{
    const size_t at = id / 2;

    if (at >= peer->streams_room) {
        const size_t room = 2 * at + 16;

        peer->streams = realloc(peer->streams, room * sizeof *peer->streams);
        if (!peer->streams)
            abort();
        memset(peer->streams + peer->streams_room, 0, (room - peer->streams_room) * sizeof *peer->streams);
        peer->streams_room = room;
    }
    return &peer->streams[at];
}

/* ---- heads ---- */

struct heading {
    struct peer *peer;
    struct answer_stream *stream;
    int status;
    char *fields;
    bool has_regular;
};

static bool is_forbidden(const char *name)
{
    static const char *const names[] = {"connection",        "keep-alive", "proxy-connection",
                                        "transfer-encoding", "upgrade",    "te"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

/** RFC 9113 §8.2. */
static bool is_wrong_field(const char *name, const char *value)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";

    return !*name || name[strspn(name, allowed)] || is_forbidden(name) || strpbrk(value, "\r\n") ||
           *value == ' ' || (*value && value[strlen(value) - 1] == ' ');
}

static void take_status(struct heading *heading, const char *name, const char *value)
{
    if (strcmp(name, ":status") != 0 || heading->status || heading->has_regular || strlen(value) != 3)
        note(heading->peer, scene_text("pseudo field %s: %s", name, value));
    heading->status = atoi(value);
}

static void take_field(struct heading *heading, const nghttp2_nv *pair)
{
    char *name = scene_text("%.*s", (int)pair->namelen, pair->name);
    char *value = scene_text("%.*s", (int)pair->valuelen, pair->value);

    if (*name == ':') {
        take_status(heading, name, value);
        return;
    }
    heading->has_regular = true;
    if (is_wrong_field(name, value) || strlen(value) != pair->valuelen || strlen(name) != pair->namelen)
        note(heading->peer, scene_text("field %s: %s", name, value));
    heading->fields = scene_text("%s%s: %s\n", heading->fields, name, value);
}

static bool inflate(struct heading *heading, const struct frames *block)
{
    const uint8_t *at = block->bytes, *end = block->bytes + block->len;
    int flags = 0;

    while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
        nghttp2_nv pair;
        ssize_t used =
            nghttp2_hd_inflate_hd2(heading->peer->inflater, &pair, &flags, at, (size_t)(end - at), 1);

        if (used < 0)
            return false;
        at += used;
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            take_field(heading, &pair);
        else if (used == 0 && !(flags & NGHTTP2_HD_INFLATE_FINAL))
            break;
    }
    nghttp2_hd_inflate_end_headers(heading->peer->inflater);
    return true;
}

const char *answer_field(const struct answer_stream *stream, const char *name)
{
    const size_t len = strlen(name);

    for (const char *at = stream->fields; at && *at; at = strchr(at, '\n') + 1) {
        if (strncmp(at, name, len) == 0 && at[len] == ':')
            return scene_text("%.*s", (int)strcspn(at + len + 2, "\n"), at + len + 2);
    }
    return NULL;
}

static void keep_final(struct answer_stream *stream, const struct heading *heading)
{
    const char *length;

    stream->status = heading->status;
    stream->fields = heading->fields;
    length = answer_field(stream, "content-length");
    stream->has_length = length != NULL;
    stream->length = length ? strtoull(length, NULL, 10) : 0;
}

static void take_heading(struct peer *peer, uint32_t id, unsigned flags)
{
    struct answer_stream *stream = peer_stream(peer, id);
    struct heading heading = {.peer = peer, .stream = stream, .fields = scene_text("%s", "")};

    peer->heads++;
    if (!inflate(&heading, &peer->block))
        note(peer, "a head that cannot be inflated");
    if (stream->status) {
        stream->trailers = heading.fields;
        if (heading.status || !(flags & FLAG_END_STREAM))
            note(peer, "a second head");
    } else if (heading.status >= 100 && heading.status < 200) {
        stream->interim = scene_text("%s%d,", stream->interim ? stream->interim : "", heading.status);
        if (flags & FLAG_END_STREAM)
            note(peer, "an interim head that is the last");
    } else {
        if (!heading.status)
            note(peer, "a head without a status");
        keep_final(stream, &heading);
    }
    peer->block.len = 0;
}

static void end_stream(struct peer *peer, struct answer_stream *stream)
{
    stream->is_ended = true;
    peer->ended++;
    if (stream->has_length && stream->content_len != stream->length && stream->content_len != 0 &&
        stream->status != 304)
        note(peer, "content that is not as long as its length says");
}

/* ---- frames ---- */

struct frame {
    unsigned type, flags;
    uint32_t stream;
    const uint8_t *payload;
    size_t len;
};

static uint32_t u32_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void cut_padding(struct peer *peer, struct frame *frame)
{
    if (frame->flags & FLAG_PADDED) {
        size_t pad = frame->len ? frame->payload[0] : 0;

        if (frame->len < pad + 1)
            note(peer, "padding");
        frame->payload++;
        frame->len -= pad + 1;
    }
}

static void give_back(struct peer *peer, uint32_t stream, size_t count)
{
    struct frames updates = {0};

    frames_put_u32(&updates, FRAME_WINDOW_UPDATE, 0, (uint32_t)count);
    frames_put_u32(&updates, FRAME_WINDOW_UPDATE, stream, (uint32_t)count);
    peer_send(peer, updates.bytes, updates.len);
    frames_free(&updates);
}

static void keep_content(struct answer_stream *stream, const struct frame *frame)
{
    stream->content = realloc(stream->content, stream->content_len + frame->len + 1);
    if (!stream->content)
        abort();
    memcpy(stream->content + stream->content_len, frame->payload, frame->len);
    stream->content[stream->content_len + frame->len] = 0;
}

static void on_data(struct peer *peer, struct frame *frame)
{
    struct answer_stream *stream = peer_stream(peer, frame->stream);
    const size_t whole = frame->len;

    if (!stream->status || stream->is_ended || stream->was_reset)
        note(peer, "DATA where none may be");
    cut_padding(peer, frame);
    if (peer->keeps_content)
        keep_content(stream, frame);
    stream->content_len += frame->len;
    if (peer->opens_windows && whole > 0)
        give_back(peer, frame->stream, whole);
    if (frame->flags & FLAG_END_STREAM)
        end_stream(peer, stream);
}

static void end_block(struct peer *peer)
{
    take_heading(peer, peer->block_stream, peer->block_flags);
    if (peer->block_flags & FLAG_END_STREAM)
        end_stream(peer, peer_stream(peer, peer->block_stream));
}

static void on_headers(struct peer *peer, struct frame *frame)
{
    const struct answer_stream *stream = peer_stream(peer, frame->stream);

    if (frame->stream % 2 == 0 || stream->is_ended || stream->was_reset)
        note(peer, "HEADERS where none may be");
    cut_padding(peer, frame);
    peer->block.len = 0;
    frames_add(&peer->block, frame->payload, frame->len);
    peer->block_stream = frame->stream;
    peer->block_flags = frame->flags;
    if (frame->flags & FLAG_END_HEADERS)
        end_block(peer);
}

static void on_continuation(struct peer *peer, struct frame *frame)
{
    frames_add(&peer->block, frame->payload, frame->len);
    peer->block_flags |= frame->flags & FLAG_END_HEADERS;
    if (frame->flags & FLAG_END_HEADERS)
        end_block(peer);
}

static void on_rst(struct peer *peer, struct frame *frame)
{
    struct answer_stream *stream = peer_stream(peer, frame->stream);

    if (frame->len != 4 || frame->stream == 0) {
        note(peer, "RST_STREAM");
        return;
    }
    peer->resets += !stream->was_reset;
    stream->was_reset = true;
    stream->reset_code = u32_at(frame->payload);
}

static void on_settings(struct peer *peer, struct frame *frame)
{
    if (frame->stream != 0 || frame->len % 6 != 0)
        note(peer, "SETTINGS");
    if (frame->flags & FLAG_ACK)
        return;
    for (size_t at = 0; at + 6 <= frame->len; at += 6) {
        unsigned id = (unsigned)frame->payload[at] << 8 | frame->payload[at + 1];

        if (id == SETTING_STREAMS)
            peer->max_streams = u32_at(frame->payload + at + 2);
        if (id == SETTING_WINDOW)
            peer->initial_window = u32_at(frame->payload + at + 2);
    }
    peer->settings++;
    peer->settings_to_ack++;
}

static void on_ping(struct peer *peer, struct frame *frame)
{
    if (frame->stream != 0 || frame->len != 8)
        note(peer, "PING");
    else if (!(frame->flags & FLAG_ACK))
        peer->pings++;
    else if (memcmp(frame->payload, PEER_SYNC, PEER_SYNC_BYTES) == 0)
        peer->ping_acks++;
}

static void on_goaway(struct peer *peer, struct frame *frame)
{
    if (frame->stream != 0 || frame->len < 8) {
        note(peer, "GOAWAY");
        return;
    }
    peer->has_goaway = true;
    peer->goaway_last = u32_at(frame->payload) & ID_MASK;
    peer->goaway_code = u32_at(frame->payload + 4);
}

static void on_window(struct peer *peer, struct frame *frame)
{
    if (frame->len != 4 || u32_at(frame->payload) == 0)
        note(peer, "WINDOW_UPDATE");
    else if (frame->stream == 0)
        peer->window += u32_at(frame->payload);
    else
        peer_stream(peer, frame->stream)->window += u32_at(frame->payload);
}

static void take_frame(struct peer *peer, struct frame *frame)
{
    static void (*const take[])(struct peer *, struct frame *) = {
        [FRAME_DATA] = on_data,
        [FRAME_HEADERS] = on_headers,
        [FRAME_RST_STREAM] = on_rst,
        [FRAME_SETTINGS] = on_settings,
        [FRAME_PING] = on_ping,
        [FRAME_GOAWAY] = on_goaway,
        [FRAME_WINDOW_UPDATE] = on_window,
        [FRAME_CONTINUATION] = on_continuation,
    };

    if (frame->type != FRAME_SETTINGS && peer->settings == 0)
        note(peer, "SETTINGS are not the first frame"); /* RFC 9113 §3.4 */
    if (frame->type == FRAME_PUSH_PROMISE)
        note(peer, "PUSH_PROMISE");
    if (frame->type < sizeof take / sizeof *take && take[frame->type])
        take[frame->type](peer, frame);
}

static size_t take_one(struct peer *peer, const uint8_t *at, size_t len)
{
    static const char http1[] = "HTTP/1.1 ";

    struct frame frame;

    if (len < FRAME_HEAD || peer->spoke_http1)
        return peer->spoke_http1 ? len : 0;
    if (peer->settings == 0 && memcmp(at, http1, sizeof http1 - 1) == 0) {
        peer->spoke_http1 = true;
        return len;
    }
    frame = (struct frame){.type = at[3],
                           .flags = at[4],
                           .stream = u32_at(at + 5) & ID_MASK,
                           .payload = at + FRAME_HEAD,
                           .len = (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2]};
    if (frame.len > FRAME_ROOM) {
        note(peer, "a frame that is too large");
        return len;
    }
    if (len < FRAME_HEAD + frame.len)
        return 0;
    len = FRAME_HEAD + frame.len;
    take_frame(peer, &frame);
    return len;
}

/* ---- the connection ---- */

struct peer *peer_open(int port, uint32_t address)
{
    struct peer *peer = calloc(1, sizeof *peer);
    struct client client = {0};

    if (!peer)
        abort();
    client_connect(&client, port, address);
    peer->fd = client.fd;
    peer->max_streams = UINT32_MAX;
    peer->initial_window = 65535;
    peer->window = 65535;
    peer->keeps_content = true;
    cr_assert_eq(nghttp2_hd_inflate_new(&peer->inflater), 0);
    return peer;
}

long peer_try_send(struct peer *peer, const void *bytes, size_t count)
{
    ssize_t sent;

    if (peer->fd < 0)
        return -1;
    sent = send(peer->fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0)
        return errno == EAGAIN ? 0 : -1;
    peer->sent += (uint64_t)sent;
    return sent;
}

bool peer_send(struct peer *peer, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    const int64_t end_ms = now_ms() + PATIENCE_MS;

    while (count > 0) {
        long sent = peer_try_send(peer, at, count);

        if (sent < 0 || now_ms() > end_ms)
            return false;
        at += sent;
        count -= (size_t)sent;
        if (sent == 0)
            poll(&(struct pollfd){.fd = peer->fd, .events = POLLOUT}, 1, 100);
    }
    return true;
}

static void take_all(struct peer *peer)
{
    size_t at = 0, used;

    while ((used = take_one(peer, peer->bytes + at, peer->len - at)) > 0)
        at += used;
    peer->len -= at;
    memmove(peer->bytes, peer->bytes + at, peer->len);
}

static void is_over(struct peer *peer)
{
    peer->was_ended = true;
    close(peer->fd);
    peer->fd = -1;
    if (peer->len > 0)
        note(peer, "half a frame");
}

void peer_read(struct peer *peer, int ms)
{
    enum { PART = 65536 };
    ssize_t got;

    if (peer->fd < 0 || poll(&(struct pollfd){.fd = peer->fd, .events = POLLIN}, 1, ms) <= 0)
        return;
    if (peer->room < peer->len + PART) {
        peer->room = peer->len + 2 * PART;
        peer->bytes = realloc(peer->bytes, peer->room);
        if (!peer->bytes)
            abort();
    }
    got = recv(peer->fd, peer->bytes + peer->len, PART, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        is_over(peer);
        return;
    }
    peer->len += (size_t)got;
    peer->received += (uint64_t)got;
    take_all(peer);
}

void peer_acknowledge(struct peer *peer)
{
    struct frames acks = {0};

    for (; peer->settings_to_ack > 0; peer->settings_to_ack--)
        frames_put(&acks, FRAME_SETTINGS, FLAG_ACK, 0, NULL, 0);
    for (; peer->pings > 0; peer->pings--)
        frames_put(&acks, FRAME_PING, FLAG_ACK, 0, "12345678", 8);
    peer_send(peer, acks.bytes, acks.len);
    frames_free(&acks);
}

bool peer_sync(struct peer *peer)
{
    const int64_t end_ms = now_ms() + PATIENCE_MS;
    const unsigned acks = peer->ping_acks;
    struct frames ping = {0};

    frames_put(&ping, FRAME_PING, 0, 0, PEER_SYNC, PEER_SYNC_BYTES);
    peer_send(peer, ping.bytes, ping.len);
    frames_free(&ping);
    while (peer->ping_acks == acks && !peer->was_ended && now_ms() < end_ms)
        peer_read(peer, 100);
    return peer->ping_acks > acks || peer->was_ended;
}

static bool is_settled(struct peer *peer, uint32_t stream)
{
    return peer->was_ended || peer_stream(peer, stream)->is_ended || peer_stream(peer, stream)->was_reset;
}

bool peer_await(struct peer *peer, uint32_t stream)
{
    const int64_t end_ms = now_ms() + PATIENCE_MS;

    while (!is_settled(peer, stream) && now_ms() < end_ms)
        peer_read(peer, 100);
    return is_settled(peer, stream);
}

void peer_close(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    for (size_t i = 0; i < peer->streams_room; i++)
        free(peer->streams[i].content);
    free(peer->streams);
    free(peer->bytes);
    frames_free(&peer->block);
    nghttp2_hd_inflate_del(peer->inflater);
    free(peer);
}
