#include "tls/client_hello.h"

#include "base/macro.h"
#include "base/mem.h"
#include "tls/hello_message.h"

enum { RECORD_HEAD = 5, RECORD_HANDSHAKE = 22, RECORD_MAJOR = 3, RECORD_MAX = 16 * 1024 };

static size_t number(const uint8_t *at, size_t width)
{
    size_t value = 0;

    while (width--)
        value = value << 8 | *at++;
    return value;
}

static enum client_hello_state bad(struct client_hello *hello, enum tls_alert alert)
{
    hello->alert = alert;
    return CLIENT_HELLO_BAD;
}

/* Looks at what is there of a record's head. Its minor version says nothing (RFC 8446 §5.1). */
static enum client_hello_state read_record_head(struct client_hello *hello, struct slice wire)
{
    const uint8_t *head = (const uint8_t *)wire.data + hello->at.seen;
    size_t there = wire.len - hello->at.seen;
    size_t len;

    if ((there > 0 && head[0] != RECORD_HANDSHAKE) || (there > 1 && head[1] != RECORD_MAJOR))
        return hello->at.seen == 0 ? CLIENT_HELLO_NOT_TLS : bad(hello, TLS_ALERT_UNEXPECTED_MESSAGE);
    if (there < RECORD_HEAD)
        return CLIENT_HELLO_MORE;
    len = number(head + 3, 2);
    if (len > RECORD_MAX)
        return bad(hello, TLS_ALERT_RECORD_OVERFLOW);
    /* An empty handshake record is forbidden; many of them would be work for nothing. */
    if (len == 0 || hello->at.seen + RECORD_HEAD + len > CLIENT_HELLO_WIRE_MAX)
        return bad(hello, TLS_ALERT_DECODE_ERROR);
    hello->at.seen += RECORD_HEAD;
    hello->at.record_left = len;
    return CLIENT_HELLO_DONE;
}

/* Looks at what is there of the message: its four bytes of type and length, then all of it. */
static enum client_hello_state read_message(struct client_hello *hello, struct slice message)
{
    const uint8_t *bytes = (const uint8_t *)message.data;
    size_t len;

    if (message.len > 0 && bytes[0] != HELLO_MESSAGE_TYPE)
        return bad(hello, TLS_ALERT_UNEXPECTED_MESSAGE);
    if (message.len < HELLO_MESSAGE_HEAD)
        return CLIENT_HELLO_MORE;
    len = number(bytes + 1, 3);
    if (len > CLIENT_HELLO_MAX - HELLO_MESSAGE_HEAD)
        return bad(hello, TLS_ALERT_DECODE_ERROR);
    if (message.len < HELLO_MESSAGE_HEAD + len)
        return CLIENT_HELLO_MORE;
    /* Nothing may follow it before the server's answer, least of all in its own record. */
    if (message.len > HELLO_MESSAGE_HEAD + len || hello->at.record_left)
        return bad(hello, TLS_ALERT_UNEXPECTED_MESSAGE);
    hello->alert = TLS_ALERT_DECODE_ERROR; /* unless the message's parser knows better */
    return hello_message_parse(hello, slice_from(message, HELLO_MESSAGE_HEAD)) ? CLIENT_HELLO_DONE
                                                                               : CLIENT_HELLO_BAD;
}

/* A hello that lies whole in the first record is read in place; any other is put together first. */
static enum client_hello_state read_fragment(struct client_hello *hello, struct slice wire)
{
    struct slice there = slice_head(slice_from(wire, hello->at.seen), hello->at.record_left);

    hello->at.seen += there.len;
    hello->at.record_left -= there.len;
    if (hello->at.message_len == 0 && hello->at.record_left == 0) {
        enum client_hello_state state = read_message(hello, there);

        if (state != CLIENT_HELLO_MORE)
            return state;
    }
    mem_grow((void **)&hello->at.message, &hello->at.message_cap, hello->at.message_len + there.len, 1);
    memcpy(hello->at.message + hello->at.message_len, there.data, there.len);
    hello->at.message_len += there.len;
    return read_message(hello, slice_of(hello->at.message, hello->at.message_len));
}

static enum client_hello_state read_on(struct client_hello *hello, struct slice wire)
{
    enum client_hello_state state = CLIENT_HELLO_MORE;

    while (hello->at.seen < wire.len && state == CLIENT_HELLO_MORE) {
        if (hello->at.record_left == 0) {
            state = read_record_head(hello, wire);
            if (state != CLIENT_HELLO_DONE)
                return state;
            state = CLIENT_HELLO_MORE;
        } else {
            state = read_fragment(hello, wire);
        }
    }
    return state;
}

enum client_hello_state client_hello_read(struct client_hello *hello, struct slice wire)
{
    ASSERT(wire.len >= hello->at.seen);
    if (hello->state == CLIENT_HELLO_MORE)
        hello->state = read_on(hello, wire);
    return hello->state;
}

void client_hello_fini(struct client_hello *hello)
{
    mem_free(hello->at.message);
    *hello = (struct client_hello){0};
}
