/** Content of a known length that goes past this process: a codec counts it and sees none of it. Part of each
 *  codec. */
#ifndef HTTP_H1_MOVE_H
#define HTTP_H1_MOVE_H

#include "base/flow.h"
#include "http/end.h"
#include "http/h1_body.h"

struct stream;

/** For pass() of that stream: offers what waits in it to the exchange. The last of a content is left for data(), for
 * its end must be seen. @return how many bytes went on */
size_t h1_move_content(struct stream *stream, struct h1_body *body, struct flow *flow, struct http_end *end);

#endif
