/** Three small servers for `portico demo`, on a thread of their own: a web app with a WebSocket, the same
 * behind its own TLS, and something that greets like SSH. They know nothing of the proxy in front of them. */
#ifndef CONTROL_DEMO_SERVERS_H
#define CONTROL_DEMO_SERVERS_H

#include "base/error.h"

struct certificates;
struct demo_servers;

enum { DEMO_APP_PORT = 8080, DEMO_TLS_PORT = 8081, DEMO_SSH_PORT = 2222 };

/** @param certificates  for the TLS one; must outlive the servers */
int demo_servers_start(struct certificates *certificates, struct demo_servers **out,
                       struct error *error) NODISCARD;
void demo_servers_stop(struct demo_servers *servers);

#endif
