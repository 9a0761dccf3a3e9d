#include "e2e/content.h"

#include <string.h>
#include <sys/socket.h>

/** The stream repeats this block, whose length no buffer size divides. */
enum { BLOCK = 1048573 };
static unsigned char block[BLOCK + CONTENT_PART];

void content_init(void)
{
    uint64_t state = 88172645463325252ULL;

    for (size_t i = 0; i < BLOCK; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        block[i] = (unsigned char)(state >> 32);
    }
    memcpy(block + BLOCK, block, CONTENT_PART);
}

const void *content_at(uint64_t offset)
{
    return block + offset % BLOCK;
}

bool content_send(struct wire *wire, uint64_t total, atomic_ullong *sent)
{
    for (uint64_t at = 0; at < total; at += CONTENT_PART) {
        const size_t part = total - at < CONTENT_PART ? total - at : CONTENT_PART;

        if (!wire_send_bytes(wire, content_at(at), part))
            return false;
        if (sent)
            atomic_fetch_add(sent, part);
    }
    return true;
}

uint64_t content_check(struct wire *wire, uint64_t total)
{
    static _Thread_local char part[CONTENT_PART];
    const size_t here = wire->length - wire->at;
    uint64_t right = here < total ? here : total; /* came with the head */

    if (memcmp(wire->bytes + wire->at, content_at(0), right) != 0)
        return 0;
    wire->at += right;
    while (right < total) {
        struct pollfd ready = {.fd = wire->fd, .events = POLLIN};
        const uint64_t left = total - right;
        ssize_t got;

        if (poll(&ready, 1, PATIENCE_MS) <= 0)
            break;
        got = recv(wire->fd, part, left < CONTENT_PART ? left : CONTENT_PART, 0);
        if (got <= 0 || memcmp(part, content_at(right), (size_t)got) != 0)
            break;
        right += (uint64_t)got;
    }
    return right;
}
