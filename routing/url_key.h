/** The left side of the routing table: the URL that arrives, `scheme://host[:port][/path]`. Pure. */
#ifndef ROUTING_URL_KEY_H
#define ROUTING_URL_KEY_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

enum scheme { SCHEME_HTTP, SCHEME_HTTPS, SCHEME_TLS, SCHEME_TCPS, SCHEME_SSH, SCHEME_TCP, SCHEME_COUNT };

enum host_kind { HOST_EXACT, HOST_WILDCARD, HOST_ANY };

struct url_key {
    enum scheme scheme;
    enum host_kind host_kind;
    struct slice
        host; /* normal form, of a wildcard without "*."; empty for HOST_ANY. IPv6 without brackets */
    uint16_t port;
    struct slice path; /* normal form, without a trailing slash; "" takes every path. http and https only */
};

/** What is refused although it could be read: a host where no name arrives (ssh, tcp) or an address where
 * only names do (tls, tcps); in a path, empty segments, encoded slashes, ";", %00 and a closing "*", by which nothing
 * can be routed safely. @param arena  where host and path live. Errors name the part that is wrong and what
 * was expected. */
int url_key_parse(struct slice text, struct arena *arena, struct url_key *out, struct error *error) NODISCARD;
/** "https://x.test:8443/v1/": the port only where it is not the default, or where no host stands. Parsing it
 * gives the same key. */
struct slice url_key_describe(const struct url_key *key, struct arena *arena);
const char *scheme_name(enum scheme scheme);
/** 0: must be named. */
uint16_t scheme_default_port(enum scheme scheme);

#endif
