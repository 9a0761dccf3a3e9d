/** Reads what the operator wrote and refuses what is no text before a YAML parser sees it. */
#ifndef CONF_SOURCE_H
#define CONF_SOURCE_H

#include "base/macro.h"
#include "conf/diagnostics.h"
#include "conf/mark.h"

/** @param bytes  yours on success: mem_free()
 *  @return -1 with an error among the diagnostics */
int source_read(const char *path, struct slice *bytes, struct diagnostics *diagnostics) NODISCARD;

/** Without the byte order mark that some editors put in front. */
struct slice source_text(struct slice bytes);

/** Size, well-formed UTF-8, no control characters but tab, LF and CR before LF: what YAML 1.2 §5.1 allows and
 *  what keeps lines countable by LF. @return -1 with an error among the diagnostics */
int source_check(const struct source *source, struct diagnostics *diagnostics) NODISCARD;

/** The place of a position that was counted in lines and characters, both from 1; clamped. */
struct mark source_mark(const struct source *source, unsigned line, unsigned column);

#endif
