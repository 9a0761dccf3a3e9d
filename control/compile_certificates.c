#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "control/compile_parts.h"
#include "control/privileges.h"
#include "control/state.h"
#include "tls/local_ca.h"

enum { SOON_SECONDS = 14 * 24 * 3600 };

static bool is_given(const struct conf_text *text)
{
    return text->text.data != NULL;
}

static bool is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void refuse_pair(struct compiler *compiler, struct mark mark, const char *cert, const char *key,
                        const struct error *error)
{
    diagnostics_error(compiler->diagnostics, mark, "%s", error->text);
    compile_hint_unread(compiler, key);
    compile_hint_unread(compiler, cert);
}

/* A plain string names a directory of pairs, or a file that holds certificate and key. */
static void add_certificate(struct compiler *compiler, const struct conf_certificate *from)
{
    struct certificates *certificates = compiler->snapshot->certificates;
    const struct conf_text *first = is_given(&from->path) ? &from->path : &from->cert;
    char *cert = mem_string(first->text),
         *key = mem_string(is_given(&from->path) ? first->text : from->key.text);
    struct error error;
    int rc = is_given(&from->path) && is_directory(cert)
                 ? certificates_add_directory(certificates, cert, &error)
                 : certificates_add_pair(certificates, cert, key, &error);

    if (rc < 0)
        refuse_pair(compiler, first->mark, cert, key, &error);
    mem_free(cert);
    mem_free(key);
}

static void set_default(struct compiler *compiler, const struct conf_certificate *from)
{
    char *cert = mem_string(from->cert.text), *key = mem_string(from->key.text);
    struct error error;

    if (certificates_set_default(compiler->snapshot->certificates, cert, key, &error) < 0)
        refuse_pair(compiler, from->cert.mark, cert, key, &error);
    mem_free(cert);
    mem_free(key);
}

/* Leaves are made while serving, and the authority is opened again by each reload: by then without root. */
static int give_to_user(const struct compiler *compiler, const char *state, const struct local_ca *ca,
                        struct error *error)
{
    char *user, *directory;
    int rc;

    if (!is_given(&compiler->conf->user) || !privileges_can_give())
        return 0;
    user = mem_string(compiler->conf->user.text);
    directory = mem_string(slice_str(local_ca_path(ca)));
    *strrchr(directory, '/') = '\0';
    rc = privileges_give_way(state, user, error);
    if (rc == 0)
        rc = privileges_give(directory, user, error);
    mem_free(directory);
    mem_free(user);
    return rc;
}

static void open_local_ca(struct compiler *compiler)
{
    struct local_ca *ca = NULL;
    struct error error;
    char *state = NULL;

    if (state_of_conf(compiler->conf, &state, &error) < 0 || local_ca_open(state, &ca, &error) < 0 ||
        give_to_user(compiler, state, ca, &error) < 0) {
        diagnostics_error(compiler->diagnostics, compiler->conf->start, "local_ca: %s", error.text);
        if (state)
            compile_hint_unkept(compiler, state);
        local_ca_free(ca);
    } else {
        certificates_set_local_ca(compiler->snapshot->certificates, ca);
    }
    mem_free(state);
}

struct expiry {
    struct compiler *compiler;
    time_t now;
};

static void warn_expiry(void *argument, const struct certificate_facts *facts)
{
    struct expiry *expiry = argument;
    const time_t not_after = facts->not_after;
    char when[32];
    struct tm utc;

    if (not_after - expiry->now > SOON_SECONDS)
        return;
    gmtime_r(&not_after, &utc);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &utc);
    diagnostics_warn(expiry->compiler->diagnostics, expiry->compiler->conf->start, "certificate %s %s on %s",
                     facts->source, not_after < expiry->now ? "expired" : "ends", when);
}

static bool ends_tls(const struct route *route)
{
    return route->key.scheme == SCHEME_HTTPS || route->key.scheme == SCHEME_TCPS;
}

/* The local CA is made only where a client could ask for one of its names. */
static void want_local_ca(void *argument, const struct route *route)
{
    bool *wanted = argument;
    const struct url_key *key = &route->key;

    *wanted |= ends_tls(route) && (key->host_kind == HOST_ANY || local_ca_may_name(key->host));
}

/* A name that Portico ends TLS for and has nothing to show for. */
static void warn_uncovered(void *argument, const struct route *route)
{
    struct compiler *compiler = argument;
    const struct url_key *key = &route->key;

    if (!ends_tls(route) || key->host_kind != HOST_EXACT ||
        (compiler->conf->local_ca && local_ca_may_name(key->host)) ||
        certificates_find(compiler->snapshot->certificates, key->host))
        return;
    diagnostics_warn(compiler->diagnostics, compiler->conf->routes[route->number].key.mark,
                     "no certificate covers %.*s: its handshakes will be refused", FMT_SLICE(key->host));
    if (local_ca_may_name(key->host))
        diagnostics_hint(compiler->diagnostics, "`local_ca: true` makes one on this machine");
}

void compile_certificates(struct compiler *compiler, struct ticket_keys *keys)
{
    const struct conf *conf = compiler->conf;
    struct expiry expiry = {compiler, time(NULL)};
    bool wants_local_ca = false;

    compiler->snapshot->certificates = certificates_new(keys);
    for (size_t i = 0; i < conf->certificates_count; i++)
        add_certificate(compiler, &conf->certificates[i]);
    if (is_given(&conf->default_certificate.cert))
        set_default(compiler, &conf->default_certificate);
    table_each(compiler->snapshot->table, want_local_ca, &wants_local_ca);
    if (conf->local_ca && wants_local_ca)
        open_local_ca(compiler);
    if (compiler->diagnostics->errors)
        return;
    certificates_each(compiler->snapshot->certificates, warn_expiry, &expiry);
    table_each(compiler->snapshot->table, warn_uncovered, compiler);
}
