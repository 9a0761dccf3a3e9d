/** Texts of several lines for people, as events of the log: a line each. */
#ifndef CONTROL_EVENT_LINES_H
#define CONTROL_EVENT_LINES_H

#include "base/log.h"
#include "base/text.h"

/** What reading the configuration said: events `configuration`. */
void event_lines_said(enum log_level level, const struct text *said);
/** What a reload changes (control/changes.h): events `change`, quoted; of very many the first, and how many more. */
void event_lines_changes(const struct text *changes);

#endif
