/** What the clients of a mixed load do, each kind in its way, until the load stops. Each runs in a thread of its own. */
#ifndef E2E_MIXED_WORK_H
#define E2E_MIXED_WORK_H

#include "e2e/caller.h"
#include "e2e/mixed_load.h"

struct client {
    struct mixed_load *load;
    struct account *account;
    void (*work)(struct client *client);
    struct caller caller;
    SSL_CTX *tls;
    SSL_SESSION *session;
    int64_t began_us;
    uint64_t random;
};

void work_kept(struct client *client);
void work_closed(struct client *client);
void work_paced(struct client *client);
void work_sipped(struct client *client);
void work_endless(struct client *client);
void work_upload(struct client *client);
void work_websocket(struct client *client);
void work_tunnel(struct client *client);
void work_tunnels(struct client *client);
void work_tls(struct client *client);

#endif
