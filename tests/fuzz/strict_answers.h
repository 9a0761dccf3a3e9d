/** Reads what a server wrote by rules stricter than the RFC's: one framing for each answer and no doubt about
 *  it. Anything else is an assertion, since a client would be fooled. */
#ifndef FUZZ_STRICT_ANSWERS_H
#define FUZZ_STRICT_ANSWERS_H

#include <stdbool.h>

#include "base/text.h"

/** What an answer is to; they stand in a text, one character a request. */
enum asked { ASKED_PLAINLY = 'p', ASKED_BY_OLD = 'o', ASKED_FOR_HEAD = 'h', ASKED_TO_UPGRADE = 'u' };

/** @param asked   of the requests that were answered, in order; no more final answers may stand there
 *  @param is_cut  the last one may be incomplete
 *  @param out     gets the final ones: status and content, a line each; what a tunnel carried
 *  @return how many there are */
size_t strict_answers_read(struct slice bytes, struct slice asked, bool is_cut, struct text *out);

#endif
