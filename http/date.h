/** The Date field's value (IMF-fixdate, RFC 9110 §5.6.7), made once a second and thread. */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include <time.h>

#include "base/slice.h"

enum { DATE_BYTES = 29 };

/** Of the wall clock; lives until this thread's next call. */
struct slice date_now(void);
/** @param out  exactly DATE_BYTES, no NUL behind them */
void date_write(char *out, time_t when);

#endif
