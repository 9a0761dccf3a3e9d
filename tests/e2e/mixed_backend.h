/** What the clients of a mixed load talk to: the backend's side of each kind of exchange. */
#ifndef E2E_MIXED_BACKEND_H
#define E2E_MIXED_BACKEND_H

#include "e2e/backend.h"

/** An HTTP backend:
 *    /content/OFFSET/COUNT      that part of the content, with its length
 *    /paced/OFFSET/COUNT/MS     the same, over so many milliseconds
 *    /endless/OFFSET            content in chunks, at a pace, until mixed_backends_finish(true); a trailer says how many bytes
 *    a request with content     is answered with how many bytes of it, from the first, were right
 *    one that asks for WebSocket  is switched, and its frames are answered
 *  It answers all else with "ok". */
struct backend *mixed_backend(void);
/** Gives back all that it gets. */
struct backend *mixed_echo(void);
/** Whether content without end ends now, in good order. */
void mixed_backends_finish(bool now);

enum { FRAME_CONTENT = 24, FRAME_LENGTH = 6 + FRAME_CONTENT };

#endif
