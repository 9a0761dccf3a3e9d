/** The right side of the routing table: where a route goes. Pure. */
#ifndef BACKENDS_TARGET_H
#define BACKENDS_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/ip.h"
#include "base/slice.h"

/** What is spoken there. */
enum target_protocol { TARGET_H1, TARGET_H2 };

struct target {
    enum { TARGET_IP, TARGET_NAME, TARGET_UNIX, TARGET_SRV } kind;
    enum target_protocol
        protocol; /* TARGET_H2: h2:// (by ALPN) and h2c:// (known beforehand, RFC 9113 §3.3) */
    bool is_tls;  /* https://, h2:// */
    struct ip ip; /* TARGET_IP */
    struct slice
        name; /* TARGET_NAME: lower case; TARGET_SRV: likewise, "_http._tcp.app"; TARGET_UNIX: absolute path */
    struct slice
        dns_name; /* of the first two, as it is looked up: "app", or "app.example.com." which is not searched for */
    uint16_t port; /* 0 for TARGET_UNIX, and for TARGET_SRV, whose records have one each */
    struct slice
        text; /* canonical: "127.0.0.1:3000", "https://app:8443", "unix:/run/app.sock", "srv:_http._tcp.app",
                 "h2c://[::1]:50051" */
};

/** Does it stand for whatever a name server says? */
static inline bool target_is_name(const struct target *target)
{
    return target->kind == TARGET_NAME || target->kind == TARGET_SRV;
}

/** "8080" or ":8080" (127.0.0.1), "host:port", "[::1]:8080", "unix:/run/app.sock", "srv:_service._proto.name"
 * (RFC 2782), each with http://, https://, h2c:// or h2:// in front or not; with it a host may leave its port out
 * (80, 443). A "/" behind it is taken off. A host with a last dot is a full name, but for "srv." and "unix.", where the dot
 * alone tells that they are hosts. "@name" is no target but a pool of them, which who calls this knows.
 * @param arena  where names and text live; all are NUL-terminated */
int target_parse(struct slice text, struct arena *arena, struct target *out, struct error *error) NODISCARD;

/** "https://", "h2c://" …; "" for http://, which canonical texts leave out. */
struct slice target_scheme(const struct target *target);
/** The port that may be left out behind a scheme. */
static inline uint16_t target_usual_port(const struct target *target)
{
    return target->is_tls ? 443 : 80;
}

#endif
