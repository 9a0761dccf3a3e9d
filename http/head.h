/** A message's head, the same for every version of HTTP: control data, fields, and how long its content is
 *  (RFC 9110 §6.2–6.4). Framing fields (Content-Length, Transfer-Encoding) and connection fields are not
 * among *fields*: codecs turn them into *body* and *protocol* on the way in and write them anew on the way
 * out. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "http/fields.h"

enum body_kind {
    BODY_NONE,    /* no content follows the head */
    BODY_LENGTH,  /* exactly length bytes */
    BODY_UNKNOWN, /* until the sender says so (chunked; until close from a 1.0 backend) */
};

enum method {
    METHOD_OTHER,
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_TRACE,
    METHOD_CONNECT,
    METHOD_PATCH
};

struct head {
    /* request */
    enum method method;
    struct slice method_text;
    struct slice target;    /* origin form "/path?query", or "*": absolute form is split by the codec */
    struct slice authority; /* host[:port] as it came, from Host or the absolute form */
    struct slice scheme;    /* of an absolute-form target, else empty */
    bool expects_continue;  /* Expect: 100-continue; not among the fields */
    bool takes_trailers;    /* TE: trailers; not among the fields */
    /* answer */
    int status; /* 0 in a request; 1xx: an interim answer */
    struct slice reason;
    /* both */
    uint8_t major, minor; /* version in which it came */
    enum body_kind body;
    uint64_t length;       /* of BODY_LENGTH; also what a HEAD answer or 304 declares, when has_length */
    bool has_length;       /* Content-Length was there, even where no content follows */
    struct slice protocol; /* upgrade asked for, or agreed to in a 101: "websocket"; else empty */
    bool ends_connection; /* the connection ends behind this message; of one hop alone: a request's is for the
                              front's codec, an answer that we give ends the front's.
                              HTTP/2 ignores both: its streams are framed apart, and what a
                              refused one was cannot be taken for the next */
    bool comes_whole;     /* an answer of ours: what content it has follows at once */
    struct fields fields;
    unsigned dropped_fields; /* with "_" in their names, which backends might take for "-" */
    struct slice bytes;      /* what the slices above point into, as far as they do: head_copy() copies it
                                in one go; may be empty */
};

/** A deep copy in the arena. */
void head_copy(struct head *to, const struct head *from, struct arena *arena);
enum method method_of(struct slice text);
/** One of the parser library's for HTTP, or that of the HTTP/2 preface: others are answered 501 (RFC 9110 §9.1). */
bool method_name_is_known(struct slice name);
/** GET, HEAD, PUT, DELETE, OPTIONS, TRACE (RFC 9110 §9.2.2). */
bool method_is_idempotent(enum method method);
/** "1.0", "1.1", "2.0": in which it came. */
const char *head_version(const struct head *head);
/** "Not Found"; "" for a code without a registered phrase. */
const char *status_phrase(int status);
/** Of the parser library: "9.2.1". */
const char *http_library_version(void);
/** Of the library for HTTP/2: "1.52.0". */
const char *h2_library_version(void);

#endif
