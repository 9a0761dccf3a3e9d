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
 *  those that it sets are checked apart: once each, with the right value. */
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

/** The limits of the Portico under test, small so that rows stay short. */
#define CORPUS_LIMITS "{head: 2KiB, fields: 32, target: 512B}"

extern const struct request_case request_cases[];
extern const size_t request_cases_count;

#endif
