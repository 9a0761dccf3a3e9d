/* What a backend is told about the client, and what a client cannot make it believe. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/portico.h"

SUITE(forwarding);

static const char spoofed[] =
    "GET /x HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n"
    "X-Forwarded-Host: evil.test\r\nX-Forwarded-Port: 1\r\nX-Request-Id: mine\r\n"
    "Forwarded: for=6.6.6.6\r\n\r\n";

Test(forwarding, the_fields_are_set)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    const char *head, *host = scene_text("a.test:%d", port);

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    cr_expect_eq(get(port, host, "/x").status, 200);
    head = backend_last_head(backend);
    cr_expect_str_eq(field_of(head, "Host"), host, "as it came");
    cr_expect_str_eq(field_of(head, "X-Forwarded-For"), "127.0.0.1");
    cr_expect_str_eq(field_of(head, "X-Forwarded-Proto"), "http");
    cr_expect_str_eq(field_of(head, "X-Forwarded-Host"), host);
    cr_expect_str_eq(field_of(head, "X-Forwarded-Port"), scene_text("%d", port));
    cr_expect_str_eq(field_of(head, "Via"), "1.1 portico");
    cr_expect_gt(strlen(field_of(head, "X-Request-Id")), 8);
}

Test(forwarding, a_strangers_claims_are_dropped)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    const char *head;

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    cr_expect_eq(ask(port, "%s", spoofed).status, 200);
    head = backend_last_head(backend);
    cr_expect_str_eq(field_of(head, "X-Forwarded-For"), "127.0.0.1");
    cr_expect_str_eq(field_of(head, "X-Forwarded-Proto"), "http");
    cr_expect_str_eq(field_of(head, "X-Forwarded-Host"), "a.test");
    cr_expect_str_neq(field_of(head, "X-Request-Id"), "mine");
    cr_expect_null(strstr(head, "6.6.6.6"), "%s", head);
    cr_expect_null(strstr(head, "evil"), "%s", head);
}

Test(forwarding, a_trusted_proxys_claims_are_kept)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    const char *head;

    portico_start("routes: {\"http://a.test:%d\": %d}\ntrusted_proxies: [127.0.0.0/8]\n", port,
                  backend->port);
    cr_expect_eq(ask(port, "%s", spoofed).status, 200);
    head = backend_last_head(backend);
    cr_expect_str_eq(field_of(head, "X-Forwarded-For"), "6.6.6.6, 127.0.0.1");
    cr_expect_str_eq(field_of(head, "X-Forwarded-Proto"), "https");
    cr_expect_str_eq(field_of(head, "X-Forwarded-Host"), "evil.test");
    cr_expect_str_eq(field_of(head, "X-Request-Id"), "mine");
}

Test(forwarding, connection_fields_stay_on_their_connection)
{
    struct backend *backend =
        backend_answering("HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n"
                          "Keep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n");
    int port = scene_port();
    struct answer answer;
    const char *head;

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    answer = ask(
        port, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: X-Mine, keep-alive\r\nX-Mine: 1\r\n"
              "Proxy-Connection: close\r\nKeep-Alive: 9\r\nTE: gzip\r\nUpgrade: h2c\r\nX-Other: 3\r\n\r\n");
    head = backend_last_head(backend);
    cr_expect_eq(field_count(head, "X-Mine"), 0);
    cr_expect_eq(field_count(head, "Proxy-Connection"), 0);
    cr_expect_eq(field_count(head, "Keep-Alive"), 0);
    cr_expect_eq(field_count(head, "Upgrade"), 0);
    cr_expect_eq(field_count(head, "TE"), 0);
    cr_expect_str_eq(field_of(head, "X-Other"), "3");
    cr_expect_eq(field_count(answer.head, "X-Hop"), 0);
    cr_expect_str_eq(field_of(answer.head, "X-End"), "2");
}

/* Naming a field in Connection has it removed on the way; these would be missed. */
static const char *const wanted[] = {"Host",
                                     "X-Forwarded-For",
                                     "X-Forwarded-Proto",
                                     "X-Request-Id",
                                     "Authorization",
                                     "Content-Length",
                                     "Cookie",
                                     "Via",
                                     "Forwarded",
                                     "Transfer-Encoding",
                                     "Connection"};

Test(forwarding, a_client_cannot_have_important_fields_removed)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        cr_expect_eq(
            ask(port, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close, %s\r\n\r\n", wanted[i]).status,
            400, "%s", wanted[i]);
    cr_expect_eq(backend->requests, 0);
    assert_honest(port, "a.test", "ok");
}

Test(forwarding, names_with_underscores_are_dropped)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    ask(port, "GET / HTTP/1.1\r\nHost: a.test\r\nX_Forwarded_For: 6.6.6.6\r\nX-Real: 1\r\n\r\n");
    cr_expect(backend_sees(backend, "\r\n\r\n"));
    cr_expect_null(strstr(backend_seen(backend), "6.6.6.6"));
    cr_expect_str_eq(field_of(backend_last_head(backend), "X-Real"), "1");
}
