/** nghttp2's memory, for sessions of the server's side. Each session has a buffer of 16 KiB, in which it makes one frame
 *  after the other; nothing stays in there, as h2_session_write() takes each frame out at once. So all sessions of a
 *  thread have the same one: what is two thirds of an idle connection's memory otherwise. (Not for a client's: its preface
 *  waits in there.) */
#ifndef HTTP_H2_MEMORY_H
#define HTTP_H2_MEMORY_H

#include <nghttp2/nghttp2.h>

/** As nghttp2_session_server_new2(). The session must be deleted on the thread that made it. */
nghttp2_session *h2_memory_server_new(const nghttp2_session_callbacks *callbacks, void *user_data,
                                      const nghttp2_option *options);

#endif
