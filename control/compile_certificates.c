#include <time.h>

#include "base/mem.h"
#include "control/compile_parts.h"
#include "control/state.h"
#include "tls/local_ca.h"

enum { SOON_SECONDS = 14 * 24 * 3600 };

static bool is_given(const struct conf_text *text)
{
    return text->text.data != NULL;
}

static void add_certificate(struct compiler *compiler, const struct conf_certificate *from)
{
    struct certificates *certificates = compiler->snapshot->certificates;
    bool is_directory = is_given(&from->path);
    char *cert = mem_string(is_directory ? from->path.text : from->cert.text),
         *key = mem_string(from->key.text);
    struct error error;
    int rc = is_directory ? certificates_add_directory(certificates, cert, &error)
                          : certificates_add_pair(certificates, cert, key, &error);

    if (rc < 0)
        diagnostics_error(compiler->diagnostics, is_directory ? from->path.mark : from->cert.mark, "%s",
                          error.text);
    mem_free(cert);
    mem_free(key);
}

static void set_default(struct compiler *compiler, const struct conf_certificate *from)
{
    char *cert = mem_string(from->cert.text), *key = mem_string(from->key.text);
    struct error error;

    if (certificates_set_default(compiler->snapshot->certificates, cert, key, &error) < 0)
        diagnostics_error(compiler->diagnostics, from->cert.mark, "%s", error.text);
    mem_free(cert);
    mem_free(key);
}

static void open_local_ca(struct compiler *compiler)
{
    char *state = NULL;
    struct local_ca *ca;
    struct error error;

    if (state_of_conf(compiler->conf, &state, &error) < 0 || local_ca_open(state, &ca, &error) < 0)
        diagnostics_error(compiler->diagnostics, compiler->conf->start, "local_ca: %s", error.text);
    else
        certificates_set_local_ca(compiler->snapshot->certificates, ca);
    mem_free(state);
}

struct expiry {
    struct compiler *compiler;
    time_t now;
};

static void warn_expiry(void *argument, const char *source, time_t not_after)
{
    struct expiry *expiry = argument;
    char when[32];
    struct tm utc;

    if (not_after - expiry->now > SOON_SECONDS)
        return;
    gmtime_r(&not_after, &utc);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &utc);
    diagnostics_warn(expiry->compiler->diagnostics, expiry->compiler->conf->start, "certificate %s %s on %s",
                     source, not_after < expiry->now ? "expired" : "ends", when);
}

/* A name that Portico ends TLS for and has nothing to show for. */
static void warn_uncovered(struct compiler *compiler, const struct conf_route *route)
{
    const struct conf *conf = compiler->conf;
    struct arena arena = {0};
    struct url_key key;
    struct error error;

    if (url_key_parse(route->key.text, &arena, &key, &error) == 0 && key.host_kind == HOST_EXACT &&
        (key.scheme == SCHEME_HTTPS || key.scheme == SCHEME_TCPS) &&
        !(conf->local_ca && local_ca_may_name(key.host)) &&
        !certificates_find(compiler->snapshot->certificates, key.host)) {
        diagnostics_warn(compiler->diagnostics, route->key.mark,
                         "no certificate covers %.*s: its handshakes will be refused", FMT_SLICE(key.host));
        if (local_ca_may_name(key.host))
            diagnostics_hint(compiler->diagnostics, "`local_ca: true` makes one on this machine");
    }
    arena_fini(&arena);
}

void compile_certificates(struct compiler *compiler, struct ticket_keys *keys)
{
    const struct conf *conf = compiler->conf;
    struct expiry expiry = {compiler, time(NULL)};

    compiler->snapshot->certificates = certificates_new(keys);
    for (size_t i = 0; i < conf->certificates_count; i++)
        add_certificate(compiler, &conf->certificates[i]);
    if (is_given(&conf->default_certificate.cert))
        set_default(compiler, &conf->default_certificate);
    if (conf->local_ca)
        open_local_ca(compiler);
    if (compiler->diagnostics->errors)
        return;
    certificates_each(compiler->snapshot->certificates, warn_expiry, &expiry);
    for (size_t i = 0; i < conf->routes_count; i++)
        warn_uncovered(compiler, &conf->routes[i]);
}
