/** Two streams joined: what one end sends, the other gets, until both have ended. For ssh, tcp, tls
 * pass-through and the inside of tcps. Half-close is kept. Owned by the front; retires itself. */
#ifndef PROXY_TUNNEL_H
#define PROXY_TUNNEL_H

#include <stdbool.h>

#include "base/fault.h"

struct client;
struct lease;
struct route;
struct tunnel;

/** Takes client->stream and the lease over; unread bytes (a ClientHello) go to the backend first.
 *  @param has_spoken  there are such bytes
 *  @param closed  called once, from the loop or from tunnel_close(), when both streams are gone */
struct tunnel *tunnel_start(const struct client *client, struct lease *lease, const struct route *route,
                            bool has_spoken, void (*closed)(void *owner), void *owner);
void tunnel_close(struct tunnel *tunnel, enum fault fault);

#endif
