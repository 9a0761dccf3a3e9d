/** What the fields of an HTTP/1 head mean, and which combinations are refused: pure checks of what llhttp
 * lets through. Framing, connection and hop-by-hop fields leave the head here and become its other members
 *  (RFC 9112 §3, §6.3, §7; RFC 9110 §7.6, §7.8, §10.1.1). */
#ifndef HTTP_H1_RULES_H
#define HTTP_H1_RULES_H

#include "http/h1_parser.h"

/** Of a head whose lines were read. @return false: fault and detail are set */
bool h1_rules_request(struct h1_parse *parse);
bool h1_rules_answer(struct h1_parse *parse, const struct h1_question *question);

#endif
