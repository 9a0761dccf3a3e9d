/** Names that need no name server: addresses as text, /etc/hosts, localhost (RFC 6761 §6.3). */
#ifndef BACKENDS_DNS_HOSTS_H
#define BACKENDS_DNS_HOSTS_H

#include "base/error.h"
#include "base/ip.h"

struct dns_hosts;

int dns_hosts_new(struct dns_hosts **out, struct error *error) NODISCARD;
/** NULL is fine. */
void dns_hosts_free(struct dns_hosts *hosts);

/** Reads the file anew. @return how many addresses were written to *out*, at most *max*; 0: ask a name server */
size_t dns_hosts_find(struct dns_hosts *hosts, const char *name, struct ip *out, size_t max);

#endif
