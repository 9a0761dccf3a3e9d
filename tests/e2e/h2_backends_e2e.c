/* HTTP/2 towards backends: h2c:// and h2:// targets, served by Node.js, which counts what it sees. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "e2e/clients.h"
#include "e2e/dns_server.h"
#include "e2e/portico.h"

SUITE(h2_backends);

/* One worker, so that connections can be counted. */
static int serve(const struct app *app, const char *more)
{
    int port = scene_port();

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": {to: \"h2c://127.0.0.1:%d\"%s}}\n", port,
                  app->port, more);
    return port;
}

/* What the server has counted of that name: through Portico, whose connection there is counted already, or past it. */
static int counted(const struct app *app, const char *name)
{
    struct run run = sh("curl -sS --http2-prior-knowledge http://127.0.0.1:%d/counts", app->port);
    char *at = strstr(run.out, scene_text("\"%s\":", name));

    cr_assert(at, "%s, and the server says: %s", run.all, transcript_copy(&app->process->err));
    return atoi(at + strlen(name) + 3);
}

/* How many connections Portico has made: each look past it makes one more. */
static int sessions_of(const struct app *app, int looks)
{
    return counted(app, "sessions") - looks - 1;
}

/* ---- one request ---- */

Test(h2_backends, request_of_h1_arrives_as_one_of_h2)
{
    struct app app = h2_app_start("");
    int port = serve(&app, "");
    struct answer answer = ask(port, "GET /headers?x=1 HTTP/1.1\r\nHost: a.test\r\nX-Own: Value\r\nCookie: "
                                     "a=1\r\nConnection: close\r\n\r\n");

    cr_assert_eq(answer.status, 200);
    cr_expect(strstr(answer.body, "\":method\":\"GET\""), "%s", answer.body);
    cr_expect(strstr(answer.body, "\":path\":\"/headers?x=1\""), "%s", answer.body);
    cr_expect(strstr(answer.body, "\":authority\":\"a.test\""), "%s", answer.body);
    cr_expect(strstr(answer.body, "\"x-own\":\"Value\""), "%s", answer.body);
    cr_expect(strstr(answer.body, "\"cookie\":\"a=1\""), "%s", answer.body);
    cr_expect(strstr(answer.body, "\"x-forwarded-for\":\"127.0.0.1\""), "%s", answer.body);
    cr_expect_null(strstr(answer.body, "connection"), "%s", answer.body);
}

Test(h2_backends, answers_of_all_kinds_come_back)
{
    struct app app = h2_app_start("");
    int port = serve(&app, "");
    struct wire *wire = wire_connect(port);
    struct answer answer;

    cr_expect_eq(get(port, "a.test", "/status/204").status, 204);
    cr_expect_eq(get(port, "a.test", "/status/304").status, 304);
    cr_expect_eq(get(port, "a.test", "/status/503").status, 503);
    wire_send(wire, "HEAD /echo HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read_head(wire).status, 200);
    wire_send(wire, "GET /early HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 103);
    cr_expect_str_eq(answer_read(wire).body, "after hints");
    wire_send(wire, "POST /echo HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello");
    cr_expect_str_eq(answer_read(wire).body, "hello");
    wire_send(
        wire,
        "POST /echo HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
    while ((answer = answer_read(wire)).status == 100) {
    }
    cr_expect_eq(answer.status, 200);
    cr_expect_str_eq(answer.body, "hello");
    cr_expect(WAIT_FOR(counted(&app, "busy") == 0, PATIENCE_MS), "none is left behind there");
}

Test(h2_backends, trailers_go_both_ways)
{
    struct app app = h2_app_start("");
    int port = serve(&app, "");
    struct answer answer =
        ask(port, "POST /trailers HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: TE\r\n"
                  "Trailer: X-Check\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n0\r\nX-Check: right\r\n\r\n");

    cr_expect_str_eq(answer.body, "with trailers");
    cr_expect_str_eq(field_of(answer.trailers, "x-sum"), "42");
    cr_expect_str_eq(field_of(answer.trailers, "x-got"), "right");
}

Test(h2_backends, answer_that_breaks_off_is_cut_off)
{
    struct app app = h2_app_start("");
    int port = serve(&app, "");
    struct answer answer = get(port, "a.test", "/abort");

    cr_expect(answer.status == 502 || (answer.status == 200 && !answer.complete), "%d", answer.status);
    assert_honest(port, "a.test", "h2 app");
}

Test(h2_backends, large_contents_are_the_same)
{
    struct app app = h2_app_start("");
    enum { LIMIT_MS = 30000 };
    const int bytes = scene_has_sanitizers() ? 4000001 : 40000001;
    int port = serve(&app, "");
    struct run run = sh_within(
        LIMIT_MS,
        "head -c %d /dev/urandom >up && curl -sS -H 'Host: a.test' -T up http://127.0.0.1:%d/sha && "
        "echo && sha256sum <up | cut -d' ' -f1",
        bytes, port);

    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect_eq(strncmp(run.out, run.out + 65, 64), 0, "%s", run.all);
    run =
        sh_within(LIMIT_MS,
                  "set -o pipefail; curl -sS -H 'Host: a.test' 'http://127.0.0.1:%d/big?n=%d' | sha256sum | "
                  "cut -d' ' -f1 && curl -sS -H 'Host: a.test' 'http://127.0.0.1:%d/sum?n=%d'",
                  port, bytes, port, bytes);
    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect_eq(strncmp(run.out, run.out + 65, 64), 0, "%s", run.all);
}

/* ---- TLS ---- */

static int serve_tls(const struct app *app, const struct certificate *ca, struct process **portico)
{
    int port = scene_port();

    *portico = portico_start("workers: 1\nroutes: {\"http://a.test:%d\": {to: \"h2://127.0.0.1:%d\", ca: %s, "
                             "server_name: b.test}}\n",
                             port, app->port, ca->cert);
    return port;
}

Test(h2_backends, tls_is_verified_and_agreed_upon_by_alpn)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:b.test");
    struct app app = h2_app_start(scene_text("--tls %s %s", leaf.cert, leaf.key));
    struct process *portico;
    int port = serve_tls(&app, &ca, &portico);

    assert_honest(port, "a.test", "h2 app");
    cr_expect(strstr(get(port, "a.test", "/headers").body, "\":path\":\"/headers\""));
}

Test(h2_backends, server_without_h2_is_told_of_in_plain_words)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:b.test");
    struct app app = h2_app_start(scene_text("--only-h1 --tls %s %s", leaf.cert, leaf.key));
    struct process *portico;
    int port = serve_tls(&app, &ca, &portico);
    struct answer answer = get(port, "a.test", "/");

    cr_expect_eq(answer.status, 502);
    cr_expect(portico_logs(portico, scene_text("127.0.0.1:%d does not offer HTTP/2 (ALPN)", app.port)), "%s",
              transcript_copy(&portico->err));
}

Test(h2_backends, client_certificate_is_shown)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:b.test");
    struct certificate ours = certificate_make(&ca, "ec", "DNS:portico.test");
    struct app app = h2_app_start(scene_text("--tls %s %s --client-ca %s", leaf.cert, leaf.key, ca.cert));
    int with = scene_port(), without = scene_port();
    struct answer answer;

    portico_start(
        "workers: 1\nroutes:\n  http://a.test:%d:\n    to: h2://127.0.0.1:%d\n    ca: %s\n    server_name: "
        "b.test\n    client_certificate: {cert: %s, key: %s}\n"
        "  http://b.test:%d: {to: \"h2://127.0.0.1:%d\", ca: %s, server_name: b.test}\n",
        with, app.port, ca.cert, ours.cert, ours.key, without, app.port, ca.cert);
    cr_expect_str_eq(get(with, "a.test", "/whom").body, "leaf");
    answer = get(without, "b.test", "/whom");
    cr_expect_eq(answer.status, 502, "%d %s", answer.status, answer.body);
    cr_expect_str_eq(get(with, "a.test", "/whom").body, "leaf", "connections are not shared by the two");
}

/* ---- targets ---- */

Test(h2_backends, unix_socket_and_srv_records_lead_to_servers_of_h2)
{
    const char *path = scene_path("app.sock");
    struct app app = h2_app_start(""), local = h2_app_start(scene_text("--unix %s", path));
    struct dns_server *dns = dns_server_new();
    int port = scene_port();

    cr_assert_not(local.process->has_ended);
    dns_server_add(dns, "one.app.test", DNS_TYPE_A, 5, "127.0.0.1");
    dns_server_add(dns, "_grpc._tcp.app.test", DNS_TYPE_SRV, 5, scene_text("1 1 %d one.app.test", app.port));
    portico_start(
        "workers: 1\nresolvers: [127.0.0.1:%d]\nroutes:\n"
        "  http://unix.test:%d: h2c://unix:%s\n  http://srv.test:%d: h2c://srv:_grpc._tcp.app.test\n",
        dns_server_port(dns), port, path, port);
    assert_honest(port, "unix.test", "h2 app");
    cr_expect(WAIT_FOR(get(port, "srv.test", "/").status == 200, PATIENCE_MS));
    assert_honest(port, "srv.test", "h2 app");
    cr_expect_eq(sessions_of(&app, 0), 1, "by one connection");
    dns_server_free(dns);
}

Test(h2_backends, commands_show_targets_as_they_are)
{
    static const char yaml[] =
        "routes:\n  http://a.test:8010: h2c://10.0.0.1:50051\n  http://b.test:8010: h2://b.test\n";
    struct run run = portico_does("routes -c portico.yaml", "%s", yaml);

    cr_expect(strstr(run.out, "h2c://10.0.0.1:50051"), "%s", run.all);
    cr_expect(strstr(run.out, "h2://b.test:443"), "%s", run.all);
    run = portico_does("explain -c portico.yaml http://b.test:8010/x", "%s", yaml);
    cr_expect(strstr(run.out, "goes to h2://b.test:443"), "%s", run.all);
}

Test(h2_backends, server_of_another_protocol_is_told_of)
{
    struct backend *backend = backend_saying("h1");
    int port = scene_port();

    portico_start("workers: 1\nroutes: {\"http://a.test:%d\": \"h2c://127.0.0.1:%d\"}\n", port,
                  backend->port);
    cr_expect_eq(get(port, "a.test", "/").status, 502);
}

/* ---- connections ---- */

/* Until each has been answered some times, on the whole. */
static struct clients *crowd_start(int port, const char *path, int count, int posts_every, int times)
{
    struct clients *clients = clients_start(
        (struct clients_terms){.port = port, .path = path, .count = count, .posts_every = posts_every});

    cr_expect(WAIT_FOR(clients->answered > times * count, 2 * PATIENCE_MS));
    return clients;
}

Test(h2_backends, many_requests_share_one_connection)
{
    struct app app = h2_app_start("");
    int port = serve(&app, "");
    struct clients *clients = crowd_start(port, "/slow?ms=400", 80, 0, 3);

    clients_stop(clients);
    cr_expect_eq(clients->failed, 0, "%s", clients_describe(clients));
    cr_expect_eq(sessions_of(&app, 0), 1);
    cr_expect_gt(counted(&app, "mostOnOne"), 40);
}

Test(h2_backends, limit_of_the_server_is_heeded)
{
    struct app app = h2_app_start("--streams 3");
    int port = serve(&app, "");
    struct clients *clients = crowd_start(port, "/slow?ms=5", 40, 3, 5);

    clients_stop(clients);
    cr_expect_eq(clients->failed, 0, "%s", clients_describe(clients));
    cr_expect_leq(sessions_of(&app, 0), 4);
    cr_expect_leq(counted(&app, "mostOnOne"), 3);
    cr_expect_leq(counted(&app, "busyMost"), 12);
}

Test(h2_backends, server_that_leaves_again_and_again_loses_no_request)
{
    struct app app = h2_app_start("--leave-after 40");
    int port = serve(&app, "");
    struct clients *clients = crowd_start(port, "/slow?ms=2", 32, 2, 5);

    cr_expect(WAIT_FOR(counted(&app, "goaways") > 10, 2 * PATIENCE_MS));
    clients_stop(clients);
    cr_expect_eq(clients->failed, 0, "%s", clients_describe(clients));
    assert_honest(port, "a.test", "h2 app");
}

Test(h2_backends, refused_requests_are_sent_again)
{
    struct app app = h2_app_start("");
    int port = serve(&app, "");

    for (int refusals = 1; refusals <= 3; refusals++) {
        cr_expect_eq(get(port, "a.test", scene_text("/refuse-next?n=%d", refusals)).status, 200);
        cr_expect_str_eq(get(port, "a.test", "/refuse").body, "taken");
        cr_expect_eq(get(port, "a.test", scene_text("/refuse-next?n=%d", refusals)).status, 200);
        cr_expect_str_eq(
            ask(port, "POST /refuse HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc").body, "taken");
    }
    cr_expect_eq(get(port, "a.test", "/refuse-next?n=100").status, 200);
    cr_expect_eq(get(port, "a.test", "/refuse").status, 502, "three times at most");
    cr_expect_eq(counted(&app, "refused"), 2 * (1 + 2 + 3) + 4);
}

Test(h2_backends, content_that_is_too_long_to_keep_is_sent_once)
{
    struct app app = h2_app_start("");
    int port = serve(&app, "");
    struct wire *wire = wire_connect(port);
    char *content = scene_alloc(100000);

    cr_expect_eq(get(port, "a.test", "/refuse-next?n=1&behind=80000").status, 200);
    wire_send(wire, "POST /refuse HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100001\r\n\r\n");
    memset(content, 'x', 100000);
    cr_expect(wire_send_bytes(wire, content, 100000));
    cr_expect_eq(answer_read(wire).status, 502);
    assert_honest(port, "a.test", "h2 app");
}

/* The first is killed while requests are at it. Those that may be sent twice find the other one. */
Test(h2_backends, server_that_is_killed_costs_no_get)
{
    struct app first = h2_app_start(""), second = h2_app_start("");
    int port = scene_port();
    struct clients *clients;

    portico_start(
        "workers: 1\nroutes: {\"http://a.test:%d\": {to: [\"h2c://127.0.0.1:%d\", \"h2c://127.0.0.1:%d\"], "
        "retry: {tries: 2, resets: true, budget: 100}}}\n",
        port, first.port, second.port);
    clients = clients_start((struct clients_terms){.port = port, .path = "/slow?ms=10", .count = 32});
    cr_expect(WAIT_FOR(clients->answered > 200, PATIENCE_MS));
    process_kill(first.process);
    cr_expect(WAIT_FOR(clients->answered > 600, PATIENCE_MS));
    clients_stop(clients);
    cr_expect_eq(clients->failed, 0, "%s", clients_describe(clients));
}

/* It keeps its connections, and its kernel takes what is sent: only the PING tells. */
Test(h2_backends, server_that_is_dead_is_found_by_ping)
{
    struct app app = h2_app_start("");
    int port = serve(&app, "");
    struct wire *wire = wire_connect(port);
    int64_t began_ms;

    wire_send(wire, "GET /slow?ms=59000 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect(WAIT_FOR(counted(&app, "busy") == 1, PATIENCE_MS));
    process_signal(app.process, SIGSTOP);
    began_ms = now_ms();
    cr_expect_not_null(wire_read_until_within(wire, "HTTP/1.1 502 ", 30000));
    cr_expect_gt(now_ms() - began_ms, 5000);
}

Test(h2_backends, requests_end_within_a_drain)
{
    struct app app = h2_app_start("");
    int port = scene_port();
    struct process *portico =
        portico_start("workers: 1\nroutes: {\"http://a.test:%d\": \"h2c://127.0.0.1:%d\"}\n", port, app.port);
    struct wire *wire = wire_connect(port);

    wire_send(wire, "GET /slow?ms=500 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect(WAIT_FOR(counted(&app, "busy") == 1, PATIENCE_MS));
    process_signal(portico, SIGTERM);
    cr_expect_str_eq(answer_read(wire).body, "slow");
    cr_expect_eq(process_wait(portico, PATIENCE_MS), 0);
}

/* ---- health ---- */

/* A check has time on a busy machine too: one that fails by itself would be told of in place of what the test does. */
static struct process *serve_two(int port, const struct app *apps, const char *health)
{
    return portico_start(
        "workers: 1\nroutes:\n  http://a.test:%d:\n    to: [\"h2c://127.0.0.1:%d\", \"h2c://127.0.0.1:%d\"]\n"
        "    health: {%s, interval: 1s, timeout: 1s, rise: 1, fall: 1}\n",
        port, apps[0].port, apps[1].port, health);
}

/* Of ten requests. */
static int share_of(const struct app *app, int port)
{
    int before = counted(app, "requests");

    for (int i = 0; i < 10; i++)
        cr_assert_eq(get(port, "a.test", "/").status, 200);
    return counted(app, "requests") - before;
}

static void set_health(const struct app *app, const char *query)
{
    cr_assert_eq(
        sh("curl -sSf --http2-prior-knowledge 'http://127.0.0.1:%d/health?%s'", app->port, query).status, 0);
}

Test(h2_backends, health_service_of_grpc_is_asked)
{
    struct app apps[2] = {h2_app_start(""), h2_app_start("")};
    int port = scene_port();
    struct process *portico = serve_two(port, apps, "grpc: shop.Cart, host: up.test");
    struct run asked;

    cr_expect(WAIT_FOR(share_of(&apps[0], port) == 5, 2 * PATIENCE_MS));
    set_health(&apps[0], "status=2");
    cr_expect(WAIT_FOR(share_of(&apps[0], port) == 0, 2 * PATIENCE_MS));
    cr_expect(portico_logs(portico, "answered NOT_SERVING"), "%s", transcript_copy(&portico->err));
    set_health(&apps[0], "status=1");
    cr_expect(WAIT_FOR(share_of(&apps[0], port) == 5, 2 * PATIENCE_MS));
    set_health(&apps[0], "code=12");
    cr_expect(WAIT_FOR(share_of(&apps[0], port) == 0, 2 * PATIENCE_MS));
    cr_expect(portico_logs(portico, "grpc-status 12 (UNIMPLEMENTED): it has no health service"), "%s",
              transcript_copy(&portico->err));
    asked = sh("curl -sS --http2-prior-knowledge http://127.0.0.1:%d/asked", apps[0].port);
    cr_expect(strstr(asked.out, "trailers application/grpc up.test \\\"shop.Cart\\\""), "%s", asked.out);
}

Test(h2_backends, path_of_health_is_asked_by_h2)
{
    struct app apps[2] = {h2_app_start(""), h2_app_start("")};
    int port = scene_port();

    serve_two(port, apps, "path: /health");
    cr_expect(WAIT_FOR(share_of(&apps[0], port) == 5, 2 * PATIENCE_MS));
    process_kill(apps[0].process);
    cr_expect(WAIT_FOR(share_of(&apps[1], port) == 10, 2 * PATIENCE_MS));
}
