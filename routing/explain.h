/** Why a route takes something, step by step, by the same look-ups as live traffic. Pure; text for a person.
 */
#ifndef ROUTING_EXPLAIN_H
#define ROUTING_EXPLAIN_H

#include "base/text.h"
#include "routing/table.h"

/** What the steps were for a request to that port: one line each ("host shop.example.com: exact"), then the
 * nearest other routes and why they did not take it. @return the match that live traffic would get */
struct match explain_request(const struct table *table, uint16_t port, const struct request_view *request,
                             struct text *out);
/** The same for a ClientHello. */
struct sni_match explain_sni(const struct table *table, uint16_t port, struct slice name, struct ip from,
                             struct ip local, struct text *out);

#endif
