#include "base/mem.h"
#include "control/compile_parts.h"
#include "routing/host.h"
#include "tls/tls_stream.h"

static bool is_same_context(const struct client_context *context, const struct conf_pool *settings)
{
    return context->verifies == settings->verify && slice_eq(context->ca, settings->ca.text) &&
           slice_eq(context->certificate, settings->client_certificate.cert.text) &&
           slice_eq(context->key, settings->client_certificate.key.text);
}

/* Where the file stands that the error begins with. */
static struct mark mark_of_file(const struct pool_source *source, const struct error *error)
{
    const struct conf_certificate *own = &source->settings->client_certificate;
    const struct conf_text *files[] = {&source->settings->ca, &own->cert, &own->key};

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct slice path = files[i]->text;

        if (path.data && slice_starts(slice_str(error->text), path) && error->text[path.len] == ':')
            return files[i]->mark;
    }
    return source->mark;
}

static void hint_unread(struct compiler *compiler, const struct tls_client_settings *files)
{
    const char *const paths[] = {files->ca_path, files->key_path, files->certificate_path};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (paths[i])
            compile_hint_unread(compiler, paths[i]);
    }
}

static int load_context(struct compiler *compiler, const struct pool_source *source,
                        struct client_context *context)
{
    const struct conf_pool *settings = source->settings;
    struct tls_client_settings files;
    struct error error;

    *context = (struct client_context){
        .ca = compile_text(compiler, settings->ca.text),
        .certificate = compile_text(compiler, settings->client_certificate.cert.text),
        .key = compile_text(compiler, settings->client_certificate.key.text),
        .verifies = settings->verify,
    };
    files = (struct tls_client_settings){.ca_path = context->ca.data,
                                         .verifies = context->verifies,
                                         .certificate_path = context->certificate.data,
                                         .key_path = context->key.data};
    if (tls_client_context_new(&files, &context->context, &error) == 0)
        return 0;
    diagnostics_error(compiler->diagnostics, mark_of_file(source, &error), "%s", error.text);
    hint_unread(compiler, &files);
    return -1;
}

/* Contexts are few: one for each way of meeting a server. */
static struct tls_client_context *find_context(struct compiler *compiler, const struct pool_source *source)
{
    struct snapshot *snapshot = compiler->snapshot;
    struct client_context *context;

    for (size_t i = 0; i < snapshot->client_contexts_count; i++) {
        if (is_same_context(&snapshot->client_contexts[i], source->settings))
            return snapshot->client_contexts[i].context;
    }
    mem_grow((void **)&snapshot->client_contexts, &snapshot->client_contexts_cap,
             snapshot->client_contexts_count + 1, sizeof(*context));
    context = &snapshot->client_contexts[snapshot->client_contexts_count];
    if (load_context(compiler, source, context) < 0)
        return NULL;
    snapshot->client_contexts_count++;
    if (!source->settings->verify)
        diagnostics_warn(compiler->diagnostics, source->mark,
                         "verify is off: whoever answers for these https:// or h2:// targets is believed");
    return context->context;
}

/* SNI is for names alone (RFC 6066 §3), and a certificate is looked up by what was asked for. */
static struct slice compile_server_name(struct compiler *compiler, const struct conf_text *name)
{
    struct host host;

    if (!name->text.data)
        return (struct slice){0};
    if (host_parse(name->text, &host) && !host.is_ip && !host.has_port && host.len)
        return compile_text(compiler, host_name(&host));
    diagnostics_error(compiler->diagnostics, name->mark,
                      "\"server_name\" must be a host's name, not \"%.*s\"",
                      FMT_SLICE(slice_head(name->text, 200)));
    return (struct slice){0};
}

/* What a connection begins with, and where it comes from. */
static struct slice describe_ways(struct compiler *compiler, const struct conf_pool *settings)
{
    static const char *const PROXY[] = {"", "\nproxy v1", "\nproxy v2"};
    struct arena *arena = &compiler->snapshot->arena;
    struct slice ways = slice_str(PROXY[settings->proxy_protocol]);

    for (size_t i = 0; i < settings->source.count; i++) {
        char ip[IP_TEXT];

        ways =
            arena_printf(arena, "%.*s\nfrom %s", FMT_SLICE(ways), ip_describe(settings->source.items[i], ip));
    }
    return ways;
}

/* Connections may be shared by pools that mean the same: same target, and met in the same way. No part has a line
 * break in it, so none can pass for another. */
static void name_target(struct compiler *compiler, const struct pool_source *source,
                        struct pool_target *target)
{
    const struct conf_pool *settings = source->settings;
    struct slice ways = describe_ways(compiler, settings);

    if (target->tls)
        target->identity =
            arena_printf(&compiler->snapshot->arena, "%.*s%.*s\n%d\n%.*s\n%.*s\n%.*s\n%.*s",
                         FMT_SLICE(target->target.text), FMT_SLICE(ways), settings->verify,
                         FMT_SLICE(settings->ca.text), FMT_SLICE(settings->client_certificate.cert.text),
                         FMT_SLICE(settings->client_certificate.key.text), FMT_SLICE(target->server_name));
    else
        target->identity =
            arena_join(&compiler->snapshot->arena, (struct slice[]){target->target.text, ways}, 2);
}

static void compile_tls(struct compiler *compiler, const struct pool_source *source,
                        const struct conf_text *text, struct slice server_name, struct pool_target *target)
{
    target->tls = find_context(compiler, source);
    target->verifies = source->settings->verify;
    target->server_name = server_name;
    if (target->verifies && target->target.kind == TARGET_UNIX && !source->settings->server_name.text.data)
        diagnostics_error(
            compiler->diagnostics, text->mark,
            "a socket has no name that a certificate could be for: say it with \"server_name\", or "
            "\"verify: off\"");
}

/* What one request says of its client would be taken for all that share the connection. */
static void refuse_proxy_protocol(struct compiler *compiler, const struct pool_source *source,
                                  const struct conf_text *text)
{
    if (source->settings->proxy_protocol != CONF_PROXY_OFF)
        diagnostics_error(
            compiler->diagnostics, text->mark,
            "\"proxy_protocol\" names one client, and an HTTP/2 connection to \"%.*s\" is shared by the "
            "requests of many: leave it out (X-Forwarded-For names the client), or use http:// or https://",
            FMT_SLICE(slice_head(text->text, 200)));
}

/* Its answer ends with trailers, which few servers of HTTP/1.1 can send. */
static void refuse_grpc(struct compiler *compiler, const struct pool_source *source,
                        const struct conf_text *text)
{
    if (source->settings->health.grpc.text.data)
        diagnostics_error(compiler->diagnostics, text->mark,
                          "\"grpc\" of health asks by HTTP/2, and \"%.*s\" is no h2:// or h2c:// target",
                          FMT_SLICE(slice_head(text->text, 200)));
}

static int compile_target(struct compiler *compiler, const struct pool_source *source,
                          const struct conf_target *from, struct slice server_name,
                          struct pool_target *target)
{
    const struct conf_text *text = &from->address;
    struct error error;

    if (slice_starts(text->text, SLICE("@"))) {
        diagnostics_error(compiler->diagnostics, text->mark, "a pool is made of targets, not of other pools");
        return -1;
    }
    if (target_parse(text->text, &compiler->snapshot->arena, &target->target, &error) < 0) {
        diagnostics_error(compiler->diagnostics, text->mark, "target \"%.*s\": %s", FMT_SLICE(text->text),
                          error.text);
        return -1;
    }
    target->weight = (uint32_t)from->weight;
    target->is_backup = from->is_backup;
    if (target->target.is_tls)
        compile_tls(compiler, source, text, server_name, target);
    if (target->target.protocol == TARGET_H2)
        refuse_proxy_protocol(compiler, source, text);
    else
        refuse_grpc(compiler, source, text);
    name_target(compiler, source, target);
    return 0;
}

static void warn_without_tls(struct compiler *compiler, const struct pool_source *source)
{
    const struct conf_pool *settings = source->settings;
    const struct {
        const char *key;
        const struct conf_text *value;
    } keys[] = {{"ca", &settings->ca},
                {"client_certificate", &settings->client_certificate.cert},
                {"server_name", &settings->server_name}};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (keys[i].value->text.data)
            diagnostics_warn(compiler->diagnostics, keys[i].value->mark,
                             "\"%s\" has no effect: none of the targets is https:// or h2://", keys[i].key);
    }
}

void compile_targets(struct compiler *compiler, const struct pool_source *source, struct pool *pool)
{
    const struct conf_targets *to = source->to;
    struct slice server_name = compile_server_name(compiler, &source->settings->server_name);
    struct map seen = {0};
    bool has_tls = false, is_read = true;

    pool->count = to->count;
    pool->targets = arena_zeroed(&compiler->snapshot->arena, to->count * sizeof(struct pool_target));
    for (size_t i = 0; i < to->count; i++) {
        struct pool_target *target = &pool->targets[i];

        if (compile_target(compiler, source, &to->items[i], server_name, target) < 0) {
            is_read = false;
            continue;
        }
        has_tls |= target->target.is_tls;
        if (map_put(&seen, target->identity, (uint32_t)i) != i)
            diagnostics_warn(compiler->diagnostics, to->items[i].address.mark,
                             "stands in this pool already: for a larger share give it a weight");
    }
    map_fini(&seen);
    if (is_read && !has_tls)
        warn_without_tls(compiler, source);
}
