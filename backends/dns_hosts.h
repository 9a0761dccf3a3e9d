/** Names that need no name server: addresses as text, /etc/hosts, localhost (RFC 6761 §6.3). The file is kept as it was
 *  read, and read again when it is another one: what is on the loop's way at each lookup is one stat(). */
#ifndef BACKENDS_DNS_HOSTS_H
#define BACKENDS_DNS_HOSTS_H

#include <stddef.h>

#include "base/ip.h"

struct dns_hosts;

/** Nothing is read yet. @param path  of hosts(5); lent for as long as it lives */
struct dns_hosts *dns_hosts_new(const char *path);
/** NULL is fine. */
void dns_hosts_free(struct dns_hosts *hosts);

/** Of a file that cannot be read any more the last state counts; of one that is gone, nothing.
 *  @return how many addresses were written to *out*, at most *max*, in the file's order; 0: ask a name server */
size_t dns_hosts_find(struct dns_hosts *hosts, const char *name, struct ip *out, size_t max);

#endif
