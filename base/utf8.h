/** UTF-8 by RFC 3629: well-formed sequences only. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/slice.h"

/** Bytes of the character that *s* begins with; 0 when it is not well-formed or s is empty. */
size_t utf8_length(struct slice s);

#endif
