#include "proxy/websocket.h"

#include "tls/digest.h"

#define KEY    SLICE("Sec-WebSocket-Key")
#define ACCEPT SLICE("Sec-WebSocket-Accept")

static struct slice made_key(struct slice nonce, struct arena *arena)
{
    char *key = arena_alloc(arena, WEBSOCKET_KEY_LEN + 1);

    digest_websocket_key(nonce, key);
    return slice_of(key, WEBSOCKET_KEY_LEN);
}

struct websocket websocket_of(const struct head *request, struct slice nonce, struct arena *arena)
{
    const struct field *theirs;

    if (!slice_eq_nocase(request->protocol, SLICE("websocket")))
        return (struct websocket){0};
    theirs = fields_find_name(&request->fields, KEY);
    if (theirs)
        return (struct websocket){.key = theirs->value};
    if (request->major < 2) /* a mistake that is the client's and the backend's */
        return (struct websocket){0};
    return (struct websocket){.key = made_key(nonce, arena), .is_ours = true};
}

void websocket_ask(const struct websocket *websocket, struct head *out, struct arena *arena)
{
    if (websocket->is_ours)
        fields_add(&out->fields, arena, KEY, websocket->key);
}

bool websocket_agrees(const struct websocket *websocket, const struct head *answer)
{
    const struct field *accept = fields_find_name(&answer->fields, ACCEPT);
    char expected[WEBSOCKET_ACCEPT_LEN + 1];

    if (!websocket->is_ours || answer->major > 1)
        return true;
    digest_websocket_accept(websocket->key, expected);
    return accept && slice_eq(accept->value, slice_str(expected));
}

void websocket_tell(const struct websocket *websocket, struct head *out, struct arena *arena)
{
    char accept[WEBSOCKET_ACCEPT_LEN + 1];

    if (websocket->is_ours) {
        fields_remove_name(&out->fields, ACCEPT);
    } else if (websocket->key.len && out->major > 1) { /* of HTTP/1.1 it is the backend's to say */
        digest_websocket_accept(websocket->key, accept);
        fields_add(&out->fields, arena, ACCEPT, arena_copy(arena, slice_str(accept)));
    }
}
