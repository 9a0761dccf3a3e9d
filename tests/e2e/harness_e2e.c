/* The harness, checked against servers that others made, so that a failure elsewhere is Portico's. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "e2e/portico.h"

SUITE(harness);

Test(harness, backend_says_its_text_and_keeps_what_it_got)
{
    struct backend *backend = backend_saying("hello");

    assert_honest(backend->port, "some.test", "hello");
    cr_expect(backend_sees(backend, "GET /honest HTTP/1.1\r\n"));
    cr_expect_str_eq(field_of(backend_last_head(backend), "host"), "some.test");
    cr_expect_eq(backend->connections, 1);
}

Test(harness, answers_are_read_with_chunks_and_trailers)
{
    struct app app = app_start();
    struct answer answer =
        ask(app.port, "POST /trailers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "2\r\nhi\r\n0\r\nX-Check: yes\r\n\r\n");

    cr_expect_eq(answer.status, 200);
    cr_expect_str_eq(answer.body, "with trailers");
    cr_expect_str_eq(field_of(answer.trailers, "X-Got"), "yes");
}

Test(harness, shell_commands_have_a_deadline)
{
    cr_expect_eq(sh("echo out; echo err >&2; exit 3").status, 3);
    cr_expect_str_eq(sh("echo out; echo err >&2").all, "err\nout\n");
    cr_expect_eq(sh_within(50, "exec sleep 60").status, -1);
}

Test(harness, nginx_serves_tls_with_a_made_certificate)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "rsa", "DNS:web.test");
    int port = scene_port();
    struct run run;

    nginx_start(
        port,
        "server { listen 127.0.0.1:%d ssl; ssl_certificate %s; ssl_certificate_key %s; return 200 ok; }",
        port, leaf.cert, leaf.key);
    run =
        sh("curl -sS --cacert %s --resolve web.test:%d:127.0.0.1 https://web.test:%d/", ca.cert, port, port);
    cr_expect_str_eq(run.all, "ok");
}

Test(harness, a_scene_alone_has_the_privileged_ports)
{
    scene_alone();
    nginx_start(80, "%s", "server { listen 80; return 200 alone; }");
    assert_honest(80, "any.test", "alone");
}
