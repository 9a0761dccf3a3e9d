#include "control/compile.h"

#include "base/mem.h"
#include "control/admin_path.h"
#include "control/compile_parts.h"
#include "control/sandbox.h"
#include "control/state.h"

struct slice compile_text(struct compiler *compiler, struct slice text)
{
    return text.data ? arena_copy(&compiler->snapshot->arena, text) : text;
}

void compile_hint_unread(struct compiler *compiler, const char *path)
{
    const char *why = sandbox_why_unread(path);

    if (why)
        diagnostics_hint(compiler->diagnostics, "%s", why);
}

void compile_hint_unkept(struct compiler *compiler, const char *directory)
{
    const char *unread = sandbox_why_unread(directory);
    const char *why = unread ? unread : sandbox_why_unwritten(directory);

    if (why)
        diagnostics_hint(compiler->diagnostics, "%s", why);
}

static void compile_resolvers(struct compiler *compiler)
{
    const struct conf_servers *from = &compiler->conf->resolvers;
    struct snapshot *snapshot = compiler->snapshot;

    snapshot->resolvers = arena_zeroed(&snapshot->arena, from->count * sizeof(struct address));
    snapshot->resolvers_count = from->count;
    for (size_t i = 0; i < from->count; i++)
        snapshot->resolvers[i] = address_from_ip(from->items[i].ip, from->items[i].port);
}

/* Who needs it says why it cannot be known. */
static void compile_state(struct compiler *compiler)
{
    struct error error;
    char *state;

    if (state_of_conf(compiler->conf, &state, &error) < 0)
        return;
    compiler->snapshot->state = compile_text(compiler, slice_str(state));
    mem_free(state);
}

static void compile_settings(struct compiler *compiler)
{
    const struct conf *conf = compiler->conf;
    struct snapshot *snapshot = compiler->snapshot;
    const size_t networks = conf->trusted_proxies.count;

    snapshot->timeouts = conf->timeouts;
    snapshot->limits = conf->limits;
    snapshot->workers = conf->workers == SETTING_NONE ? 0 : (unsigned)conf->workers;
    snapshot->user = compile_text(compiler, conf->user.text);
    snapshot->sandbox = conf->sandbox;
    snapshot->http2 = conf->http2;
    compile_state(compiler);
    snapshot->log_level = conf->log.level;
    snapshot->access_to = compile_text(compiler, conf->log.access.to.text);
    snapshot->access_format = (enum access_format)conf->log.access.format;
    snapshot->is_watched = conf->watch;
    snapshot->source = compile_text(compiler, conf->name);
    snapshot->trusted_proxies = arena_alloc(&snapshot->arena, networks * sizeof(struct cidr));
    snapshot->trusted_proxies_count = networks;
    for (size_t i = 0; i < networks; i++) {
        snapshot->trusted_proxies[i] = conf->trusted_proxies.items[i];
        if (conf->trusted_proxies.items[i].bits == 0)
            diagnostics_warn(
                compiler->diagnostics, conf->start,
                "trusted_proxies has a network of all addresses: every client may say who it is");
    }
}

/* The key has room for addresses of TCP, which are not served yet. */
static void compile_admin(struct compiler *compiler)
{
    const struct conf_text *listen = &compiler->conf->admin.text;
    struct slice path = listen->text;
    struct address address;

    if (!path.data)
        return;
    if (!admin_path_read(&path))
        diagnostics_error(
            compiler->diagnostics, listen->mark,
            "the admin socket must be a unix socket such as unix:/run/portico/admin.sock: one on a "
            "TCP address is not built yet");
    else if (slice_starts(path, SLICE("@")) || address_from_path(path, &address) < 0)
        diagnostics_error(compiler->diagnostics, listen->mark,
                          "the admin socket needs a path of a file, of at most 107 bytes, behind unix:");
    else
        compiler->snapshot->admin = compile_text(compiler, path);
}

int compile(const struct conf *conf, struct ticket_keys *keys, struct diagnostics *diagnostics,
            struct snapshot **out)
{
    struct compiler compiler = {.conf = conf, .diagnostics = diagnostics, .snapshot = snapshot_new()};

    compile_settings(&compiler);
    compile_resolvers(&compiler);
    compile_admin(&compiler);
    compile_backends(&compiler);
    compile_routes(&compiler);
    compile_backends_done(&compiler);
    compile_expectations(&compiler);
    compile_sticky(&compiler);
    compile_certificates(&compiler, keys);
    compile_listens(&compiler);
    if (diagnostics->errors) {
        snapshot_unref(compiler.snapshot);
        return -1;
    }
    *out = compiler.snapshot;
    return 0;
}
