/** Heads, chunk lines and trailers → bytes (RFC 9112). Everything is written anew from parsed parts, so
 * nothing ambiguous passes from one side to the other. Pure. */
#ifndef HTTP_H1_WRITE_H
#define HTTP_H1_WRITE_H

#include "http/head.h"

enum { H1_OUT_SMALL = 4096, H1_CHUNK_LINE_MAX = 18 };

/** Bytes on their way out, in the caller's frame; large heads go to the heap for the call. */
struct h1_out {
    char *data;
    size_t len, cap;
    char small[H1_OUT_SMALL];
};

/** How the content is framed and what becomes of the connection: of this hop alone. */
struct h1_framing_fields {
    bool has_length, is_chunked;
    uint64_t length;
    enum { H1_SAYS_NOTHING, H1_SAYS_CLOSE, H1_SAYS_KEEP_ALIVE, H1_SAYS_UPGRADE } connection;
};

void h1_out_init(struct h1_out *out);
void h1_out_fini(struct h1_out *out);
static inline struct slice h1_out_slice(const struct h1_out *out)
{
    return slice_of(out->data, out->len);
}

void h1_write_request(struct h1_out *out, const struct head *head, const struct h1_framing_fields *framing);
/** Adds Date to a final answer that has none. */
void h1_write_answer(struct h1_out *out, const struct head *head, const struct h1_framing_fields *framing);
/** The last chunk and the trailer section. */
void h1_write_trailers(struct h1_out *out, const struct fields *trailers);
/** "1f4\r\n". @return its length */
size_t h1_write_chunk_line(char out[H1_CHUNK_LINE_MAX], size_t size);

#endif
