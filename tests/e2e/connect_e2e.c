/* How a connection to a backend begins: PROXY headers, TLS with our own certificate and another name, unix sockets. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

#include "e2e/portico.h"
#include "e2e/slow.h"
#include "e2e/turns.h"

SUITE(connect);

/** Of our end. */
static int port_of(const struct wire *wire)
{
    struct sockaddr_in at;
    socklen_t size = sizeof at;

    cr_assert_eq(getsockname(wire->fd, (struct sockaddr *)&at, &size), 0);
    return ntohs(at.sin_port);
}

/* ---- PROXY headers, read by nginx ---- */

/** Says whom the header names: "CLIENT:PORT to PORT". */
static int nginx_with_proxy(void)
{
    int port = scene_port();

    nginx_start(port,
                "server { listen 127.0.0.1:%d proxy_protocol; return 200 "
                "\"$proxy_protocol_addr:$proxy_protocol_port to $proxy_protocol_server_port\"; }",
                port);
    return port;
}

static void expect_named(int port)
{
    for (int i = 0; i < 3; i++) {
        struct wire *wire = wire_connect(port);
        struct answer answer;

        wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        answer = answer_read(wire);
        cr_expect_eq(answer.status, 200, "%d", answer.status);
        cr_expect_str_eq(answer.body, scene_text("127.0.0.1:%d to %d", port_of(wire), port), "client %d", i);
        wire_close(wire);
    }
}

Test(connect, a_proxy_header_names_each_client_of_http)
{
    int to = nginx_with_proxy(), one = scene_port(), two = scene_port();

    portico_start("workers: 1\nroutes:\n  http://a.test:%d: {to: %d, proxy_protocol: v1}\n"
                  "  http://a.test:%d: {to: %d, proxy_protocol: v2}\n",
                  one, to, two, to);
    expect_named(one);
    expect_named(two);
}

Test(connect, a_proxy_header_names_the_client_of_raw_bytes)
{
    int to = nginx_with_proxy(), one = scene_port(), two = scene_port();

    portico_start(
        "routes:\n  tcp://:%d: {to: %d, proxy_protocol: v1}\n  tcp://:%d: {to: %d, proxy_protocol: v2}\n",
        one, to, two, to);
    expect_named(one);
    expect_named(two);
}

Test(connect, a_proxy_header_stands_before_all_else)
{
    struct backend *one = backend_playing(play_echo), *two = backend_playing(play_echo);
    int port = scene_port(), other = scene_port();
    struct wire *wire;
    const char *seen;

    portico_start(
        "routes:\n  tcp://:%d: {to: %d, proxy_protocol: v1}\n  tcp://:%d: {to: %d, proxy_protocol: v2}\n",
        port, one->port, other, two->port);
    wire = wire_connect(port);
    wire_send(wire, "first");
    cr_expect_not_null(wire_read_until(wire, "first"));
    seen = backend_seen(one);
    cr_expect_str_eq(seen, scene_text("PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\nfirst", port_of(wire), port));
    wire = wire_connect(other);
    wire_send(wire, "first");
    cr_expect_not_null(wire_read_until(wire, "first"));
    seen = backend_seen(two);
    cr_expect_eq(memcmp(seen, "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1", 24), 0);
    cr_expect_eq((unsigned char)seen[24] << 8 | (unsigned char)seen[25], port_of(wire));
    cr_expect_eq((unsigned char)seen[26] << 8 | (unsigned char)seen[27], other);
    cr_expect_str_eq(seen + 28, "first");
}

Test(connect, a_proxy_header_stands_before_tls)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:web.test");
    int to = scene_port(), port = scene_port();

    nginx_start(
        to,
        "server { listen 127.0.0.1:%d ssl proxy_protocol; ssl_certificate %s; ssl_certificate_key %s; "
        "return 200 \"$proxy_protocol_addr:$proxy_protocol_port to $proxy_protocol_server_port\"; }",
        to, leaf.cert, leaf.key);
    portico_start(
        "routes:\n  http://a.test:%d: {to: \"https://127.0.0.1:%d\", ca: %s, server_name: web.test, "
        "proxy_protocol: v2}\n",
        port, to, ca.cert);
    expect_named(port);
}

Test(connect, checks_say_that_they_come_for_nobody)
{
    struct backend *one = backend_saying("one"), *two = backend_playing(play_echo);
    int port = scene_port(), other = scene_port();

    portico_start("routes:\n"
                  "  http://a.test:%d: {to: [%d], proxy_protocol: v1, health: {path: /up, interval: 100ms, "
                  "timeout: 100ms}}\n"
                  "  tcp://:%d: {to: [%d], proxy_protocol: v2, health: {interval: 100ms, timeout: 100ms}}\n",
                  port, one->port, other, two->port);
    cr_expect(backend_sees(one, "PROXY UNKNOWN\r\nGET /up "), "%.200s", backend_seen(one));
    cr_expect(WAIT_FOR(two->seen.length >= 14, PATIENCE_MS));
    cr_expect_eq(memcmp(backend_seen(two), "\r\n\r\n\0\r\nQUIT\n\x20", 13), 0, "LOCAL");
}

/* ---- TLS ---- */

/** Wants a certificate of that authority and says whose it got. */
static int nginx_that_asks(const struct certificate *ca, const struct certificate *own)
{
    int port = scene_port();

    nginx_start(port,
                "server { listen 127.0.0.1:%d ssl; ssl_certificate %s; ssl_certificate_key %s; "
                "ssl_verify_client on; ssl_client_certificate %s; return 200 \"$ssl_client_s_dn "
                "$ssl_server_name\"; }",
                port, own->cert, own->key, ca->cert);
    return port;
}

Test(connect, a_client_certificate_is_shown_to_a_backend_that_wants_one)
{
    struct certificate ca = authority_make("test authority");
    struct certificate own = certificate_make(&ca, "ec", "DNS:web.test");
    struct certificate ours = certificate_make(&ca, "rsa", "DNS:portico.test");
    int to = nginx_that_asks(&ca, &own), with = scene_port(), without = scene_port();
    struct answer answer;

    portico_start("routes:\n"
                  "  http://a.test:%d:\n    to: https://127.0.0.1:%d\n    ca: %s\n    server_name: web.test\n"
                  "    client_certificate: {cert: %s, key: %s}\n"
                  "  http://b.test:%d: {to: \"https://127.0.0.1:%d\", ca: %s, server_name: web.test}\n",
                  with, to, ca.cert, ours.cert, ours.key, without, to, ca.cert);
    for (int i = 0; i < 3; i++) {
        answer = get(with, "a.test", "/");
        cr_expect_eq(answer.status, 200);
        cr_expect_str_eq(answer.body, "CN=leaf web.test");
    }
    answer = get(without, "b.test", "/");
    cr_expect_eq(answer.status, 400, "nginx wants one: %d", answer.status);
}

Test(connect, a_client_certificate_with_another_key_is_refused_at_the_start)
{
    struct certificate ca = authority_make("test authority");
    struct certificate one = certificate_make(&ca, "ec", "DNS:one.test");
    struct certificate two = certificate_make(&ca, "ec", "DNS:two.test");
    struct run run = portico_does("check -c portico.yaml",
                                  "routes:\n  http://a.test:%d:\n    to: https://127.0.0.1:1\n"
                                  "    client_certificate: {cert: %s, key: %s}\n",
                                  scene_port(), one.cert, two.key);

    cr_expect_eq(run.status, 1, "%s", run.all);
    cr_expect_not_null(strstr(run.all, two.key), "%s", run.all);
}

Test(connect, a_wrong_name_is_502_and_the_log_says_which_and_why)
{
    struct certificate ca = authority_make("test authority");
    struct certificate own = certificate_make(&ca, "ec", "DNS:web.test");
    int to = scene_port(), port = scene_port();
    struct process *portico;
    struct answer answer;

    nginx_start(
        to, "server { listen 127.0.0.1:%d ssl; ssl_certificate %s; ssl_certificate_key %s; return 200 ok; }",
        to, own.cert, own.key);
    portico = portico_start(
        "routes:\n"
        "  http://a.test:%d: {to: \"https://127.0.0.1:%d\", ca: %s, server_name: other.test}\n"
        "  http://b.test:%d: {to: \"https://127.0.0.1:%d\", ca: %s, server_name: web.test}\n"
        "  http://c.test:%d: {to: \"https://127.0.0.1:%d\", server_name: other.test, verify: off}\n",
        port, to, ca.cert, port, to, ca.cert, port, to);
    answer = get(port, "a.test", "/");
    cr_expect_eq(answer.status, 502);
    cr_expect_null(strstr(answer.body, "other.test"), "the inside stays inside");
    cr_expect(portico_logs(portico, field_of(answer.head, "X-Portico-Error")));
    cr_expect(portico_logs(portico, "reason=backend_tls"), "%s", transcript_copy(&portico->err));
    cr_expect(portico_logs(portico, "other.test"), "%s", transcript_copy(&portico->err));
    cr_expect(portico_logs(portico, "certificate"), "%s", transcript_copy(&portico->err));
    assert_honest(port, "b.test", "ok");
    assert_honest(port, "c.test", "ok");
}

Test(connect, an_unknown_authority_is_502_and_the_log_says_so)
{
    struct certificate ca = authority_make("test authority"), other_ca = authority_make("other authority");
    struct certificate own = certificate_make(&ca, "ec", "DNS:web.test");
    int to = scene_port(), port = scene_port();
    struct process *portico;

    nginx_start(
        to, "server { listen 127.0.0.1:%d ssl; ssl_certificate %s; ssl_certificate_key %s; return 200 ok; }",
        to, own.cert, own.key);
    portico = portico_start(
        "routes: {\"http://a.test:%d\": {to: \"https://127.0.0.1:%d\", ca: %s, server_name: web.test}}\n",
        port, to, other_ca.cert);
    cr_expect_eq(get(port, "a.test", "/").status, 502);
    cr_expect(portico_logs(portico, "reason=backend_tls"), "%s", transcript_copy(&portico->err));
    cr_expect(portico_logs(portico, "certificate"), "%s", transcript_copy(&portico->err));
}

/* ---- unix sockets ---- */

Test(connect, unix_sockets_are_members_of_a_pool)
{
    struct backend *socket_one = backend_on_unix(scene_path("one.sock"), "by socket");
    struct server *server = server_start("one", SERVER_ANSWERS);
    const char *missing = scene_path("missing.sock");
    int port = scene_port(), alone = scene_port();
    struct process *portico = portico_start(
        "workers: 1\nroutes:\n  http://a.test:%d: {to: [\"unix:%s\", %s, \"unix:%s\"], outlier: off}\n"
        "  http://b.test:%d: \"unix:%s\"\n",
        port, scene_path("one.sock"), server->address, missing, alone, missing);
    const int by_server = turns_of(port, 12, "one");

    cr_expect_geq(by_server, 4);
    cr_expect_eq(by_server + socket_one->requests, 12);
    cr_expect_geq(socket_one->requests, 4);
    cr_expect_eq(get(alone, "b.test", "/").status, 502);
    cr_expect(portico_logs(portico, missing), "%s", transcript_copy(&portico->err));
}
