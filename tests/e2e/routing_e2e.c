/* Which request goes where: hosts, paths, conditions, redirects, own answers. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/portico.h"

SUITE(routing);

static const char *body_of(int port, const char *host, const char *path)
{
    struct answer answer = get(port, host, path);

    return answer.status == 200 ? answer.body : scene_text("%d", answer.status);
}

Test(routing, hosts_of_one_port_go_their_ways)
{
    struct backend *red = backend_saying("red"), *blue = backend_saying("blue");
    int port = scene_port();

    portico_start("routes:\n"
                  "  http://red.test:%d: %d\n"
                  "  blue.test:%d: 127.0.0.1:%d\n",
                  port, red->port, port, blue->port);
    cr_expect_str_eq(body_of(port, "red.test", "/"), "red");
    cr_expect_str_eq(body_of(port, "blue.test", "/"), "blue");
    cr_expect_str_eq(body_of(port, "RED.Test.", "/"), "red", "case and a trailing dot do not matter");
    cr_expect_str_eq(body_of(port, scene_text("red.test:%d", port), "/"), "red", "the port of Host goes");
    cr_expect_str_eq(body_of(port, "green.test", "/"), "404");
    cr_expect_eq(red->requests, 3);
}

Test(routing, exact_name_then_longest_wildcard_then_any)
{
    struct backend *exact = backend_saying("exact"), *near = backend_saying("near"),
                   *far = backend_saying("far"), *any = backend_saying("any");
    int port = scene_port();

    portico_start("routes:\n"
                  "  http://:%d: %d\n"
                  "  http://*.test:%d: %d\n"
                  "  http://*.shop.test:%d: %d\n"
                  "  http://www.shop.test:%d: %d\n",
                  port, any->port, port, far->port, port, near->port, port, exact->port);
    cr_expect_str_eq(body_of(port, "www.shop.test", "/"), "exact");
    cr_expect_str_eq(body_of(port, "a.b.shop.test", "/"), "near", "a wildcard takes several labels");
    cr_expect_str_eq(body_of(port, "shop.test", "/"), "far", "but not none");
    cr_expect_str_eq(body_of(port, "elsewhere.example", "/"), "any");
    cr_expect_str_eq(body_of(port, "127.0.0.1", "/"), "any");
}

Test(routing, longest_path_prefix_wins_by_segments)
{
    struct backend *root = backend_saying("root"), *v1 = backend_saying("v1"), *deep = backend_saying("deep");
    int port = scene_port();

    portico_start("routes:\n"
                  "  http://api.test:%d/: %d\n"
                  "  http://api.test:%d/v1: %d\n"
                  "  http://api.test:%d/v1/deep/: %d\n",
                  port, root->port, port, v1->port, port, deep->port);
    cr_expect_str_eq(body_of(port, "api.test", "/v1"), "v1");
    cr_expect_str_eq(body_of(port, "api.test", "/v1/"), "v1");
    cr_expect_str_eq(body_of(port, "api.test", "/v1/x?q=/v1/deep/"), "v1");
    cr_expect_str_eq(body_of(port, "api.test", "/v10"), "root");
    cr_expect_str_eq(body_of(port, "api.test", "/v1/deep/er"), "deep");
    cr_expect_str_eq(body_of(port, "api.test", "/v2"), "root");
}

Test(routing, a_path_that_hides_its_route_is_refused)
{
    static const char *const hidden[] = {"/public/../private/x", "/public/%2e%2e/private/x",
                                         "/public/..%2fprivate/x", "/%70rivate/x"};
    struct backend *public = backend_saying("public"), *private = backend_saying("private");
    int port = scene_port();

    portico_start("routes:\n"
                  "  http://a.test:%d/: %d\n"
                  "  http://a.test:%d/private/: %d\n",
                  port, public->port, port, private->port);
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        cr_expect_str_neq(body_of(port, "a.test", hidden[i]), "public", "%s", hidden[i]);
    cr_expect_eq(public->requests, 0);
    assert_honest(port, "a.test", "public");
}

Test(routing, when_chooses_by_method_header_and_query)
{
    struct backend *writes = backend_saying("writes"), *beta = backend_saying("beta"),
                   *query = backend_saying("query"), *rest = backend_saying("rest");
    int port = scene_port();

    portico_start("routes:\n"
                  "  http://a.test:%d/:\n"
                  "    - {to: %d, when: {methods: [POST, PUT]}}\n"
                  "    - {to: %d, when: {headers: {X-Beta: \"1\"}}}\n"
                  "    - {to: %d, when: {query: {mode: fast}}}\n"
                  "    - {to: %d}\n",
                  port, writes->port, beta->port, query->port, rest->port);
    cr_expect_str_eq(
        ask(port, "POST / HTTP/1.1\r\nHost: a.test\r\nX-Beta: 1\r\nContent-Length: 0\r\n\r\n").body, "writes",
        "in the order written");
    cr_expect_str_eq(ask(port, "GET / HTTP/1.1\r\nHost: a.test\r\nX-Beta: 1\r\n\r\n").body, "beta");
    cr_expect_str_eq(ask(port, "GET / HTTP/1.1\r\nHost: a.test\r\nX-Beta: 2\r\n\r\n").body, "rest");
    cr_expect_str_eq(body_of(port, "a.test", "/?mode=fast"), "query");
    cr_expect_str_eq(body_of(port, "a.test", "/?mode=slow"), "rest");
}

Test(routing, when_chooses_by_client_address)
{
    struct backend *local = backend_saying("local"), *other = backend_saying("other");
    int port = scene_port();

    portico_start("routes:\n"
                  "  http://a.test:%d/:\n"
                  "    - {to: %d, when: {from: [127.0.0.0/8]}}\n"
                  "    - {to: %d}\n",
                  port, local->port, other->port);
    cr_expect_str_eq(body_of(port, "a.test", "/"), "local");
    wire_send(wire_connect_v6(port), "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect(backend_sees(other, "GET /"));
}

/* ---- no route ---- */

static const struct {
    const char *accept, *type, *begins;
} not_found[] = {
    {"text/html,application/xhtml+xml,*/*;q=0.8", "text/html", "<"},
    {"application/json", "application/json", "{"},
    {"text/plain", "text/plain", ""},
    {"*/*", "text/plain", ""},
};

Test(routing, no_route_answers_404_in_the_clients_form_with_an_id)
{
    struct backend *backend = backend_saying("known");
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://known.test:%d\": %d}\n", port, backend->port);

    for (size_t i = 0; i < sizeof not_found / sizeof *not_found; i++) {
        struct answer answer =
            ask(port, "GET /x HTTP/1.1\r\nHost: unknown.test\r\nAccept: %s\r\n\r\n", not_found[i].accept);
        const char *id = field_of(answer.head, "X-Portico-Error");

        cr_expect_eq(answer.status, 404);
        cr_expect_gt(strlen(id), 3, "no id for %s", not_found[i].accept);
        cr_expect_not_null(strstr(answer.body, id), "the body names the id: %s", answer.body);
        cr_expect_not_null(strstr(field_of(answer.head, "Content-Type"), not_found[i].type), "%s got %s",
                           not_found[i].accept, field_of(answer.head, "Content-Type"));
        cr_expect_eq(strncmp(answer.body, not_found[i].begins, strlen(not_found[i].begins)), 0);
        cr_expect(portico_access_logs(portico, id) || portico_logs(portico, id), "the log knows the id");
    }
    cr_expect_eq(backend->connections, 0);
    assert_honest(port, "known.test", "known");
}

/* ---- redirects and own answers ---- */

Test(routing, https_on_443_redirects_http_on_80)
{
    struct certificate ca, leaf;
    struct backend *backend;
    struct answer answer;

    scene_alone();
    ca = authority_make("test authority");
    leaf = certificate_make(&ca, "ec", "DNS:www.test,DNS:api.test");
    backend = backend_saying("secure");
    portico_start("routes:\n"
                  "  https://www.test: %d\n"
                  "  https://api.test: {to: %d, redirect_http: false}\n"
                  "certificates: [{cert: %s, key: %s}]\n",
                  backend->port, backend->port, leaf.cert, leaf.key);
    answer = ask(80, "POST /a/b?c=d HTTP/1.1\r\nHost: www.test\r\nContent-Length: 2\r\n\r\nhi");
    cr_expect_eq(answer.status, 308);
    cr_expect_str_eq(field_of(answer.head, "Location"), "https://www.test/a/b?c=d");
    cr_expect_eq(get(80, "api.test", "/").status, 404, "redirect_http: false");
    cr_expect_eq(get(80, "other.test", "/").status, 404);
    cr_expect_str_eq(
        sh("curl -sSL --cacert %s --resolve www.test:443:127.0.0.1 --resolve www.test:80:127.0.0.1"
           " http://www.test/",
           ca.cert)
            .all,
        "secure");
}

Test(routing, https_elsewhere_opens_no_other_port)
{
    struct certificate ca, leaf;

    scene_alone();
    ca = authority_make("test authority");
    leaf = certificate_make(&ca, "ec", "DNS:www.test");
    portico_start("routes: {\"https://www.test:8443\": 9}\n"
                  "certificates: [{cert: %s, key: %s}]\n",
                  leaf.cert, leaf.key);
    cr_expect(wire_can_connect(8443));
    cr_expect_not(wire_can_connect(80));
    cr_expect_not(wire_can_connect(443));
}

Test(routing, redirect_and_respond_need_no_backend)
{
    int port = scene_port();
    struct answer answer;

    portico_start("routes:\n"
                  "  http://old.test:%d: {redirect: \"https://new.test/\"}\n"
                  "  http://moved.test:%d: {redirect: \"https://new.test/here\", code: 302}\n"
                  "  http://gone.test:%d: {respond: 410}\n",
                  port, port, port);
    answer = get(port, "old.test", "/x");
    cr_expect_eq(answer.status, 308);
    cr_expect_eq(strncmp(field_of(answer.head, "Location"), "https://new.test/", 17), 0);
    answer = get(port, "moved.test", "/");
    cr_expect_eq(answer.status, 302);
    cr_expect_str_eq(field_of(answer.head, "Location"), "https://new.test/here");
    cr_expect_eq(get(port, "gone.test", "/").status, 410);
}

/* ---- what a route changes ---- */

Test(routing, strip_and_rewrite_change_what_the_backend_sees)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes:\n"
                  "  http://a.test:%d/app/: {to: %d, strip_prefix: true}\n"
                  "  http://a.test:%d/old/: {to: %d, rewrite_path: /new/place}\n",
                  port, backend->port, port, backend->port);
    get(port, "a.test", "/app/x/y?z=1");
    cr_expect(backend_sees(backend, "GET /x/y?z=1 HTTP/1.1\r\n"));
    get(port, "a.test", "/app");
    cr_expect(backend_sees(backend, "GET / HTTP/1.1\r\n"));
    get(port, "a.test", "/old/thing");
    cr_expect(backend_sees(backend, "GET /new/place"));
}

Test(routing, fields_are_set_added_and_removed_both_ways)
{
    struct backend *backend =
        backend_answering("HTTP/1.1 200 OK\r\nX-Secret: 1\r\nServer: old\r\nX-Keep: k\r\n"
                          "Content-Length: 2\r\n\r\nok");
    int port = scene_port();
    struct answer answer;
    const char *head;

    portico_start("routes:\n"
                  "  http://a.test:%d:\n"
                  "    to: %d\n"
                  "    request_headers: {set: {X-Env: prod}, add: {X-Tag: two}, remove: [Cookie]}\n"
                  "    response_headers: {set: {Server: new}, add: {X-Also: yes}, remove: [X-Secret]}\n",
                  port, backend->port);
    answer = ask(port, "GET / HTTP/1.1\r\nHost: a.test\r\nX-Env: fake\r\nX-Tag: one\r\nCookie: c\r\n\r\n");
    head = backend_last_head(backend);
    cr_expect_str_eq(field_of(head, "X-Env"), "prod");
    cr_expect_eq(field_count(head, "X-Env"), 1);
    cr_expect_eq(field_count(head, "X-Tag"), 2);
    cr_expect_eq(field_count(head, "Cookie"), 0);
    cr_expect_str_eq(field_of(answer.head, "Server"), "new");
    cr_expect_str_eq(field_of(answer.head, "X-Keep"), "k");
    cr_expect_str_eq(field_of(answer.head, "X-Also"), "yes");
    cr_expect_eq(field_count(answer.head, "X-Secret"), 0);
}

Test(routing, both_families_are_opened_and_bind_narrows)
{
    struct backend *backend = backend_saying("ok");
    int both = scene_port(), four = scene_port();
    struct wire *wire;

    portico_start("routes:\n"
                  "  http://a.test:%d: %d\n"
                  "  http://b.test:%d: %d\n"
                  "listen: {%d: {bind: [\"::1\"]}}\n",
                  both, backend->port, four, backend->port, four);
    assert_honest(both, "a.test", "ok");
    wire = wire_connect_v6(both);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 200);
    wire = wire_connect_v6(four);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n");
    cr_expect_eq(answer_read(wire).status, 200);
    cr_expect_not(wire_can_connect(four), "bound to ::1 only");
}
