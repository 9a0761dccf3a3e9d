/** What is asked of a routing table: a URL, and what else a client would send. For `explain` and `expect`, which
 *  look things up as live traffic does. */
#ifndef CONTROL_QUESTION_H
#define CONTROL_QUESTION_H

#include "base/text.h"
#include "routing/host.h"
#include "routing/table.h"

enum { QUESTION_HEADERS_MAX = 64 };

/** In the caller's memory; texts are lent. */
struct question {
    const char *method;                         /* NULL: GET */
    const char *sni;                            /* NULL: the URL's host */
    struct slice headers[QUESTION_HEADERS_MAX]; /* "Name: value" */
    size_t headers_count;
    struct ip from; /* the client; also where it arrives */
    /* from the URL */
    enum scheme scheme;
    struct host host; /* len 0: none */
    uint16_t port;
    struct slice path, query;
};

/** GET without header fields, from 127.0.0.1. */
struct question question_plain(void);
/** Reads scheme://host[:port][/path][?query]: a request's own URL, not a key of the table; without a scheme, http. */
int question_read(struct question *question, struct slice url, struct error *error) NODISCARD;
/** The name in the ClientHello: none is sent for an address (RFC 6066 §3). */
struct slice question_name(const struct question *question);

/** Which route takes a request, a ClientHello of that name, or raw bytes of that scheme.
 *  @param steps  how it came to that is added, as text for a person; NULL: not asked */
struct match question_request(const struct question *question, const struct table *table, struct text *steps);
struct sni_match question_hello(const struct question *question, const struct table *table, struct slice name,
                                struct text *steps);
const struct route *question_raw(const struct question *question, const struct table *table,
                                 enum scheme scheme, struct text *steps);
/** All that the URL's scheme brings; of https the ClientHello, then the request. Certificates are not looked at.
 *  @return NULL: none takes it */
const struct route *question_route(const struct question *question, const struct table *table,
                                   struct text *steps);

#endif
