/** What a gRPC caller gets when the proxy itself answers with an error: a status of its own in a head that is all of the
 *  answer ("trailers-only"), since it looks at no other (gRPC over HTTP/2, "Responses"). Pure. */
#ifndef HTTP_GRPC_ERROR_H
#define HTTP_GRPC_ERROR_H

#include "http/answer.h"

/** application/grpc, also with +format and parameters; not application/grpc-web, whose callers read the HTTP status. */
bool grpc_is_content_type(struct slice content_type);

/** Everything lies in the arena. @param status  that others would be answered */
struct answer grpc_error_make(struct arena *arena, int status, struct slice sentence, struct slice id);

#endif
