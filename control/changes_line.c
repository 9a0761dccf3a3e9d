#include "base/mem.h"
#include "conf/excerpt.h"
#include "control/changes_parts.h"

/* Two of these and a name are a line of a terminal or two. */
enum { VALUE_SHOWN = 80 };

/* ---- lines ---- */

static void begin(char sign, const char *noun, struct slice name, struct text *out)
{
    text_printf(out, "%c %s ", sign, noun);
    excerpt_add_clean(out, name);
}

void change_line_say(struct change_line *line, struct slice words)
{
    if (!line->has_begun)
        begin('~', line->noun, line->name, line->out);
    text_add(line->out, line->has_begun ? SLICE("; ") : SLICE(": "));
    excerpt_add_clean(line->out, words);
    line->has_begun = true;
}

void change_line_compare(struct change_line *line, const char *what, struct slice before, struct slice after)
{
    struct text words = {0};

    text_add(&words, slice_str(what));
    if (before.len <= VALUE_SHOWN && after.len <= VALUE_SHOWN)
        text_printf(&words, "%s%.*s -> %.*s", *what ? " " : "", FMT_SLICE(before), FMT_SLICE(after));
    else
        text_printf(&words, "%sis another", *what ? " " : "");
    change_line_say(line, text_slice(&words));
    text_fini(&words);
}

void change_line_affected(struct change_line *line, const struct affected *affected, struct load load)
{
    struct text words = {0};

    affected_describe(affected, load, " at what goes", &words);
    if (words.len)
        change_line_say(line, text_slice(&words));
    text_fini(&words);
}

void change_line_end(struct change_line *line)
{
    if (line->has_begun)
        text_add_char(line->out, '\n');
}

/* ---- sets ---- */

void change_set_add(struct change_set *set, struct slice id, struct slice name, const void *thing)
{
    if (map_put(&set->by_id, id, (uint32_t)set->count) != set->count)
        return;
    mem_grow((void **)&set->items, &set->cap, set->count + 1, sizeof(*set->items));
    set->items[set->count++] = (struct change_item){name, thing};
}

void change_set_fini(struct change_set *set)
{
    map_fini(&set->by_id);
    mem_free(set->items);
    arena_fini(&set->arena);
}

static void say_alone(char sign, const struct change_kind *kind, const struct change_item *item,
                      struct text *out)
{
    struct text rest = {0};

    begin(sign, kind->noun, item->name, out);
    if (kind->describe)
        kind->describe(item->thing, &rest);
    excerpt_add_clean(out, text_slice(&rest));
    text_add_char(out, '\n');
    text_fini(&rest);
}

/* By their places in their sets; MAP_NONE: not there. */
static uint32_t *pair(const struct change_set *of, const struct change_set *in)
{
    uint32_t *partners = mem_new_n(uint32_t, of->count);

    for (size_t i = 0; i < of->by_id.cap; i++) {
        const struct map_entry *entry = &of->by_id.entries[i];

        if (entry->value != MAP_NONE)
            partners[entry->value] = map_get(&in->by_id, entry->key);
    }
    return partners;
}

static void say_missing(char sign, const struct change_kind *kind, const struct change_set *set,
                        const uint32_t *partners, struct text *out)
{
    for (size_t i = 0; i < set->count; i++) {
        if (partners[i] == MAP_NONE)
            say_alone(sign, kind, &set->items[i], out);
    }
}

static void say_both(const struct change_kind *kind, const struct change_set *before,
                     const struct change_set *after, const uint32_t *partners, struct text *out)
{
    for (size_t i = 0; kind->compare && i < after->count; i++) {
        struct change_line line = {.out = out, .noun = kind->noun, .name = after->items[i].name};

        if (partners[i] == MAP_NONE)
            continue;
        kind->compare(before->items[partners[i]].thing, after->items[i].thing, &line);
        change_line_end(&line);
    }
}

void change_sets_compare(const struct change_set *before, const struct change_set *after,
                         const struct change_kind *kind, struct text *out)
{
    uint32_t *of_after = pair(after, before), *of_before = pair(before, after);

    say_missing('+', kind, after, of_after, out);
    say_missing('-', kind, before, of_before, out);
    say_both(kind, before, after, of_after, out);
    mem_free(of_before);
    mem_free(of_after);
}
