/** One request and its answer: the front end joined to a back end, or to an answer of our own.
 *  Begun by proxy/front for every request; ends itself in exchange_finish(), the one place for the access
 * line, the connection's way back to the idle ones, and the exchange's to the spare ones. */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include "http/end.h"

struct client;
struct worker;

/** Owns the front end from here on. *head* is copied. */
void exchange_start(const struct client *client, struct http_end *front, const struct head *head, bool last);
/** A request that the codec refused: answers with the fault's status, and logs it. */
void exchange_refuse(const struct client *client, struct http_end *front, const struct head *head,
                     enum fault fault, const char *detail);
/** For the worker's end. */
void exchanges_free_spare(struct worker *worker);

#endif
