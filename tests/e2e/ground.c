#include "e2e/ground.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "e2e/content.h"
#include "e2e/mixed_backend.h"
#include "e2e/server.h"

enum { NEIGHBOURS = 300 }; /* so that a snapshot weighs: about 400 KiB */

bool ground_is_long(void)
{
    return getenv("PORTICO_LONG") != NULL;
}

static void put_in_place(const char *from, const char *to)
{
    struct run run = sh("cp %s %s.next && mv %s.next %s", from, to, to, to);

    cr_assert_eq(run.status, 0, "%s", run.all);
}

void ground_swap_certificate(struct ground *ground)
{
    ground->issue = !ground->issue;
    put_in_place(ground->issues[ground->issue].cert, ground->terms.cert);
    put_in_place(ground->issues[ground->issue].key, ground->terms.key);
}

static void choose_ports(struct variant_terms *terms)
{
    terms->http_port = scene_port();
    terms->tls_port = scene_port();
    terms->tcp_port = scene_port();
    terms->nobody_port = scene_port();
    for (int i = 0; i < VARIANT_EXTRA_PORTS; i++)
        terms->extra_ports[i] = scene_port();
    terms->held_port = server_start("holder", SERVER_ANSWERS)->port;
    terms->lasting_backend = mixed_backend()->port;
    terms->fleeting_backend = mixed_backend()->port;
    terms->echo_backend = mixed_echo()->port;
}

struct ground ground_make(void)
{
    struct ground ground = {.version = 1};
    struct variant_terms *terms = &ground.terms;

    content_init();
    choose_ports(terms);
    terms->neighbours = NEIGHBOURS;
    terms->cert = scene_path("served.pem");
    terms->key = scene_path("served.key");
    ground.ca = authority_make("test authority");
    for (int i = 0; i < 2; i++)
        ground.issues[i] = certificate_make(&ground.ca, "ec", "DNS:tls.test");
    terms->other_key = ground.issues[0].key; /* when it is asked for, the other issue is in place */
    ground_swap_certificate(&ground);
    variant_write(terms, 0);
    return ground;
}

struct mixed_load *ground_load(const struct ground *ground, int64_t lasts_ms, bool has_only_kept)
{
    return mixed_load_start((struct mixed_terms){
        .has_only_kept = has_only_kept,
        .http_port = ground->terms.http_port,
        .tls_port = ground->terms.tls_port,
        .tcp_port = ground->terms.tcp_port,
        .short_host = "short.test",
        .long_host = "long.test",
        .tls_host = "tls.test",
        .ca = ground->ca.cert,
        .lasts_ms = lasts_ms,
    });
}

/* ---- the load ---- */

/** What Portico has to say of them. */
static const char *refusals(void)
{
    return sh("grep -aE '\" [45][0-9]{2} ' access.log | head -n 10").out;
}

void ground_end_load(struct mixed_load *load)
{
    mixed_load_stop(load);
    if (ground_is_long())
        fprintf(stderr, "%s", mixed_load_describe(load));
    cr_expect_eq(mixed_load_failures(load), 0, "\n%s\n%s", mixed_load_describe(load), refusals());
    for (int kind = 0; kind < LOAD_KINDS && !load->terms.has_only_kept; kind++)
        cr_expect_gt(load->accounts[kind].done, 0, "%s: none", load->accounts[kind].name);
}

/* Two exchanges a connection; what another certificate has sealed is not resumed. With sanitizers a certificate is there
 * for a few connections only. */
void ground_expect_resumption(const struct mixed_load *load)
{
    const struct account *account = &load->accounts[LOAD_TLS_AGAIN];
    const int connections = account->done / 2;

    cr_expect_gt(account->resumed, scene_has_sanitizers() ? 0 : connections * 3 / 4, "%d of %d",
                 account->resumed, connections);
}
