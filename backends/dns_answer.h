/** What the bytes of a DNS answer say to their question (RFC 1035 §4): the addresses or services at the end of the
 *  chain of aliases that begins at the name asked for. Pure; the bytes come from outside and may be anything. */
#ifndef BACKENDS_DNS_ANSWER_H
#define BACKENDS_DNS_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/slice.h"

enum dns_type { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33 };

enum {
    DNS_NAME_MAX = 253, /* of a name as text */
    DNS_LABEL_MAX = 63,
    DNS_IPS_MAX = 256,     /* of one answer; of more the lowest are kept */
    DNS_SERVICES_MAX = 64, /* those of the first priorities are kept */
};

/** An SRV record (RFC 2782). */
struct dns_service {
    uint16_t priority, weight, port;
    char host[DNS_NAME_MAX + 1]; /* lower case */
};

/** In the owner's memory; all zero is an empty answer. Room for records is taken when the first one comes. */
struct dns_answer {
    struct ip *ips; /* A or AAAA, in the order of the answer as long as there is room */
    size_t ips_count;
    struct dns_service *services; /* in order of priority, and of the answer within one */
    size_t services_count;
    bool is_refused;  /* an SRV record said ".": this service is decidedly not offered */
    bool has_useless; /* SRV records without a port, or whose host has no host's name; they are left out */
    uint32_t ttl_s;   /* the shortest of the aliases and records used */
};

/** Adds nothing where the name exists without such records.
 *  @return -1 when the bytes are no well-formed answer; *out is empty then */
int dns_answer_read(struct slice bytes, enum dns_type type, struct dns_answer *out);
void dns_answer_fini(struct dns_answer *answer);
/** Of the type that was read, useful or not. */
bool dns_answer_has_records(const struct dns_answer *answer);

/** Could DNS know this name? Labels of 1 to 63 bytes, 253 in all. */
bool dns_name_is_valid(struct slice name);

#endif
