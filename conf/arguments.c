/* Routes of the command line: URL=TARGET. Each argument is a source of its own, so that what is wrong with it
 * is shown as it is in a file. */
#include "conf/conf.h"
#include "conf/route.h"

static bool is_port(struct slice text)
{
    uint64_t port;

    return slice_to_u64(text, UINT16_MAX, &port);
}

/* Only what it takes to find the "=": whether the target is a good one is not known in this room. */
static bool looks_like_target(struct slice text)
{
    static const struct slice BEGINNINGS[] = {SLICE("http://"), SLICE("https://"), SLICE("h2c://"),
                                              SLICE("h2://"),   SLICE("unix:"),    SLICE("srv:"),
                                              SLICE("@")};
    const char *colon = text.len ? memrchr(text.data, ':', text.len) : NULL;

    for (size_t i = 0; i < ARRAY_LEN(BEGINNINGS); i++) {
        if (slice_starts(text, BEGINNINGS[i]))
            return true;
    }
    if (is_port(text))
        return true;
    return colon && colon > text.data && is_port(slice_from(text, (size_t)(colon + 1 - text.data))) &&
           !memmem(text.data, text.len, "://", 3);
}

/* The last "=" with a target behind it, since a URL may hold one; a path behind unix: may hold one, too, and
 * is no target by itself. Where none is to be seen, the last "=". */
static ptrdiff_t find_equals(struct slice text)
{
    ptrdiff_t last = -1;

    for (size_t at = text.len; at-- > 0;) {
        if (text.data[at] != '=')
            continue;
        if (looks_like_target(slice_from(text, at + 1)))
            return (ptrdiff_t)at;
        last = MAX(last, (ptrdiff_t)at);
    }
    return last;
}

static struct conf_text text_within(struct mark whole, size_t from, size_t to)
{
    return (struct conf_text){.text = slice_of(whole.source->bytes.data + from, to - from),
                              .mark = mark_within(whole, (uint32_t)from, (uint32_t)(to - from))};
}

static void add_argument(struct conf *conf, const struct source *source, struct diagnostics *diagnostics)
{
    struct slice text = source->bytes;
    struct mark whole = {.source = source, .line = 1, .length = (uint32_t)text.len};
    ptrdiff_t equals = find_equals(text);
    struct conf_route *route;

    if (equals <= 0 || (size_t)equals + 1 == text.len) {
        diagnostics_error(diagnostics, whole, "this is not URL=TARGET");
        diagnostics_hint(diagnostics, "for example app.localhost=3000");
        return;
    }
    route = route_add(conf, text_within(whole, 0, (size_t)equals), whole);
    route->to.items = arena_new(&conf->arena, struct conf_target);
    route->to.items[0] = conf->target;
    route->to.items[0].address = text_within(whole, (size_t)equals + 1, text.len);
    route->to.count = 1;
}

void conf_add_arguments(struct conf *conf, char *const *arguments, size_t count,
                        struct diagnostics *diagnostics)
{
    for (size_t i = 0; i < count; i++) {
        struct source *source = arena_new(&conf->arena, struct source);

        source->number = (unsigned)i + 1;
        source->name = arena_printf(&conf->arena, "argument %zu", i + 1);
        source->bytes = arena_copy(&conf->arena, slice_str(arguments[i]));
        add_argument(conf, source, diagnostics);
    }
}
