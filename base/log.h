/** The process's own log: one line an event, to standard error.
 *  `time level event key=value …`; from any thread, each line whole. Access lines are
 * proxy/access_log's. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/macro.h"
#include "base/slice.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);
/** @param event  one word with underscores; @param format  `key=%s key=%d`, values with blanks quoted by the
 * caller (or by "%s" of log_quote()) */
void log_event(enum log_level level, const char *event, const char *format, ...) PRINTF(3, 4);

/** Lines go to *write* instead of standard error from now on, until it is NULL again. Called from any thread.
 */
void log_divert(void (*write)(struct slice line));

/** The value in quotes with control characters escaped, cut at 480 bytes; valid until the 8th next call in
 * this thread. */
const char *log_quote(struct slice value);

#endif
