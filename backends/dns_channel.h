/** A channel of c-ares on the loop: its sockets are watched, its timer is the loop's. For dns_client.c alone, who asks
 *  on it; an answer may come from inside dns_channel_ask() and from any event, always within c-ares. */
#ifndef BACKENDS_DNS_CHANNEL_H
#define BACKENDS_DNS_CHANNEL_H

#include "backends/dns_answer.h"
#include "base/error.h"
#include "net/address.h"
#include "net/loop.h"

struct dns_channel;

enum dns_outcome {
    DNS_FOUND,   /* there are records of any type */
    DNS_NO_NAME, /* NXDOMAIN */
    DNS_NO_DATA, /* the name exists, without such records */
    DNS_SILENT,
    DNS_UNREACHABLE,
    DNS_SERVFAIL,
    DNS_REFUSED,
    DNS_MALFORMED, /* an answer that makes no sense */
    DNS_FAILED,    /* whatever else */
};

struct dns_servers {
    const struct address *servers; /* count 0: those of resolv_conf */
    size_t count;
    const char *resolv_conf;
    unsigned try_ms; /* for a server's answer, the first time; it doubles */
};

/** @param passes_failures  a server that fails or refuses is not passed over, its answer is the answer */
int dns_channel_new(struct loop *loop, const struct dns_servers *servers, bool passes_failures,
                    struct dns_channel **out, struct error *error) NODISCARD;
/** Questions under way are answered with DNS_FAILED first. Not from within c-ares. NULL is fine. */
void dns_channel_free(struct dns_channel *channel);

/** @param bytes  lent; of an answer that came, else empty */
typedef void dns_channel_answer(void *owner, enum dns_outcome outcome, struct slice bytes);
/** *on_answer* comes exactly once. */
void dns_channel_ask(struct dns_channel *channel, const char *name, enum dns_type type,
                     dns_channel_answer *on_answer, void *owner);
/** Questions under way. */
size_t dns_channel_load(const struct dns_channel *channel);

#endif
