/** What a client was told, written as the rows of answers write it (cases.h). Reads by rules stricter than the
 *  RFCs', since Portico writes each head anew; what breaks them is told as "garbage". */
#ifndef CORPUS_REPLY_H
#define CORPUS_REPLY_H

#include <stdbool.h>

#include "corpus/client.h"

/** @param len      of the client's bytes
 *  @param is_head  it asked with HEAD */
char *replies_describe(const struct client *client, size_t len, bool is_head);

#endif
