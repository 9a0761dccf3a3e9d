#include "control/changes_parts.h"
#include "control/pool_text.h"
#include "routing/conditions.h"

/* One route, or one alternative, with what it does. */
struct routing {
    const struct snapshot *snapshot;
    const struct route *route;
    const struct action *action;
    const struct affected *affected; /* of the snapshot that goes; NULL: of the one that comes */
};

/* ---- which there are ---- */

struct collection {
    const struct snapshot *snapshot;
    const struct affected *affected;
    struct change_set *set;
};

/* As it was written, with its place among alternatives; a redirect that Portico adds as its key means. */
static struct slice name_of(const struct routing *routing, struct arena *arena)
{
    const struct action *action = routing->action;
    ptrdiff_t space = slice_find(action->id, ' ');

    if (!routing->route->line)
        return url_key_describe(&routing->route->key, arena);
    if (space < 0)
        return action->name;
    return arena_printf(arena, "%.*s%.*s", FMT_SLICE(action->name),
                        FMT_SLICE(slice_from(action->id, (size_t)space)));
}

static void collect(void *argument, const struct route *route)
{
    struct collection *collection = argument;
    struct change_set *set = collection->set;
    struct routing *routing = arena_new(&set->arena, struct routing);
    const struct action *action = &collection->snapshot->actions[route->number];
    struct slice name;

    *routing = (struct routing){collection->snapshot, route, action, collection->affected};
    name = name_of(routing, &set->arena);
    change_set_add(set, route->line ? action->id : name, name, routing);
}

/* ---- what one does ---- */

static bool has_own_pool(const struct action *action)
{
    return action->kind == ACTION_PROXY && !pool_text_has_name(action->pool);
}

static void describe_action(const struct action *action, struct text *out)
{
    switch (action->kind) {
    case ACTION_PROXY:
        if (has_own_pool(action))
            pool_targets_brief(action->pool, out);
        else
            text_add(out, action->pool->key);
        break;
    case ACTION_REDIRECT:
        if (action->redirect_to_https)
            text_printf(out, "redirect %d to https", action->status);
        else
            text_printf(out, "redirect %d %.*s", action->status, FMT_SLICE(action->location));
        break;
    case ACTION_RESPOND:
        text_printf(out, "respond %d", action->status);
        break;
    }
}

/* Without the values: many a one is a password, and this is logged. */
static void describe_when(const struct conditions *when, struct text *out)
{
    if (when)
        conditions_describe_names(when, out);
    else
        text_add_literal(out, "none");
}

/* What goes on at a route that goes; nothing does at one that comes. */
static void say_affected(const struct routing *routing, struct text *out)
{
    struct affected_sum sum;

    if (!routing->affected)
        return;
    sum = affected_route(routing->affected, routing->action->id);
    if (sum.all.requests + sum.all.tunnels)
        text_add_literal(out, "; ");
    affected_describe(routing->affected, sum.all, "", out);
}

static void describe(const void *thing, struct text *out)
{
    const struct routing *routing = thing;

    text_add_literal(out, " -> ");
    describe_action(routing->action, out);
    if (routing->route->when) {
        text_add_literal(out, " when ");
        conditions_describe_names(routing->route->when, out);
    }
    say_affected(routing, out);
}

/* ---- what is different ---- */

static void compare_key(const struct routing *before, const struct routing *after, struct change_line *line)
{
    const struct slice was = before->action->name, is = after->action->name;

    if (before->route->line && after->route->line && !slice_eq(was, is))
        change_line_compare(line, "key", was, is);
}

/* Of many targets only those are said that are different. */
static void compare_action(const struct action *before, const struct action *after, struct change_line *line)
{
    struct text was = {0}, is = {0};

    if (has_own_pool(before) && has_own_pool(after) && pool_targets_eq(before->pool, after->pool))
        return;
    describe_action(before, &was);
    describe_action(after, &is);
    if (has_own_pool(before) && has_own_pool(after) && (before->pool->count > 2 || after->pool->count > 2))
        pool_targets_compare(before->pool, after->pool, line);
    else if (!slice_eq(text_slice(&was), text_slice(&is)))
        change_line_compare(line, "to", text_slice(&was), text_slice(&is));
    text_fini(&was);
    text_fini(&is);
}

/* Of names alone, which may be the same though their values are not. */
static void compare_names(const char *what, const struct text *was, const struct text *is,
                          struct change_line *line)
{
    struct text words = {0};

    if (!slice_eq(text_slice(was), text_slice(is))) {
        change_line_compare(line, what, text_slice(was), text_slice(is));
        return;
    }
    text_printf(&words, "%s %.*s: another value", what, FMT_SLICE(text_slice(is)));
    change_line_say(line, text_slice(&words));
    text_fini(&words);
}

static void compare_when(const struct conditions *before, const struct conditions *after,
                         struct change_line *line)
{
    struct text was = {0}, is = {0};

    if (conditions_eq(before, after))
        return;
    describe_when(before, &was);
    describe_when(after, &is);
    compare_names("when", &was, &is, line);
    text_fini(&was);
    text_fini(&is);
}

/* Without the values, as above. */
static void describe_edits(const struct field_edit *edits, size_t count, struct text *out)
{
    static const char *const VERBS[] = {
        [FIELD_EDIT_SET] = "set", [FIELD_EDIT_ADD] = "add", [FIELD_EDIT_REMOVE] = "remove"};

    for (size_t i = 0; i < count; i++)
        text_printf(out, "%s%s %.*s", i ? ", " : "", VERBS[edits[i].kind], FMT_SLICE(edits[i].name));
    if (count == 0)
        text_add_literal(out, "none");
}

static bool edits_eq(const struct field_edit *a, size_t a_count, const struct field_edit *b, size_t b_count)
{
    for (size_t i = 0; i < a_count && a_count == b_count; i++) {
        if (a[i].kind != b[i].kind || !slice_eq(a[i].name, b[i].name) || !slice_eq(a[i].value, b[i].value))
            return false;
    }
    return a_count == b_count;
}

static void compare_edits(const char *what, const struct field_edit *before, size_t before_count,
                          const struct field_edit *after, size_t after_count, struct change_line *line)
{
    struct text was = {0}, is = {0};

    if (edits_eq(before, before_count, after, after_count))
        return;
    describe_edits(before, before_count, &was);
    describe_edits(after, after_count, &is);
    compare_names(what, &was, &is, line);
    text_fini(&was);
    text_fini(&is);
}

static void say_number(void *argument, const char *name, struct slice before, struct slice after)
{
    change_line_compare(argument, name, before, after);
}

static void compare_options(const struct routing *before, const struct routing *after,
                            struct change_line *line)
{
    static const struct trait TRAITS[] = {
        {"strip_prefix", TRAIT_SWITCH, offsetof(struct route_options, strip_prefix), NULL},
        {"rewrite_path", TRAIT_TEXT, offsetof(struct route_options, rewrite_path), "none"},
        {"access_log", TRAIT_SWITCH, offsetof(struct route_options, is_logged), NULL},
    };
    const struct route_options *was = before->action->options, *is = after->action->options;

    traits_compare(TRAITS, ARRAY_LEN(TRAITS), was, is, line);
    compare_edits("request_headers", was->request_edits, was->request_edits_count, is->request_edits,
                  is->request_edits_count, line);
    compare_edits("response_headers", was->response_edits, was->response_edits_count, is->response_edits,
                  is->response_edits_count, line);
    if (memcmp(&was->timeouts, &is->timeouts, sizeof(was->timeouts)) == 0 &&
        memcmp(&was->limits, &is->limits, sizeof(was->limits)) == 0)
        return; /* nearly always */
    numbers_compare(&(struct change_numbers){SECTION_timeouts, &was->timeouts, &is->timeouts,
                                             &before->snapshot->timeouts, &after->snapshot->timeouts},
                    say_number, line);
    numbers_compare(&(struct change_numbers){SECTION_limits, &was->limits, &is->limits,
                                             &before->snapshot->limits, &after->snapshot->limits},
                    say_number, line);
}

static void compare(const void *was, const void *is, struct change_line *line)
{
    const struct routing *before = was, *after = is;

    compare_key(before, after, line);
    compare_action(before->action, after->action, line);
    compare_when(before->route->when, after->route->when, line);
    compare_options(before, after, line);
    if (has_own_pool(before->action) && has_own_pool(after->action))
        pool_settings_compare((struct pool_in){before->snapshot, before->action->pool, NULL},
                              (struct pool_in){after->snapshot, after->action->pool, NULL}, line);
    if (has_own_pool(before->action))
        change_line_affected(line, before->affected,
                             affected_route(before->affected, before->action->id).gone);
}

void changes_of_routes(const struct affected *affected, struct text *out)
{
    static const struct change_kind ROUTE = {"route", describe, compare};
    struct change_set was = {0}, is = {0};

    table_each(affected->before->table, collect, &(struct collection){affected->before, affected, &was});
    table_each(affected->after->table, collect, &(struct collection){affected->after, NULL, &is});
    change_sets_compare(&was, &is, &ROUTE, out);
    change_set_fini(&was);
    change_set_fini(&is);
}
