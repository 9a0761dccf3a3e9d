#include "base/mem.h"
#include "control/compile_parts.h"
#include "tls/tls_stream.h"

/* Contexts are few: one for each way of verifying. */
static struct tls_client_context *find_context(struct compiler *compiler, const struct conf_route *route)
{
    const struct conf_options *options = route->options;
    struct snapshot *snapshot = compiler->snapshot;
    struct client_context *contexts = snapshot->client_contexts, *context;
    struct error error;

    for (size_t i = 0; i < snapshot->client_contexts_count; i++) {
        if (contexts[i].verifies == options->verify && slice_eq(contexts[i].ca, options->ca.text))
            return contexts[i].context;
    }
    mem_grow((void **)&snapshot->client_contexts, &snapshot->client_contexts_cap,
             snapshot->client_contexts_count + 1, sizeof(*context));
    context = &snapshot->client_contexts[snapshot->client_contexts_count];
    *context =
        (struct client_context){.ca = compile_text(compiler, options->ca.text), .verifies = options->verify};
    if (tls_client_context_new(
            &(struct tls_client_settings){.ca_path = context->ca.data, .verifies = options->verify},
            &context->context, &error) < 0) {
        diagnostics_error(compiler->diagnostics, options->ca.text.data ? options->ca.mark : route->mark, "%s",
                          error.text);
        return NULL;
    }
    snapshot->client_contexts_count++;
    if (!options->verify)
        diagnostics_warn(compiler->diagnostics, route->mark,
                         "verify is off: whoever answers for this route's https:// targets is believed");
    return context->context;
}

/* Connections may be shared by routes that mean the same: same target, same way of verifying. */
static void name_endpoint(struct compiler *compiler, const struct conf_route *route,
                          struct pool_target *endpoint)
{
    const struct conf_options *options = route->options;

    endpoint->identity = endpoint->target.text;
    if (endpoint->tls)
        endpoint->identity =
            arena_printf(&compiler->snapshot->arena, "%.*s %d %.*s", FMT_SLICE(endpoint->target.text),
                         options->verify, FMT_SLICE(options->ca.text));
}

static bool is_raw(const struct conf_route *route)
{
    static const struct slice RAW[] = {{"ssh:", 4}, {"tcp:", 4}, {"tls:", 4}, {"tcps:", 5}};

    for (size_t i = 0; i < ARRAY_LEN(RAW); i++) {
        if (slice_starts_nocase(route->key.text, RAW[i]))
            return true;
    }
    return false;
}

static void compile_endpoint(struct compiler *compiler, const struct conf_route *route,
                             const struct conf_text *text, struct pool_target *endpoint)
{
    struct error error;

    if (target_parse(text->text, &compiler->snapshot->arena, &endpoint->target, &error) < 0) {
        diagnostics_error(compiler->diagnostics, text->mark, "target \"%.*s\": %s", FMT_SLICE(text->text),
                          error.text);
        return;
    }
    if (slice_starts(text->text, SLICE("http://")) && is_raw(route))
        diagnostics_error(compiler->diagnostics, text->mark, "a route of raw bytes has no http:// targets");
    if (endpoint->target.is_tls) {
        endpoint->tls = find_context(compiler, route);
        endpoint->verifies = route->options->verify;
    }
    name_endpoint(compiler, route, endpoint);
}

const struct pool *compile_pool(struct compiler *compiler, const struct conf_route *route)
{
    struct snapshot *snapshot = compiler->snapshot;
    struct pool *pool = &snapshot->pools[snapshot->pools_count];

    pool->number = (uint32_t)snapshot->pools_count++;
    pool->key = compile_text(compiler, route->key.text);
    pool->count = route->to.count;
    pool->is_raw = is_raw(route);
    pool->targets = arena_zeroed(&snapshot->arena, pool->count * sizeof(struct pool_target));
    for (size_t i = 0; i < pool->count; i++)
        compile_endpoint(compiler, route, &route->to.items[i], &pool->targets[i]);
    return pool;
}
