/** What an exchange was told by its end, as one text that does not depend on how the bytes were cut: content is
 *  written on and on, and lines stand only where something ends. */
#ifndef FUZZ_ACCOUNT_H
#define FUZZ_ACCOUNT_H

#include "base/text.h"
#include "http/head.h"

void account_head(struct text *text, const struct head *head, bool last);
void account_fields(struct text *text, const struct fields *fields);
void account_data(struct text *text, struct slice bytes, bool last);
void account_trailers(struct text *text, const struct fields *trailers);

#endif
