/** Questions to name servers: a bounded number under way, each cancelled alone, answered from the loop. Follows
 *  resolv.conf when it changes. One for the process, on the main thread's loop. */
#ifndef BACKENDS_DNS_CLIENT_H
#define BACKENDS_DNS_CLIENT_H

#include "backends/dns_channel.h"
#include "backends/dns_search.h"

struct dns_client;
struct dns_question; /* one under way */

/** @param servers  copied, but for resolv_conf, which must outlive the client */
int dns_client_new(struct loop *loop, const struct dns_servers *servers, struct dns_client **out,
                   struct error *error) NODISCARD;
/** After all questions were cancelled or answered. NULL is fine. */
void dns_client_free(struct dns_client *client);

/** Looks whether resolv.conf changed, at most once a second; what is asked from then on follows it. */
void dns_client_look(struct dns_client *client);
const struct dns_search *dns_client_search(const struct dns_client *client);

/** Comes once, never from inside a call, and not after dns_question_cancel(). */
typedef void dns_client_answer(void *owner, struct dns_question *question, enum dns_outcome outcome,
                               struct slice bytes);
/** @param name  full; copied */
struct dns_question *dns_client_ask(struct dns_client *client, const char *name, enum dns_type type,
                                    dns_client_answer *on_answer, void *owner);
void dns_question_cancel(struct dns_question *question);

#endif
