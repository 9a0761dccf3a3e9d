/** nghttp2's memory, for sessions of the server's side: what is two thirds of an idle connection's otherwise.
 *  - Each session has a buffer of 16 KiB, in which it makes one frame after the other; nothing stays in there, as
 *    h2_session_write() takes each frame out at once. So all sessions of a thread have the same one. (Not for a client's: its
 *    preface waits in there.)
 *  - Each session of nghttp2 before 1.53 has a table of 4 KiB for its streams, all zero while it has none: it lies in a page
 *    (http/h2_pages.h) that rests with the connection. */
#ifndef HTTP_H2_MEMORY_H
#define HTTP_H2_MEMORY_H

#include <nghttp2/nghttp2.h>

/** In the session's owner; all zero at first. */
struct h2_memory {
    void *table; /* NULL: none that could rest */
};

/** As nghttp2_session_server_new2(). The session must be deleted on the thread that made it, and *memory* live until then. */
nghttp2_session *h2_memory_server_new(struct h2_memory *memory, const nghttp2_session_callbacks *callbacks,
                                      void *user_data, const nghttp2_option *options);
/** The connection is idle, and may be so for long. */
void h2_memory_rest(const struct h2_memory *memory);

#endif
