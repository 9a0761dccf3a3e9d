#include "control/changes_parts.h"

enum { NAMES_SAID = 4, DATE_TEXT = 16 };

static const char *describe_date(time_t time, char out[DATE_TEXT])
{
    struct tm utc;

    gmtime_r(&time, &utc);
    strftime(out, DATE_TEXT, "%Y-%m-%d", &utc);
    return out;
}

static void add_names(const struct certificate_facts *facts, struct text *out)
{
    for (size_t i = 0; i < MIN(facts->names_count, (size_t)NAMES_SAID); i++)
        text_printf(out, "%s%s", i ? ", " : "", facts->names[i]);
    if (facts->names_count > NAMES_SAID)
        text_printf(out, " and %zu more", facts->names_count - NAMES_SAID);
    if (facts->names_count == 0)
        text_add_literal(out, "no name");
}

static void describe(const void *thing, struct text *out)
{
    const struct certificate_facts *facts = thing;
    char date[DATE_TEXT];

    if (!facts->leaf)
        return;
    text_add_literal(out, " for ");
    add_names(facts, out);
    text_printf(out, ", ends %s", describe_date(facts->not_after, date));
}

static bool is_for_same_names(const struct certificate_facts *a, const struct certificate_facts *b)
{
    for (size_t i = 0; i < a->names_count && a->names_count == b->names_count; i++) {
        if (strcmp(a->names[i], b->names[i]) != 0)
            return false;
    }
    return a->names_count == b->names_count;
}

static void compare_names(const struct certificate_facts *before, const struct certificate_facts *after,
                          struct change_line *line)
{
    struct text was = {0}, is = {0};

    if (is_for_same_names(before, after))
        return;
    add_names(before, &was);
    add_names(after, &is);
    change_line_compare(line, "names", text_slice(&was), text_slice(&is));
    text_fini(&was);
    text_fini(&is);
}

static void compare(const void *was, const void *is, struct change_line *line)
{
    const struct certificate_facts *before = was, *after = is;
    char dates[2][DATE_TEXT];

    if (!before->leaf || certificate_facts_eq(before, after))
        return;
    change_line_say(line, SLICE("renewed"));
    compare_names(before, after, line);
    if (before->not_after != after->not_after)
        change_line_compare(line, "ends", slice_str(describe_date(before->not_after, dates[0])),
                            slice_str(describe_date(after->not_after, dates[1])));
}

static void add(void *argument, const struct certificate_facts *facts)
{
    struct change_set *set = argument;
    struct certificate_facts *copy = arena_new(&set->arena, struct certificate_facts);
    struct slice name = slice_str(facts->source);

    *copy = *facts;
    if (facts->is_default) /* beside one of the same file that serves its own names alone */
        name = arena_printf(&set->arena, "%s (default)", facts->source);
    change_set_add(set, name, name, copy);
}

/* Its leaves are made when they are asked for: as a whole it is there, or not. */
static void collect(const struct snapshot *snapshot, struct change_set *set)
{
    struct slice local = SLICE("of the local CA");

    certificates_each(snapshot->certificates, add, set);
    if (certificates_have_local_ca(snapshot->certificates))
        change_set_add(set, local, local, arena_new(&set->arena, struct certificate_facts));
}

void changes_of_certificates(const struct snapshot *before, const struct snapshot *after, struct text *out)
{
    static const struct change_kind CERTIFICATE = {"certificate", describe, compare};
    struct change_set was = {0}, is = {0};

    collect(before, &was);
    collect(after, &is);
    change_sets_compare(&was, &is, &CERTIFICATE, out);
    change_set_fini(&was);
    change_set_fini(&is);
}
