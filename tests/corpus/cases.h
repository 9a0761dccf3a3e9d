/** The corpus: what a client or a backend may send, and what must come of it. Every row names its source: a
 *  section of an RFC ("9112 6.3"), a CVE, or the attack's name. The same rows feed the tests against the real
 *  binary, the differential test and the fuzzers' seeds.
 *
 *  How an outcome is written, on the client's side: one word an answer, in order.
 *      "200:a"  200 from the backend whose token is "a", complete     "404"   ours: with an id, and close if
 *      "end"    the connection was ended by Portico                           "end" follows
 *               (blanks of content are shown as _, ends of lines as |)
 *      "cut"    it ended inside an answer
 *
 *  On the backends' side, one entry for each complete request, joined by "; ":
 *      a GET /path @host {Name: value, …} "content" +{Trailer: value}
 *  @host only where it is not the backend's own (a.test); of the fields only those that Portico does not set;
 *  those that it sets are checked apart: once each, with the right value.
 *
 *  Of answers the client's side tells more, joined by "; ":
 *      103 {Name: value, …}                    an interim answer
 *      200 {Name: value, …} "content" +{…}     a final one, complete; of the fields only those that are not framing
 *      200 (5)                                 one without content that says how long it would have been
 *      502                                     ours
 *      200 "content" cut                       the client sees that it ended too early; no byte but these came. Or,
 *                                              when none of them had left, 502: always, when the mistake comes at
 *                                              once with the head
 *      end                                     the connection was ended by Portico, behind a complete answer */
#ifndef CORPUS_CASES_H
#define CORPUS_CASES_H

#include <stdbool.h>
#include <stddef.h>

struct request_case {
    const char *name, *source;
    const char *bytes; /* of the client */
    size_t len;
    const char *client; /* the outcomes */
    const char *back;
    bool shuts;     /* the client ends its direction behind the bytes */
    bool may_begin; /* an incomplete request may reach a backend */
};

/** Refused: our answer, the connection ends, nothing was forwarded. */
#define REFUSE(status, source, name, bytes)                                                                  \
    {name, source, bytes, sizeof(bytes) - 1, #status " end", "", false, false},
/** One request, forwarded to a, answered by it. */
#define PASS(source, name, bytes, back) {name, source, bytes, sizeof(bytes) - 1, "200:a", back, false, false},
/** Any outcome. */
#define CASE(source, name, bytes, client, back)                                                              \
    {name, source, bytes, sizeof(bytes) - 1, client, back, false, false},
/** The head was fine, the content is not: no complete request anywhere. */
#define BREAK(status, source, name, bytes)                                                                   \
    {name, source, bytes, sizeof(bytes) - 1, #status " end", "", false, true},
/** Any outcome, where the client ends its direction behind the bytes. */
#define HALF(source, name, bytes, client, back)                                                              \
    {name, source, bytes, sizeof(bytes) - 1, client, back, true, false},
/** The client goes away before its request is complete. */
#define LEAVE(source, name, bytes) {name, source, bytes, sizeof(bytes) - 1, "end", "", true, true},

/* What most rows are made of. */
#define GET_A(fields)  "GET / HTTP/1.1\r\nHost: a.test\r\n" fields "\r\n"
#define POST_A(fields) "POST / HTTP/1.1\r\nHost: a.test\r\n" fields "\r\n"
#define TO_A(target)   "GET " target " HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define FOR(host)      "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"
/** What a desynchronised reader would take for a request of its own. */
#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: b.test\r\n\r\n"

/* For names and targets at a limit. */
#define X_30 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X_63 X_30 X_30 "xxx"
/* ---- what a backend may send ---- */

enum answer_end { ANSWER_KEEPS, ANSWER_CLOSES, ANSWER_RESETS };

struct answer_case {
    const char *name, *source;
    const char *request; /* of the client; % stands for the path, @ for the host */
    const char *bytes;   /* of the backend */
    size_t len;
    enum answer_end end; /* of its connection, behind the bytes */
    const char *client;
    bool is_reused; /* the backend's connection gets the next request; else Portico closes it */
    bool is_early;  /* answered at the end of the request's head */
};

#define ANSWER_ROW(source, name, request, bytes, end, client, is_reused, is_early)                           \
    {name, source, request, bytes, sizeof(bytes) - 1, end, client, is_reused, is_early},
/** Passed on, and the connection is used again. */
#define GIVE(source, name, bytes, client)                                                                    \
    ANSWER_ROW(source, name, ASK_GET, bytes, ANSWER_KEEPS, client, true, false)
/** The connection, though it stays open, is not used again. */
#define SPEND(source, name, bytes, client)                                                                   \
    ANSWER_ROW(source, name, ASK_GET, bytes, ANSWER_KEEPS, client, false, false)
/** Refused: no byte of it is shown. */
#define WRONG(source, name, bytes) SPEND(source, name, bytes, "502")
/** Refused behind what was shown already: interim answers. */
#define WRONG_BEHIND(source, name, bytes, client) SPEND(source, name, bytes, client)
/** The backend closes behind it. */
#define CLOSE(source, name, bytes, client)                                                                   \
    ANSWER_ROW(source, name, ASK_GET, bytes, ANSWER_CLOSES, client, false, false)
/** The backend resets the connection behind it. */
#define RESET(source, name, bytes, client)                                                                   \
    ANSWER_ROW(source, name, ASK_GET, bytes, ANSWER_RESETS, client, false, false)
/** To another request than GET: kept open. */
#define REPLY(source, name, request, bytes, client, is_reused)                                               \
    ANSWER_ROW(source, name, request, bytes, ANSWER_KEEPS, client, is_reused, false)
/** Before the request's content came; the connection is never used again. */
#define EARLY(source, name, request, bytes, end, client)                                                     \
    ANSWER_ROW(source, name, request, bytes, end, client, false, true)

#define ASK(method, version, fields) method " % " version "\r\nHost: @\r\n" fields "\r\n"
#define ASK_GET                      ASK("GET", "HTTP/1.1", "")
#define ASK_HEAD                     ASK("HEAD", "HTTP/1.1", "")
#define ASK_OLD                      ASK("GET", "HTTP/1.0", "")
#define ASK_SLOW                     "GET /slow% HTTP/1.1\r\nHost: @\r\n\r\n" /* a route that does not wait for long */
#define ASK_WEBSOCKET                                                                                        \
    ASK("GET", "HTTP/1.1",                                                                                   \
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                         \
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")

#define OK(fields)     "HTTP/1.1 200 OK\r\n" fields "\r\n"
#define LENGTH(length) "Content-Length: " #length "\r\n"
#define OK_CHUNKED     OK("Transfer-Encoding: chunked\r\n")
/** What the next client would get from a connection that is out of step. */
#define POISON "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

#define X4(text)   text text text text
#define X16(text)  X4(X4(text))
#define X64(text)  X4(X16(text))
#define X256(text) X4(X64(text))

extern const struct answer_case answer_cases[];
extern const size_t answer_cases_count;

/** The limits of the Portico under test, small so that rows stay short. */
#define CORPUS_LIMITS "{head: 2KiB, fields: 32, target: 512B}"

extern const struct request_case request_cases[];
extern const size_t request_cases_count;

#endif
