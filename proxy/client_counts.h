/** How many connections each client has, over all workers: for limits.connections_per_client. An IPv4 address is a
 *  client, and so is an IPv6 /64, which one subscriber has to himself (RFC 6177).
 *  Any thread may call; a lock is taken when a connection comes and when it goes, never on a request's way. */
#ifndef PROXY_CLIENT_COUNTS_H
#define PROXY_CLIENT_COUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ip.h"

struct client_counts;

struct client_counts *client_counts_new(void);
void client_counts_free(struct client_counts *counts);

/** One more, unless the client has *limit* already. @return false: it has, and nothing was counted */
bool client_counts_add(struct client_counts *counts, struct ip ip, uint64_t limit);
/** One that was counted has ended. */
void client_counts_remove(struct client_counts *counts, struct ip ip);
/** Clients that have a connection now. */
size_t client_counts_clients(struct client_counts *counts);

#endif
