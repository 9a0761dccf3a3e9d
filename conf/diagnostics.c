#include "conf/diagnostics.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/suggest.h"
#include "conf/excerpt.h"

struct diagnostic {
    const char *severity;
    unsigned source_number;
    uint32_t line, offset;
    struct text source_name, text, hint;
    struct excerpt excerpt; /* unless line is 0 */
};

static void diagnostic_free(struct diagnostic *item)
{
    text_fini(&item->source_name);
    text_fini(&item->text);
    text_fini(&item->hint);
    excerpt_fini(&item->excerpt);
    mem_free(item);
}

/* Texts quote what the operator wrote and what stood in the environment. */
static void PRINTF(2, 0) add_text(struct text *text, const char *format, va_list args)
{
    struct text raw = {0};
    va_list again;
    int len;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    ASSERT(len >= 0);
    vsnprintf(text_reserve(&raw, (size_t)len), (size_t)len + 1, format, args);
    raw.len = (size_t)len;
    excerpt_add_clean(text, text_slice(&raw));
    text_fini(&raw);
}

static struct diagnostic *diagnostic_new(const char *severity, struct mark mark)
{
    struct diagnostic *item = mem_new(struct diagnostic);

    item->severity = severity;
    if (!mark.source)
        return item;
    item->source_number = mark.source->number;
    item->line = mark.line;
    item->offset = mark.offset;
    text_add(&item->source_name, mark.source->name);
    if (mark.line)
        excerpt_make(&item->excerpt, mark);
    return item;
}

/* 0: the same source, line and offset. */
static int order(const struct diagnostic *a, const struct diagnostic *b)
{
    if (a->source_number != b->source_number)
        return a->source_number < b->source_number ? -1 : 1;
    if ((a->line == 0) != (b->line == 0))
        return a->line == 0 ? -1 : 1;
    return a->offset == b->offset ? 0 : a->offset < b->offset ? -1 : 1;
}

static bool is_kept_already(const struct diagnostics *diagnostics, const struct diagnostic *item)
{
    for (size_t i = diagnostics->count; i-- > 0;) {
        int ordered = order(diagnostics->items[i], item);

        if (ordered < 0)
            return false;
        if (ordered == 0 && slice_eq(text_slice(&diagnostics->items[i]->text), text_slice(&item->text)))
            return true;
    }
    return false;
}

/* Behind those of the same place; the last one goes when there are too many. */
static void keep(struct diagnostics *diagnostics, struct diagnostic *item)
{
    size_t at = diagnostics->count++;

    for (; at > 0 && order(diagnostics->items[at - 1], item) > 0; at--)
        diagnostics->items[at] = diagnostics->items[at - 1];
    diagnostics->items[at] = item;
    diagnostics->last = item;
    if (diagnostics->count <= DIAGNOSTICS_SHOWN)
        return;
    diagnostics->count = DIAGNOSTICS_SHOWN;
    if (diagnostics->items[DIAGNOSTICS_SHOWN] == item)
        diagnostics->last = NULL;
    diagnostic_free(diagnostics->items[DIAGNOSTICS_SHOWN]);
}

/* @return false when it was there already */
static bool PRINTF(4, 0) add(struct diagnostics *diagnostics, const char *severity, struct mark mark,
                             const char *format, va_list args)
{
    struct diagnostic *item = diagnostic_new(severity, mark);

    add_text(&item->text, format, args);
    if (is_kept_already(diagnostics, item)) {
        diagnostic_free(item);
        diagnostics->last = NULL;
        return false;
    }
    keep(diagnostics, item);
    return true;
}

void diagnostics_error(struct diagnostics *diagnostics, struct mark mark, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (add(diagnostics, "error", mark, format, args))
        diagnostics->errors++;
    va_end(args);
}

void diagnostics_warn(struct diagnostics *diagnostics, struct mark mark, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (add(diagnostics, "warning", mark, format, args))
        diagnostics->warnings++;
    va_end(args);
}

void diagnostics_hint(struct diagnostics *diagnostics, const char *format, ...)
{
    va_list args;

    if (!diagnostics->last)
        return;
    text_clear(&diagnostics->last->hint);
    va_start(args, format);
    add_text(&diagnostics->last->hint, format, args);
    va_end(args);
}

void diagnostics_suggest(struct diagnostics *diagnostics, struct slice word, const char *const *candidates)
{
    const char *nearest = suggest_nearest(word, candidates);

    if (nearest)
        diagnostics_hint(diagnostics, "did you mean \"%s\"?", nearest);
}

static void print_place(const struct diagnostic *item, struct text *out)
{
    if (!item->source_name.len)
        return;
    text_add(out, text_slice(&item->source_name));
    if (item->line)
        text_printf(out, ":%u:%u", item->line, item->excerpt.column);
    text_add_literal(out, ": ");
}

static void print_excerpt(const struct diagnostic *item, struct text *out)
{
    int width = snprintf(NULL, 0, "%u", item->line);

    text_printf(out, " %u | ", item->line);
    text_add(out, text_slice(&item->excerpt.line));
    text_printf(out, "\n %*s | ", width, "");
    text_add(out, text_slice(&item->excerpt.padding));
    for (unsigned i = 0; i < item->excerpt.carets; i++)
        text_add_char(out, '^');
    if (item->hint.len) {
        text_add_char(out, ' ');
        text_add(out, text_slice(&item->hint));
    }
    text_add_char(out, '\n');
}

void diagnostics_print(const struct diagnostics *diagnostics, struct text *out)
{
    size_t all = diagnostics->errors + diagnostics->warnings;

    for (size_t i = 0; i < diagnostics->count; i++) {
        const struct diagnostic *item = diagnostics->items[i];

        print_place(item, out);
        text_printf(out, "%s: ", item->severity);
        text_add(out, text_slice(&item->text));
        text_add_char(out, '\n');
        if (item->line)
            print_excerpt(item, out);
        else if (item->hint.len)
            text_printf(out, "  %s\n", item->hint.data);
    }
    if (all > diagnostics->count)
        text_printf(out, "and %zu more\n", all - diagnostics->count);
}

void diagnostics_fini(struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < diagnostics->count; i++)
        diagnostic_free(diagnostics->items[i]);
    *diagnostics = (struct diagnostics){0};
}
