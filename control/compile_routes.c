#include "base/mem.h"
#include "control/compile_parts.h"

enum { REDIRECT_STATUS = 308, HTTPS_PORT = 443, HTTP_PORT = 80 };

static const struct field_edit *compile_edits(struct compiler *compiler, const struct conf_edits *edits,
                                              size_t *count)
{
    struct field_edit *all, *next;

    *count = edits->remove.count + edits->set.count + edits->add.count;
    all = next = arena_zeroed(&compiler->snapshot->arena, *count * sizeof(*all));
    for (size_t i = 0; i < edits->remove.count; i++)
        *next++ = (struct field_edit){.kind = FIELD_EDIT_REMOVE,
                                      .name = compile_text(compiler, edits->remove.items[i].text)};
    for (size_t i = 0; i < edits->set.count; i++)
        *next++ = (struct field_edit){.kind = FIELD_EDIT_SET,
                                      .name = compile_text(compiler, edits->set.items[i].name.text),
                                      .value = compile_text(compiler, edits->set.items[i].value.text)};
    for (size_t i = 0; i < edits->add.count; i++)
        *next++ = (struct field_edit){.kind = FIELD_EDIT_ADD,
                                      .name = compile_text(compiler, edits->add.items[i].name.text),
                                      .value = compile_text(compiler, edits->add.items[i].value.text)};
    return all;
}

static const struct route_options *compile_options(struct compiler *compiler, const struct conf_options *from)
{
    struct route_options *options = arena_new(&compiler->snapshot->arena, struct route_options);

    options->strip_prefix = from->strip_prefix;
    options->rewrite_path = compile_text(compiler, from->rewrite_path.text);
    options->request_edits = compile_edits(compiler, &from->request_headers, &options->request_edits_count);
    options->response_edits =
        compile_edits(compiler, &from->response_headers, &options->response_edits_count);
    options->timeouts = from->timeouts;
    options->limits = from->limits;
    options->is_logged = from->access_log;
    return options;
}

static void compile_action(struct compiler *compiler, const struct conf_route *route, uint32_t number,
                           const struct route_options *options)
{
    struct action *action = &compiler->snapshot->actions[number];

    action->name = compile_text(compiler, route->key.text);
    action->options = options;
    switch (route->options->kind) {
    case CONF_PROXY:
        action->kind = ACTION_PROXY;
        action->pool = compile_pool(compiler, route);
        break;
    case CONF_REDIRECT:
        action->kind = ACTION_REDIRECT;
        action->status = (int)route->options->code;
        action->location = compile_text(compiler, route->options->redirect.text);
        break;
    case CONF_RESPOND:
        action->kind = ACTION_RESPOND;
        action->status = (int)route->options->respond;
        break;
    }
}

static const struct slice *compile_names(struct compiler *compiler, const struct conf_texts *texts)
{
    struct slice *names = arena_zeroed(&compiler->snapshot->arena, texts->count * sizeof(*names));

    for (size_t i = 0; i < texts->count; i++)
        names[i] = texts->items[i].text;
    return names;
}

static const struct condition_pair *compile_pairs(struct compiler *compiler, const struct conf_pairs *pairs)
{
    struct condition_pair *out = arena_zeroed(&compiler->snapshot->arena, pairs->count * sizeof(*out));

    for (size_t i = 0; i < pairs->count; i++)
        out[i] = (struct condition_pair){pairs->items[i].name.text, pairs->items[i].value.text};
    return out;
}

/* Lent: the table copies what it keeps. */
static struct conditions compile_when(struct compiler *compiler, const struct conf_when *when)
{
    return (struct conditions){
        .methods = compile_names(compiler, &when->methods),
        .methods_count = when->methods.count,
        .headers = compile_pairs(compiler, &when->headers),
        .headers_count = when->headers.count,
        .query = compile_pairs(compiler, &when->query),
        .query_count = when->query.count,
        .from = when->from.items,
        .from_count = when->from.count,
        .local = when->local.items,
        .local_count = when->local.count,
    };
}

static bool is_http(const struct url_key *key)
{
    return key->scheme == SCHEME_HTTP || key->scheme == SCHEME_HTTPS;
}

static bool same_place(const struct url_key *a, const struct url_key *b)
{
    return a->scheme == b->scheme && a->port == b->port && a->host_kind == b->host_kind &&
           slice_eq(a->host, b->host) && slice_eq(a->path, b->path);
}

/* Alternatives of one key are one entry of the map. Two entries that mean the same would depend on their
 * order. */
static bool is_second_entry(const struct conf *conf, size_t index, const struct url_key *keys)
{
    return index > 0 && conf->routes[index].key.mark.offset != conf->routes[index - 1].key.mark.offset &&
           same_place(&keys[index], &keys[index - 1]);
}

static void add_route(struct compiler *compiler, struct table_builder *builder,
                      const struct conf_route *route, uint32_t number, struct url_key *key)
{
    struct conditions when;
    struct error error;

    if (url_key_parse(route->key.text, &compiler->snapshot->arena, key, &error) < 0) {
        diagnostics_error(compiler->diagnostics, route->key.mark, "route \"%.*s\": %s",
                          FMT_SLICE(route->key.text), error.text);
        *key = (struct url_key){0};
        return;
    }
    if (!is_http(key) && route->options->kind != CONF_PROXY)
        diagnostics_error(compiler->diagnostics, route->mark,
                          "a route of raw bytes can only go to a target: %s has no "
                          "requests to answer",
                          scheme_name(key->scheme));
    if (is_second_entry(compiler->conf, number, key - number)) {
        diagnostics_error(compiler->diagnostics, route->key.mark,
                          "takes the same as the route on line %u: put both "
                          "under one key",
                          route[-1].key.mark.line);
        return;
    }
    if (route->options->has_when)
        when = compile_when(compiler, &route->options->when);
    if (table_builder_add(builder, key, route->options->has_when ? &when : NULL, number, route->key.mark.line,
                          &error) < 0)
        diagnostics_error(compiler->diagnostics, route->key.mark, "%s", error.text);
}

/* An https route on 443 brings a redirect on 80, for its host, unless an http route takes that already. */
static bool wants_redirect(const struct conf_route *route, const struct url_key *key)
{
    return key->scheme == SCHEME_HTTPS && key->port == HTTPS_PORT && route->options->redirect_http;
}

/* What the operator's routes take is asked before any redirect is added: it must not depend on order. */
static void add_redirects(struct compiler *compiler, struct table_builder *builder,
                          const struct url_key *keys, uint32_t number)
{
    const struct conf *conf = compiler->conf;
    bool *adds = mem_new_n(bool, conf->routes_count);
    struct error error;

    for (size_t i = 0; i < conf->routes_count; i++) {
        struct url_key key = keys[i];

        key.scheme = SCHEME_HTTP;
        key.port = HTTP_PORT;
        key.path = SLICE("");
        adds[i] = wants_redirect(&conf->routes[i], &keys[i]) && !table_builder_takes(builder, &key);
    }
    for (size_t i = 0; i < conf->routes_count; i++) {
        struct url_key key = keys[i];

        key.scheme = SCHEME_HTTP;
        key.port = HTTP_PORT;
        key.path = SLICE("");
        if (adds[i])
            (void)!table_builder_add(builder, &key, NULL, number, 0,
                                     &error); /* a second path of one host: there already */
    }
    mem_free(adds);
}

static void compile_redirect_action(struct compiler *compiler, uint32_t number)
{
    compiler->snapshot->actions[number] = (struct action){
        .kind = ACTION_REDIRECT,
        .status = REDIRECT_STATUS,
        .redirect_to_https = true,
        .name = SLICE("redirect to https"),
        .options = compile_options(compiler, &compiler->conf->options),
    };
}

/* "http://a.test:80/ #2": alternatives of one key stand next to each other, and are known by their places. */
static void name_routes(struct snapshot *snapshot, const struct url_key *keys)
{
    struct slice last = SLICE("");
    size_t place = 1;

    for (uint32_t i = 0; i < snapshot->routes_count; i++) {
        struct slice key = url_key_describe(&keys[i], &snapshot->arena), id = key;

        place = slice_eq(key, last) ? place + 1 : 1;
        last = key;
        if (place > 1)
            id = arena_printf(&snapshot->arena, "%.*s #%zu", FMT_SLICE(key), place);
        snapshot->actions[i].id = id;
        (void)map_put(&snapshot->routes, id, i);
    }
}

void compile_routes(struct compiler *compiler)
{
    const struct conf *conf = compiler->conf;
    struct snapshot *snapshot = compiler->snapshot;
    struct table_builder *builder = table_builder_new();
    struct url_key *keys = mem_new_n(struct url_key, conf->routes_count);
    const struct route_options *options = NULL;

    if (conf->routes_count == 0 && compiler->diagnostics->errors == 0)
        diagnostics_error(compiler->diagnostics, conf->start, "there are no routes: nothing would be served");
    snapshot->routes_count = conf->routes_count;
    snapshot->actions_count = conf->routes_count + 1;
    snapshot->actions = arena_zeroed(&snapshot->arena, snapshot->actions_count * sizeof(struct action));
    for (size_t i = 0; i < conf->routes_count; i++) {
        const struct conf_route *route = &conf->routes[i];

        if (i == 0 || route->options != route[-1].options)
            options = compile_options(compiler, route->options);
        add_route(compiler, builder, route, (uint32_t)i, &keys[i]);
        compile_action(compiler, route, (uint32_t)i, options);
    }
    compile_redirect_action(compiler, (uint32_t)conf->routes_count);
    add_redirects(compiler, builder, keys, (uint32_t)conf->routes_count);
    if (compiler->diagnostics->errors == 0)
        name_routes(snapshot, keys);
    mem_free(keys);
    snapshot->table = table_builder_done(builder);
}
