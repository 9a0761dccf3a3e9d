/** What HTTP/1.1 says of a WebSocket's opening handshake and later versions do not: a key, and an answer that proves it was
 *  read (RFC 6455 §4; RFC 8441 §5). Where one side has it and the other not, it is made up here. Pure. */
#ifndef PROXY_WEBSOCKET_H
#define PROXY_WEBSOCKET_H

#include "http/head.h"

/** All zero: not a WebSocket. */
struct websocket {
    struct slice key; /* Sec-WebSocket-Key */
    bool is_ours;     /* the client sent none, as its version of HTTP has none */
};

/** Of a request. @param nonce  16 bytes, of which a key is made where one is missing */
struct websocket websocket_of(const struct head *request, struct slice nonce, struct arena *arena);
/** The request on its way out has a key. */
void websocket_ask(const struct websocket *websocket, struct head *out, struct arena *arena);
/** @return false: to our key the backend gave the wrong answer, so that it speaks no WebSocket (RFC 6455 §4.1) */
bool websocket_agrees(const struct websocket *websocket, const struct head *answer);
/** The 101 on its way to the client says what belongs to the client's own key. */
void websocket_tell(const struct websocket *websocket, struct head *out, struct arena *arena);

#endif
