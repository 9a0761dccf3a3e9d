/** What is wrong with the configuration: all of it at once, each with its place, a caret and, where one is
 * near, a suggestion. Used by the loader and, with the marks that struct conf carries, by whoever checks
 * more.
 *
 *      portico.yaml:11:5: error: unknown key "helath" in route https://shop.example.com/
 *       11 |     helath: /up
 *          |     ^^^^^^ did you mean "health"?
 *
 *  Owns all that it prints: sources may go before it does. */
#ifndef CONF_DIAGNOSTICS_H
#define CONF_DIAGNOSTICS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"
#include "base/text.h"
#include "conf/mark.h"

struct diagnostic;

/* The first ones by place are kept and printed, the others only counted. */
enum { DIAGNOSTICS_SHOWN = 100 };

/** In the caller's memory; all zero is "nothing wrong". */
struct diagnostics {
    struct diagnostic *items[DIAGNOSTICS_SHOWN + 1]; /* by source, line, column */
    size_t count;
    struct diagnostic *last; /* the newest, or NULL when it was not kept */
    size_t errors, warnings; /* all of them */
};

/** The same text at the same place is said once. */
void diagnostics_error(struct diagnostics *diagnostics, struct mark mark, const char *format, ...)
    PRINTF(3, 4);
void diagnostics_warn(struct diagnostics *diagnostics, struct mark mark, const char *format, ...)
    PRINTF(3, 4);
/** Puts a text behind the carets of the newest one. */
void diagnostics_hint(struct diagnostics *diagnostics, const char *format, ...) PRINTF(2, 3);
/** `did you mean "…"?` behind the carets of the newest one, when a candidate is near.
 *  @param candidates  ends with NULL */
void diagnostics_suggest(struct diagnostics *diagnostics, struct slice word, const char *const *candidates);

void diagnostics_print(const struct diagnostics *diagnostics, struct text *out);
void diagnostics_fini(struct diagnostics *diagnostics);

#endif
