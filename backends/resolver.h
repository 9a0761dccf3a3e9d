/** Names to addresses, by DNS on the loop (c-ares), as this machine is set up: /etc/hosts, the name servers and search
 *  domains of /etc/resolv.conf, unless servers are given. Keeps nothing: who asks decides for how long an answer is
 *  used. One for the process, on the main thread's loop. */
#ifndef BACKENDS_RESOLVER_H
#define BACKENDS_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "net/address.h"

struct loop;
struct resolver;
struct lookup; /* one question under way */

/** @param servers  with their ports; copied. count 0: the machine's own. */
int resolver_new(struct loop *loop, const struct address *servers, size_t count, struct resolver **out,
                 struct error *error) NODISCARD;
/** Cancels what is under way; no event comes afterwards. NULL is fine. */
void resolver_free(struct resolver *resolver);

enum lookup_kind {
    LOOKUP_ADDRESSES, /* A and AAAA */
    LOOKUP_SERVICE,   /* SRV (RFC 2782), and the addresses of what it names */
};

struct found_address {
    struct address address;    /* its port: 0 of LOOKUP_ADDRESSES, else the SRV record's */
    uint16_t priority, weight; /* of the SRV record, else 0 */
};

struct lookup_answer {
    const struct found_address *found; /* lent during the call; in order of priority, each address once */
    size_t count;
    bool lacks_ipv4; /* some of the servers failed where others answered: there may be more of it */
    bool lacks_ipv6;
    uint64_t ttl_ms;       /* the shortest of all records that led here; of /etc/hosts: LOOKUP_HOSTS_TTL_MS */
    const char *reason;    /* count 0: "no such name (NXDOMAIN)", "the name servers did not answer in time" */
    bool is_authoritative; /* count 0: the name servers themselves said that there is none, none failed */
};

enum {
    LOOKUP_HOSTS_TTL_MS = 5000,
    LOOKUP_FOUND_MAX = 512, /* addresses in one answer: 256 of each family */
};

/** Comes once, from the loop, never from inside resolver_ask(). Not after lookup_cancel(). */
typedef void lookup_done(void *owner, const struct lookup_answer *answer);
/** @param name  lower case; with a last dot it is full, and search domains are not tried; of LOOKUP_SERVICE with its
 *               labels: "_http._tcp.app" */
struct lookup *resolver_ask(struct resolver *resolver, enum lookup_kind kind, struct slice name,
                            lookup_done *done, void *owner);
void lookup_cancel(struct lookup *lookup);

/** Of c-ares: "1.18.1". */
const char *resolver_library_version(void);

#endif
