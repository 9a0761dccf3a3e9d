/* HTTP/2 connections in front while Portico changes: switched off and on, stopped, upgraded, ports that go. The load is one of
 * Node.js (h2_load.js): with GOAWAY in two steps nothing that it sends may be lost. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "e2e/server.h"
#include "e2e/tls_wire.h"
#include "e2e/upgrades.h"

SUITE(h2_life);

static struct run curl(const struct certificate *ca, const char *options, const char *url)
{
    return sh_within(30000, "curl -sS --max-time 28 --cacert %s %s -w ' %%{http_version} %%{http_code}' %s",
                     ca->cert, options, url);
}

/* ---- http2: off ---- */

struct site {
    struct certificate ca, leaf;
    struct backend *backend;
    int clear, secure;
};

static struct site site_new(void)
{
    struct site site = {.ca = authority_make("authority"),
                        .backend = backend_saying("hello"),
                        .clear = scene_port(),
                        .secure = scene_port()};

    site.leaf = certificate_make(&site.ca, "ec", "DNS:localhost");
    return site;
}

static const char *site_yaml(const struct site *site, const char *http2)
{
    return scene_text("routes:\n  http://localhost:%d: %d\n  https://localhost:%d: %d\n"
                      "certificates: [{cert: %s, key: %s}]\nlocal_ca: off\nhttp2: %s\n",
                      site->clear, site->backend->port, site->secure, site->backend->port, site->leaf.cert,
                      site->leaf.key, http2);
}

static void expect_only_http1(const struct site *site)
{
    struct wire *wire = wire_connect(site->clear);
    struct run run;

    cr_expect_str_eq(curl(&site->ca, "--http2", scene_text("https://localhost:%d/", site->secure)).out,
                     "hello 1.1 200");
    run =
        sh("openssl s_client -connect 127.0.0.1:%d -servername localhost -alpn h2 </dev/null", site->secure);
    cr_expect(strstr(run.all, "no application protocol"), "%s", run.all);
    wire_send(wire, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 505);
    assert_honest(site->clear, "localhost", "hello");
}

static void expect_http2(const struct site *site)
{
    cr_expect_str_eq(curl(&site->ca, "--http2", scene_text("https://localhost:%d/", site->secure)).out,
                     "hello 2 200");
    cr_expect_str_eq(
        curl(&site->ca, "--http2-prior-knowledge", scene_text("http://localhost:%d/", site->clear)).out,
        "hello 2 200");
}

static void reload(struct process *portico, const char *yaml, const char *change)
{
    scene_file("portico.yaml", "%s", yaml);
    process_signal(portico, SIGHUP);
    cr_assert(transcript_says(&portico->err, change, PATIENCE_MS), "%s", transcript_copy(&portico->err));
}

Test(h2_life, switched_off_it_is_neither_offered_nor_taken)
{
    struct site site = site_new();
    struct process *portico = portico_start("%s", site_yaml(&site, "off"));

    expect_only_http1(&site);
    reload(portico, site_yaml(&site, "on"), "setting http2: off -> on");
    cr_expect(WAIT_FOR(strstr(curl(&site.ca, "--http2", scene_text("https://localhost:%d/", site.secure)).out,
                              "hello 2 200"),
                       PATIENCE_MS));
    expect_http2(&site);
    reload(portico, site_yaml(&site, "off"), "setting http2: on -> off");
    cr_expect(WAIT_FOR(strstr(curl(&site.ca, "--http2", scene_text("https://localhost:%d/", site.secure)).out,
                              "hello 1.1 200"),
                       PATIENCE_MS));
    expect_only_http1(&site);
    cr_expect_eq(portico_stop(portico), 0);
}

/* ---- under load ---- */

enum { STREAMS = 50 };

static const char *url_of(int port)
{
    return scene_text("http://127.0.0.1:%d", port);
}

static void expect_connection(struct process *load, int number)
{
    cr_expect(transcript_says(&load->out, scene_text("connection %d\n", number), PATIENCE_MS), "%s",
              transcript_copy(&load->out));
}

static void expect_all_answered(struct process *load, bool by_backend)
{
    cr_assert_eq(process_wait(load, PATIENCE_MS), 0, "%s", transcript_copy(&load->err));
    cr_expect(transcript_says(&load->out, by_backend ? " others 0 failed 0 " : " failed 0 ", 0), "%s",
              transcript_copy(&load->out));
}

Test(h2_life, upgrades_under_load_cost_no_request)
{
    struct server *server = server_start("ok", SERVER_ANSWERS);
    int port = scene_port();
    struct process *portico =
        upgrades_start("workers: 2\nroutes: {\"%s\": %s}\n", url_of(port), server->address);
    struct process *load = h2_load_start(url_of(port), STREAMS);

    for (int i = 0; i < 3; i++) {
        expect_connection(load, 1 + i);
        upgrade_do();
        expect_connection(load, 2 + i);
    }
    process_signal(load, SIGINT);
    expect_all_answered(load, true);
    cr_expect_eq(exit_code_of(portico), 0, "%s", transcript_copy(&portico->err));
}

Test(h2_life, a_stop_under_load_costs_no_request)
{
    struct server *server = server_start("ok", SERVER_ANSWERS);
    int port = scene_port();
    struct process *portico =
        portico_start("workers: 2\nroutes: {\"%s\": %s}\n", url_of(port), server->address);
    struct process *loads[3];

    for (int i = 0; i < 3; i++)
        loads[i] = h2_load_start(url_of(port), STREAMS);
    process_signal(portico, SIGTERM);
    for (int i = 0; i < 3; i++)
        expect_all_answered(loads[i], true);
    cr_expect_eq(process_wait(portico, PATIENCE_MS), 0, "%s", transcript_copy(&portico->err));
}

/* Its routes go with it: who is still there is told 404, as anywhere else, and then to leave. */
Test(h2_life, a_port_that_goes_under_load_costs_no_request)
{
    struct server *server = server_start("ok", SERVER_ANSWERS);
    int port = scene_port(), other = scene_port();
    const char *stays =
        scene_text("state: %s\nroutes:\n  %s: %s\n", scene_path("state"), url_of(other), server->address);
    struct process *portico = portico_start("%s  %s: %s\n", stays, url_of(port), server->address);
    struct process *goes = h2_load_start(url_of(port), STREAMS);
    struct process *remains = h2_load_start(url_of(other), STREAMS);

    reload(portico, stays, "reload");
    expect_all_answered(goes, false);
    process_signal(remains, SIGINT);
    expect_all_answered(remains, true);
    cr_expect(transcript_says(&remains->out, " connections 1 ", 0), "%s", transcript_copy(&remains->out));
    cr_expect_eq(portico_stop(portico), 0);
}
