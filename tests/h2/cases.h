/** Conformance with HTTP/2 and HPACK, row by row: what a client sends (script.h), what it must be told, and what the
 *  backend must have received. Every row names the section it is from ("9113 6.1").
 *
 *  What the client is told, alternatives divided by " or ":
 *      1:200:a 3:400     an entry for each stream that something came on, by their numbers
 *      1:200:a           200 from the backend whose token is "a", complete; 1:103,200:a with an interim head in front
 *      1:400             an error of ours, with its id (then a reset behind it may follow or not, RFC 9113 §8.1.1)
 *      1:rst=CODE        RST_STREAM without an answer
 *      1:200:a,rst=CODE  and behind one
 *      goaway=CODE       GOAWAY with that code, then the end of the connection. Streams are not compared: what was
 *                        under way may have been answered before or not
 *      cut               the end without GOAWAY
 *      http1             an answer of HTTP/1.1, then the end: what came was not taken for HTTP/2
 *      nothing           no entry at all
 *
 *  What the backend received is written as in corpus/cases.h; "part": no complete request, but a part of one may have
 *  been forwarded, and "part a GET /" that beside one; "any": not compared. */
#ifndef H2_CASES_H
#define H2_CASES_H

#include <stddef.h>

struct h2_case {
    const char *name, *source, *script, *client, *back;
};

#define H2_CASE(source, name, script, client, back) {name, source, script, client, back},
/** One request, forwarded to a and answered by it. */
#define H2_PASS(source, name, script, back) {name, source, script, "1:200:a", back},
/** A connection error; nothing reached a backend. */
#define H2_CONNECTION(source, name, script, code) {name, source, script, "goaway=" code, ""},
/** The same behind the head of a request, whose content is still to come. */
#define H2_CONNECTION_WITHIN(source, name, script, code) {name, source, script, "goaway=" code, "part"},
/** A stream error on stream 1; nothing reached a backend. */
#define H2_STREAM(source, name, script, code)        {name, source, script, "1:rst=" code, ""},
#define H2_STREAM_WITHIN(source, name, script, code) {name, source, script, "1:rst=" code, "part"},
/** A malformed request (RFC 9113 §8.1.1): refused with 400, or as a stream error; the connection stays. */
#define H2_MALFORMED(source, name, script) {name, source, script, "1:400 or 1:rst=PROTOCOL_ERROR", ""},
/** The same, found behind its head. */
#define H2_MALFORMED_WITHIN(source, name, script)                                                            \
    {name, source, script, "1:400 or 1:rst=PROTOCOL_ERROR", "part"},

extern const struct h2_case h2_cases[];
extern const size_t h2_cases_count;

#endif
