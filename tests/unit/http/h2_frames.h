/** HTTP/2 frames made and read by hand, for the peer of a codec. Header blocks are made of literals without indexing, and
 *  read by nghttp2's decoder. */
#ifndef TESTS_HTTP_H2_FRAMES_H
#define TESTS_HTTP_H2_FRAMES_H

#include <nghttp2/nghttp2.h>

#include "base/text.h"

enum { END_STREAM = 1, END_HEADERS = 4, ACK = 1, PADDED = 8 };

void h2_put_frame(struct text *out, unsigned type, unsigned flags, uint32_t stream_id, struct slice payload);
/** "name=value" each, up to "". A literal "\0" cannot be had. */
void h2_put_line(struct text *block, struct slice name, struct slice value);
/** Lines as "name: value\n". */
void h2_put_lines(struct text *block, const char *lines);
void h2_put_headers(struct text *out, uint32_t stream_id, unsigned flags, const char *lines);
void h2_put_u32(struct text *out, unsigned type, unsigned flags, uint32_t stream_id, uint32_t value);

/** Reads what came, frame by frame, into words: "HEADERS 1 :status=200 end|DATA 1 hi end|". */
struct h2_reader {
    nghttp2_hd_inflater *inflater;
    struct text words;
    size_t data_bytes;    /* of all DATA */
    unsigned frames[256]; /* of each type */
    bool quiet;           /* SETTINGS, WINDOW_UPDATE and the size of large DATA are not put in words */
};

void h2_reader_init(struct h2_reader *reader);
void h2_reader_fini(struct h2_reader *reader);
/** @return how many bytes were whole frames */
size_t h2_read_frames(struct h2_reader *reader, struct slice bytes);

#endif
