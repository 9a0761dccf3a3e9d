/** A client of the corpus: a connection whose bytes are kept as they come. */
#ifndef CORPUS_CLIENT_H
#define CORPUS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client {
    int fd; /* -1: over */
    char *bytes;
    size_t len, room;
    bool was_shut;             /* by us */
    bool was_ended, was_reset; /* by the other side */
};

/** To 127.0.0.1. @param address  to come from, in network order; 0: any */
void client_connect(struct client *client, int port, uint32_t address);
/** What cannot be sent was refused before. */
void client_send(const struct client *client, const char *bytes, size_t len);
void client_shut(struct client *client);
void client_close(struct client *client);

/** Reads from all of them, for PATIENCE_MS at most. @param on_news  something came; true: enough from this one.
 *  An end is enough in any case. */
void clients_await(struct client *const *clients, size_t count, bool (*on_news)(struct client *client));

/** Longer than a worker needs to come round and read what there is. */
void pause_ms(int ms);

#endif
