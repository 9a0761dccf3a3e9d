#include "control/compile_parts.h"
#include "control/question.h"

/* ---- why ---- */

/* The steps of explain that decide are one line each, up to "route" or the nearest others. Of these the one about the
 * expected route is the best reason there is. */
static bool is_about(struct slice line, struct slice expected)
{
    return slice_starts(line, SLICE("  ")) && slice_starts(slice_from(line, 2), expected) &&
           slice_starts(slice_from(line, 2 + expected.len), SLICE(" ("));
}

/* "port 443: TLS, HTTP" is none, but "port 81: no route names it". */
static bool is_step(struct slice line)
{
    return line.len && line.data[0] != ' ' && !slice_starts(line, SLICE("route ")) &&
           !slice_starts(line, SLICE("nearest others:")) &&
           (!slice_starts(line, SLICE("port ")) || slice_ends(line, SLICE(" it")));
}

static struct text reason_of(const struct text *steps, struct slice expected)
{
    struct text reason = {0};
    struct slice line;

    text_add_literal(&reason, "");
    for (struct slice rest = text_slice(steps); rest.len; rest = slice_from(rest, line.len + 1)) {
        bool is_last;

        line = slice_head(rest, (size_t)slice_find(rest, '\n'));
        is_last = is_about(line, expected);
        if (!is_last && !is_step(line))
            continue;
        if (slice_starts(line, SLICE("host "))) /* of the request: the ClientHello's part is said by that */
            text_clear(&reason);
        text_add(&reason, reason.len ? SLICE("; ") : SLICE(""));
        text_add(&reason, is_last ? slice_from(line, 2) : line);
    }
    return reason;
}

static void say_why(struct compiler *compiler, const struct question *question, struct slice expected)
{
    struct text steps = {0}, reason;

    /* Of a thousand more nothing is shown, and a reason may take a look at every host. */
    if (compiler->diagnostics->errors > DIAGNOSTICS_SHOWN)
        return;
    question_route(question, compiler->snapshot->table, &steps);
    reason = reason_of(&steps, expected);
    diagnostics_hint(compiler->diagnostics, "%s", reason.data);
    text_fini(&reason);
    text_fini(&steps);
}

/* ---- what is expected ---- */

static bool is_same_key(const struct url_key *a, const struct url_key *b)
{
    return a->scheme == b->scheme && a->port == b->port && a->host_kind == b->host_kind &&
           slice_eq(a->host, b->host) && slice_eq(a->path, b->path);
}

struct search {
    const struct url_key *key;
    bool is_found;
};

static void search_route(void *argument, const struct route *route)
{
    struct search *search = argument;

    search->is_found |= is_same_key(&route->key, search->key);
}

/* A slip in the key: no table could do that. Asked only where it went wrong. */
static bool is_in_table(const struct compiler *compiler, const struct url_key *key)
{
    struct search search = {.key = key};

    table_each(compiler->snapshot->table, search_route, &search);
    return search.is_found;
}

static void refuse_key(struct compiler *compiler, const struct conf_text *key)
{
    const struct conf *conf = compiler->conf;
    const char **known = arena_zeroed(&compiler->snapshot->arena, (conf->routes_count + 1) * sizeof(*known));

    diagnostics_error(compiler->diagnostics, key->mark, "expect: there is no route \"%.*s\"",
                      FMT_SLICE(slice_head(key->text, 200)));
    for (size_t i = 0; i < conf->routes_count; i++)
        known[i] = compiler->snapshot->actions[i].name.data;
    diagnostics_suggest(compiler->diagnostics, key->text, known);
}

/* ---- what is ---- */

static void refuse_taken(struct compiler *compiler, const struct conf_expectation *expectation,
                         const struct route *taken)
{
    const struct slice url = slice_head(expectation->url.text, 200),
                       wanted = slice_head(expectation->route.text, 200);
    struct slice key;

    if (!taken) {
        diagnostics_error(compiler->diagnostics, expectation->url.mark,
                          "expect: no route takes %.*s; expected %.*s", FMT_SLICE(url), FMT_SLICE(wanted));
        return;
    }
    key = url_key_describe(&taken->key, &compiler->snapshot->arena);
    if (taken->line)
        diagnostics_error(compiler->diagnostics, expectation->url.mark,
                          "expect: %.*s takes the route %.*s (line %u), not %.*s", FMT_SLICE(url),
                          FMT_SLICE(key), taken->line, FMT_SLICE(wanted));
    else
        diagnostics_error(compiler->diagnostics, expectation->url.mark,
                          "expect: %.*s takes the redirect of %.*s to https, not %.*s", FMT_SLICE(url),
                          FMT_SLICE(key), FMT_SLICE(wanted));
}

static void check(struct compiler *compiler, const struct conf_expectation *expectation)
{
    struct arena *arena = &compiler->snapshot->arena;
    struct question question = question_plain();
    const struct route *taken;
    struct url_key key;
    struct error error;

    if (url_key_parse(expectation->route.text, arena, &key, &error) < 0) {
        diagnostics_error(compiler->diagnostics, expectation->route.mark, "expect: route \"%.*s\": %s",
                          FMT_SLICE(slice_head(expectation->route.text, 200)), error.text);
        return;
    }
    if (question_read(&question, expectation->url.text, &error) < 0) {
        diagnostics_error(compiler->diagnostics, expectation->url.mark, "expect: %s", error.text);
        return;
    }
    taken = question_route(&question, compiler->snapshot->table, NULL);
    if (taken && is_same_key(&taken->key, &key))
        return;
    if (compiler->diagnostics->errors < DIAGNOSTICS_SHOWN && !is_in_table(compiler, &key)) {
        refuse_key(compiler, &expectation->route);
        return;
    }
    refuse_taken(compiler, expectation, taken);
    say_why(compiler, &question, url_key_describe(&key, arena));
}

void compile_expectations(struct compiler *compiler)
{
    const struct conf *conf = compiler->conf;

    /* What a table with mistakes would do says nothing. */
    if (compiler->diagnostics->errors)
        return;
    for (size_t i = 0; i < conf->expectations_count; i++)
        check(compiler, &conf->expectations[i]);
}
