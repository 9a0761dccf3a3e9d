#include "e2e/mixed_load.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "e2e/mixed_backend.h"
#include "e2e/mixed_work.h"

enum { PAUSE_MS = 5 }; /* between requests on a kept connection */

/* ---- TLS ---- */

static int on_session(SSL *tls, SSL_SESSION *session)
{
    struct client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));

    SSL_SESSION_free(client->session);
    client->session = session;
    return 1; /* it is ours */
}

SSL_CTX *mixed_tls(const char *ca)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    cr_assert(context && SSL_CTX_load_verify_locations(context, ca, NULL) == 1, "%s", ca);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY);
    return context;
}

/* ---- all of them ---- */

static const struct role {
    const char *name;
    void (*work)(struct client *client);
    int count;
} roles[LOAD_KINDS] = {
    [LOAD_KEPT] = {"kept", work_kept, 4},
    [LOAD_CLOSED] = {"closed", work_closed, 2},
    [LOAD_PACED] = {"paced", work_paced, 1},
    [LOAD_ENDLESS] = {"endless", work_endless, 1},
    [LOAD_SIPPED] = {"sipped", work_sipped, 1},
    [LOAD_UPLOAD] = {"upload", work_upload, 3},
    [LOAD_WEBSOCKET] = {"websocket", work_websocket, 2},
    [LOAD_TLS_NEW] = {"tls new", work_tls, 1},
    [LOAD_TLS_AGAIN] = {"tls again", work_tls, 1},
    [LOAD_TUNNEL] = {"tunnel", work_tunnel, 1},
    [LOAD_TUNNELS] = {"tunnels", work_tunnels, 1},
};

static void *client_live(void *argument)
{
    struct client *client = argument;

    client->work(client);
    caller_hang_up(&client->caller);
    SSL_SESSION_free(client->session);
    SSL_CTX_free(client->tls);
    return NULL;
}

static void client_secure(struct client *client, bool resumes)
{
    client->tls = mixed_tls(client->load->terms.ca);
    SSL_CTX_set_app_data(client->tls, client);
    if (!resumes)
        return;
    SSL_CTX_set_session_cache_mode(client->tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client->tls, on_session);
}

static void client_start(struct mixed_load *load, enum load_kind kind)
{
    struct client *client = scene_alloc(sizeof *client);

    *client = (struct client){.load = load,
                              .account = &load->accounts[kind],
                              .work = roles[kind].work,
                              .caller = {.fd = -1},
                              .random = (uint64_t)load->count * 7919 + 1};
    if (kind == LOAD_TLS_NEW || kind == LOAD_TLS_AGAIN)
        client_secure(client, kind == LOAD_TLS_AGAIN);
    cr_assert_eq(pthread_create(&load->threads[load->count++], NULL, client_live, client), 0);
}

static bool is_wanted(const struct mixed_load *load, int kind)
{
    return kind == LOAD_KEPT || !load->terms.has_only_kept;
}

/** Long ones settle nothing before their end. */
static bool have_begun(const struct mixed_load *load)
{
    for (int kind = 0; kind < LOAD_KINDS; kind++) {
        const bool is_long = kind == LOAD_PACED || kind == LOAD_ENDLESS || kind == LOAD_SIPPED;

        if (is_wanted(load, kind) && !is_long && !load->accounts[kind].done)
            return false;
    }
    return true;
}

struct mixed_load *mixed_load_start(struct mixed_terms terms)
{
    struct mixed_load *load = scene_alloc(sizeof *load);

    signal(SIGPIPE, SIG_IGN); /* libssl writes without MSG_NOSIGNAL */
    terms.pause_ms = terms.pause_ms ? terms.pause_ms : PAUSE_MS;
    load->terms = terms;
    for (int kind = 0; kind < LOAD_KINDS; kind++) {
        load->accounts[kind].name = roles[kind].name;
        for (int i = 0; is_wanted(load, kind) && i < roles[kind].count; i++)
            client_start(load, kind);
    }
    cr_assert(WAIT_FOR(have_begun(load), PATIENCE_MS), "not all began:\n%s", mixed_load_describe(load));
    return load;
}

void mixed_load_stop(struct mixed_load *load)
{
    load->stops = true;
    mixed_backends_finish(true);
    for (int i = 0; i < load->count; i++)
        pthread_join(load->threads[i], NULL);
    mixed_backends_finish(false);
}

int mixed_load_failures(const struct mixed_load *load)
{
    int failures = 0;

    for (int kind = 0; kind < LOAD_KINDS; kind++)
        failures += account_failures(&load->accounts[kind]);
    return failures;
}

char *mixed_load_describe(const struct mixed_load *load)
{
    return accounts_describe(load->accounts, LOAD_KINDS);
}
