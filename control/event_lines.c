#include "control/event_lines.h"

/* More nobody reads, and the log's own buffer would drop some of them. */
enum { CHANGES_LOGGED = 1000 };

/* Cuts the first line off. @return false when there is none left */
static bool next_line(struct slice *rest, struct slice *line)
{
    ptrdiff_t end = slice_find(*rest, '\n');

    if (rest->len == 0)
        return false;
    *line = slice_head(*rest, end < 0 ? rest->len : (size_t)end);
    *rest = slice_from(*rest, end < 0 ? line->len : line->len + 1);
    return true;
}

void event_lines_said(enum log_level level, const struct text *said)
{
    struct slice rest = text_slice(said), line;

    while (next_line(&rest, &line)) {
        if (line.len)
            log_event(level, "configuration", "%.*s", FMT_SLICE(line));
    }
}

void event_lines_changes(const struct text *changes)
{
    struct slice rest = text_slice(changes), line;
    size_t count = 0;

    while (next_line(&rest, &line)) {
        if (count++ < CHANGES_LOGGED)
            log_event(LOG_INFO, "change", "text=%s", log_quote(line));
    }
    if (count > CHANGES_LOGGED)
        log_event(LOG_INFO, "change", "text=\"and %zu more\"", count - CHANGES_LOGGED);
}
