/** A request line's target, taken apart (RFC 9112 §3.2). Pure. */
#ifndef HTTP_H1_TARGET_H
#define HTTP_H1_TARGET_H

#include "http/head.h"

/** Splits the absolute form: target becomes origin form or "*", scheme and authority are set.
 *  @return NULL, or which rule it broke */
const char *h1_target_split(struct head *head);
/** host[:port] without what no route can take: empty, lists, blanks, userinfo (RFC 9110 §4.2.4), an open bracket, a
 * port of other than digits. The rest of the syntax is routing's to judge; a Host beside an absolute target is judged
 * here alone. */
bool h1_authority_is_plausible(struct slice authority);

#endif
