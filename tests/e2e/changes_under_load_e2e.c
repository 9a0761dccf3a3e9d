/* Nothing that an operator does to a running Portico costs a user a request: reloads, good ones and bad ones, under clients
 * of all kinds. With PORTICO_LONG=1 there are as many of them as are promised; else as many as a minute has room for. */
#include <criterion/criterion.h>
#include <limits.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "e2e/caller.h"
#include "e2e/ground.h"
#include "e2e/server.h"
#include "e2e/upgrades.h"

TestSuite(under_load, .init = scene_open, .timeout = 240);

enum {
    RELOADS = 60,
    RELOADS_LONG = 200,
    FAST_RELOADS = 200, /* one after the other */
    FAST_RELOADS_LONG = 1000,
    EVERY_MS = 200,
    DOWNLOAD_LONG_MS = 60000,
    BAD_EVERY = 4, /* one of so many files is wrong */
    SWAP_EVERY = 7,
    WARM_RELOADS = 30,
    WARM_MS = 1000,
    LOOKS = 30,
    PIPES_MOST = 2 * 2 * 32 + 4, /* of two workers, and who wakes them */
    LEAK_KIB = 8 * 1024,         /* far less than a snapshot a reload */
};

/* ---- what the operator does ---- */

static struct ground serve(void)
{
    struct ground ground = ground_make();

    ground.portico = portico_serve("exec");
    return ground;
}

static struct answer operate(const char *request)
{
    struct wire *wire = wire_connect_unix(scene_path("run/admin.sock"));
    struct answer answer;

    wire_send(wire, "%s HTTP/1.1\r\nHost: portico\r\n\r\n", request);
    answer = answer_read(wire);
    wire_close(wire);
    return answer;
}

static void reload(struct ground *ground, uint64_t number)
{
    struct answer answer;

    variant_write(&ground->terms, number);
    answer = operate("POST /reload");
    ground->version++;
    cr_assert_eq(answer.status, 200, "variant %llu: %s", (unsigned long long)number, answer.body);
    cr_assert_not_null(strstr(answer.body, scene_text("\"version\":%d,", ground->version)), "%s",
                       answer.body);
}

static void reload_wrong(struct ground *ground, uint64_t number, enum variant_fault fault)
{
    struct answer answer;

    if (fault == FAULT_KEY_OF_ANOTHER && ground->issue == 0)
        ground_swap_certificate(ground);
    variant_write_wrong(&ground->terms, number, fault);
    answer = operate("POST /reload");
    cr_assert_eq(answer.status, 422, "variant %llu, fault %d: %s", (unsigned long long)number, fault,
                 answer.body);
    cr_assert_not_null(strstr(answer.body, variant_complaint(fault)), "fault %d: %s", fault, answer.body);
}

/* ---- what a TLS client sees ---- */

static X509 *certificate_read(const char *path)
{
    FILE *file = fopen(path, "r");
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

    cr_assert_not_null(certificate, "%s", path);
    fclose(file);
    return certificate;
}

/** As soon as a reload is answered, every new handshake meets what it brought. */
static void expect_certificate(const struct ground *ground, SSL_CTX *tls)
{
    X509 *due = certificate_read(ground->issues[ground->issue].cert), *met = NULL;
    struct caller caller = {.fd = -1};

    cr_assert(caller_connect(&caller, ground->terms.tls_port) &&
                  caller_secure(&caller, tls, "tls.test", NULL),
              "%s", caller.detail);
    met = SSL_get1_peer_certificate(caller.tls);
    cr_expect_eq(X509_cmp(met, due), 0, "version %d shows the certificate of before", ground->version);
    X509_free(met);
    X509_free(due);
    caller_hang_up(&caller);
}

/* ---- what is left behind ---- */

/** Workers keep some pipes to move content with; all other descriptors are exact. */
struct footprint {
    int descriptors, pipes;
    long rss_kib;
};

/** What asked for the status has its own descriptor for a moment longer: the least of some looks. */
static struct footprint footprint_of(const struct ground *ground)
{
    const pid_t pid = ground->portico->pid;
    struct footprint least = {.descriptors = INT_MAX};

    for (int look = 0; look < LOOKS; look++) {
        const int pipes = fd_count_of(pid, "pipe:"), others = fd_count(pid) - pipes;

        if (others < least.descriptors)
            least = (struct footprint){others, pipes, 0};
        poll(NULL, 0, 10);
    }
    least.rss_kib = rss_kib(pid);
    return least;
}

/** A configuration with other backends, so that no connection is kept to those that are there. */
static void forget_backends(struct ground *ground)
{
    const struct variant_terms terms = ground->terms;
    const int nobody = terms.nobody_port;

    ground->terms.lasting_backend = ground->terms.fleeting_backend = ground->terms.echo_backend = nobody;
    reload(ground, 0);
    ground->terms = terms;
}

/** With the plainest configuration, nobody connected, and no connection kept to a backend. */
static struct footprint rest(struct ground *ground)
{
    static const char nobody[] = "\"connections\":0,";

    forget_backends(ground);
    reload(ground, 0);
    cr_expect(WAIT_FOR(strstr(operate("GET /status").body, nobody), PATIENCE_MS), "%s",
              operate("GET /status").body);
    cr_expect(
        WAIT_FOR(strstr(operate("GET /status").body, scene_text("\"oldest_version\":%d", ground->version)),
                 PATIENCE_MS),
        "an old snapshot is still used: %s", operate("GET /status").body);
    return footprint_of(ground);
}

static void expect_nothing_left(struct ground *ground, struct footprint before)
{
    struct footprint after = rest(ground);

    WAIT_FOR(after.descriptors == before.descriptors ||
                 (after = footprint_of(ground)).descriptors == before.descriptors,
             PATIENCE_MS); /* the last ones may be closing */
    if (ground_is_long())
        fprintf(stderr, "descriptors %d, then %d; pipes %d, then %d; memory %ld KiB, then %ld\n",
                before.descriptors, after.descriptors, before.pipes, after.pipes, before.rss_kib,
                after.rss_kib);
    cr_expect_eq(after.descriptors, before.descriptors, "%d before, %d after", before.descriptors,
                 after.descriptors);
    cr_expect_leq(after.pipes, PIPES_MOST);
    if (!scene_has_sanitizers())
        cr_expect_lt(after.rss_kib, before.rss_kib + LEAK_KIB, "%ld KiB before, %ld after", before.rss_kib,
                     after.rss_kib);
}

/* ---- the proofs ---- */

static void change(struct ground *ground, int number, SSL_CTX *tls)
{
    if (number % BAD_EVERY == BAD_EVERY - 1) {
        reload_wrong(ground, (uint64_t)number, (enum variant_fault)(number / BAD_EVERY % FAULT_KINDS));
        return;
    }
    if (number % SWAP_EVERY == 0)
        ground_swap_certificate(ground);
    reload(ground, (uint64_t)number);
    if (number % SWAP_EVERY == 0)
        expect_certificate(ground, tls);
}

/** Buffers and caches get their size. */
static void warm_up(struct ground *ground, SSL_CTX *tls)
{
    struct mixed_load *load = ground_load(ground, WARM_MS, false);

    for (int number = 1; number <= WARM_RELOADS; number++)
        change(ground, number, tls);
    ground_end_load(load);
}

Test(under_load, reloads_good_and_bad_cost_no_client_anything)
{
    const int reloads = ground_is_long() ? RELOADS_LONG : RELOADS;
    struct ground ground = serve();
    SSL_CTX *tls = mixed_tls(ground.ca.cert);
    struct footprint before;
    struct mixed_load *load;
    int64_t next_ms;

    warm_up(&ground, tls);
    before = rest(&ground);
    load = ground_load(&ground, ground_is_long() ? DOWNLOAD_LONG_MS : reloads * EVERY_MS, false);
    next_ms = now_ms();
    for (int number = 1; number <= reloads; number++) {
        WAIT_FOR(now_ms() >= next_ms, EVERY_MS);
        next_ms += EVERY_MS;
        change(&ground, number, tls);
    }
    ground_end_load(load);
    ground_expect_resumption(load);
    expect_nothing_left(&ground, before);
    SSL_CTX_free(tls);
    cr_expect_eq(portico_stop(ground.portico), 0);
}

Test(under_load, reloads_as_fast_as_they_are_answered_leave_nothing_behind)
{
    const int reloads = ground_is_long() ? FAST_RELOADS_LONG : FAST_RELOADS;
    struct ground ground = serve();
    SSL_CTX *tls = mixed_tls(ground.ca.cert);
    struct footprint before;
    struct mixed_load *load;

    warm_up(&ground, tls);
    before = rest(&ground);
    load = ground_load(&ground, 0, true);
    for (int number = 1; number <= reloads; number++)
        reload(&ground, (uint64_t)number);
    ground_end_load(load);
    expect_nothing_left(&ground, before);
    SSL_CTX_free(tls);
    cr_expect_eq(portico_stop(ground.portico), 0);
}

/* One of its sockets would stand in front of one that serves: 127.0.0.1 where it was any address. */
Test(under_load, a_reload_that_is_refused_opens_nothing_for_a_moment)
{
    enum { REFUSALS = 10 };
    struct backend *backend = backend_saying("ok");
    const int one = scene_port(), two = scene_port(), port = one < two ? one : two;
    const int held = one + two - port; /* addresses are opened in order of their ports */
    struct strangers *strangers;

    server_start_at("127.0.0.1", held, "holder", SERVER_ANSWERS);
    portico_start("routes: {\"http://a.test:%d\": %d}\nworkers: 2\n", port, backend->port);
    strangers = strangers_start(port);
    scene_file("portico.yaml",
               "routes: {\"http://a.test:%d\": %d, \"http://a.test:%d\": %d}\nworkers: 2\nstate: %s\nadmin: "
               "unix:%s\n"
               "listen: {%d: {bind: [127.0.0.1]}}\n",
               port, backend->port, held, backend->port, scene_path("state"), scene_path("run/admin.sock"),
               port);
    for (int i = 0; i < REFUSALS; i++)
        cr_assert_eq(operate("POST /reload").status, 422);
    cr_assert(WAIT_FOR(strangers->served > 0, PATIENCE_MS));
    strangers_stop(strangers);
    cr_expect_eq(strangers->lost, 0, "%d of %d", strangers->lost, strangers->served);
}
