/* A cookie that keeps a client at its backend. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/portico.h"
#include "e2e/slow.h"
#include "e2e/turns.h"

SUITE(sticky);

static const char *const names[] = {"one", "two", "three"};

struct visit {
    char *body, *cookie; /* "SEAT=value"; "" when none was set */
    char *set_cookie;    /* the whole field */
};

static struct visit visit(int port, const char *cookie)
{
    struct answer answer = ask(port, "GET / HTTP/1.1\r\nHost: a.test\r\n%s%s%s\r\n",
                               *cookie ? "Cookie: " : "", cookie, *cookie ? "\r\n" : "");
    struct visit visit = {.body = answer.body, .set_cookie = field_of(answer.head, "Set-Cookie")};

    cr_assert_eq(answer.status, 200, "%d for %s", answer.status, cookie);
    visit.cookie = scene_text("%.*s", (int)strcspn(visit.set_cookie, ";"), visit.set_cookie);
    return visit;
}

static struct process *sticky_start(int port, struct server **servers, const char *more)
{
    servers_start(servers, names, 3);
    return portico_start(
        "workers: 2\nroutes:\n  http://a.test:%d:\n    to: %s\n    sticky: {cookie: SEAT}\n%s", port,
        servers_list(servers, 3), more);
}

Test(sticky, a_cookie_names_no_address_and_is_out_of_reach_of_scripts)
{
    struct server *servers[3];
    int port = scene_port();
    struct visit first;

    sticky_start(port, servers, "");
    first = visit(port, "");
    cr_expect_eq(strncmp(first.cookie, "SEAT=", 5), 0, "%s", first.set_cookie);
    cr_expect_gt(strlen(first.cookie), 5 + 4);
    cr_expect_not_null(strcasestr(first.set_cookie, "HttpOnly"), "%s", first.set_cookie);
    cr_expect_not_null(strcasestr(first.set_cookie, "SameSite=Lax"), "%s", first.set_cookie);
    cr_expect_not_null(strcasestr(first.set_cookie, "Path=/"), "%s", first.set_cookie);
    cr_expect_null(strcasestr(first.set_cookie, "Secure"), "not over http: %s", first.set_cookie);
    cr_expect_null(strstr(first.cookie, "127"), "%s", first.cookie);
    for (int i = 0; i < 3; i++)
        cr_expect_null(strstr(first.cookie, scene_text("%d", servers[i]->port)), "%s", first.cookie);
}

Test(sticky, a_cookie_over_https_is_secure)
{
    struct certificate leaf = leaf_for("DNS:a.test");
    struct server *server = server_start("one", SERVER_ANSWERS), *other = server_start("two", SERVER_ANSWERS);
    int port = scene_port();
    struct run run;

    portico_start("routes: {\"https://a.test:%d\": {to: [%s, %s], sticky: SEAT}}\n"
                  "certificates: [{cert: %s, key: %s}]\nlocal_ca: false\n",
                  port, server->address, other->address, leaf.cert, leaf.key);
    run = sh("curl -ksSi --resolve a.test:%d:127.0.0.1 https://a.test:%d/", port, port);
    cr_expect_not_null(strcasestr(field_of(run.out, "Set-Cookie"), "Secure"), "%s", run.all);
}

Test(sticky, a_client_stays_for_a_hundred_requests)
{
    struct server *servers[3];
    int port = scene_port();

    sticky_start(port, servers, "");
    for (int client = 0; client < 3; client++) {
        struct visit first = visit(port, "");

        for (int i = 0; i < 100; i++) {
            struct visit next = visit(port, scene_text("a=b; %s; c=d", first.cookie));

            cr_assert_str_eq(next.body, first.body, "request %d", i);
            cr_assert_str_eq(next.set_cookie, "", "it has one");
        }
    }
}

Test(sticky, new_clients_are_spread)
{
    struct server *servers[3];
    int port = scene_port();

    sticky_start(port, servers, "");
    for (int i = 0; i < 30; i++)
        visit(port, "");
    for (int i = 0; i < 3; i++)
        cr_expect_gt(servers[i]->counts->requests, 0, "%s", names[i]);
}

Test(sticky, a_cookie_is_good_after_a_restart)
{
    struct server *servers[3];
    int port = scene_port();
    struct process *portico = sticky_start(port, servers, "");
    struct visit seats[6];

    for (int i = 0; i < 6; i++)
        seats[i] = visit(port, "");
    cr_assert_eq(portico_stop(portico), 0);
    portico_serve("exec");
    for (int i = 0; i < 6; i++) {
        struct visit again = visit(port, seats[i].cookie);

        cr_expect_str_eq(again.body, seats[i].body);
        cr_expect_str_eq(again.set_cookie, "");
    }
}

Test(sticky, a_forged_cookie_is_as_good_as_none)
{
    struct server *servers[3];
    int port = scene_port();
    struct visit good;
    char *flipped;

    sticky_start(port, servers, "");
    good = visit(port, "");
    flipped = scene_text("%s", good.cookie);
    flipped[strlen(flipped) - 2] = flipped[strlen(flipped) - 2] == 'A' ? 'B' : 'A';
    cr_expect_gt(strlen(visit(port, flipped).set_cookie), 0, "%s", flipped);
    cr_expect_gt(strlen(visit(port, "SEAT=").set_cookie), 0);
    cr_expect_gt(strlen(visit(port, "SEAT=0").set_cookie), 0);
    cr_expect_gt(strlen(visit(port, "SEAT=127.0.0.1").set_cookie), 0);
    cr_expect_gt(strlen(visit(port, scene_text("SEAT=%s", letters(4000))).set_cookie), 0);
    cr_expect_gt(strlen(visit(port, scene_text("X%s", good.cookie)).set_cookie), 0, "another name");
    cr_expect_str_eq(visit(port, good.cookie).set_cookie, "", "the good one is still good");
}

Test(sticky, who_loses_a_backend_gets_another_and_a_new_cookie)
{
    struct server *servers[3];
    int port = scene_port();
    struct visit first, moved;

    sticky_start(port, servers, "");
    first = visit(port, "");
    for (int i = 0; i < 3; i++) {
        if (strcmp(servers[i]->name, first.body) == 0)
            server_kill(servers[i]);
    }
    moved = visit(port, first.cookie);
    cr_expect_str_neq(moved.body, first.body);
    cr_expect_str_neq(moved.cookie, "", "a new one");
    cr_expect_str_neq(moved.cookie, first.cookie);
    for (int i = 0; i < 20; i++)
        cr_assert_str_eq(visit(port, moved.cookie).body, moved.body, "request %d", i);
}

Test(sticky, a_backends_own_cookie_stays)
{
    static const char bytes[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: own=1; Path=/x\r\n\r\nok";
    struct backend *one = backend_answering(bytes), *two = backend_answering(bytes);
    int port = scene_port();
    struct answer answer;

    portico_start("routes: {\"http://a.test:%d\": {to: [%d, %d], sticky: {cookie: SEAT}}}\n", port, one->port,
                  two->port);
    answer = get(port, "a.test", "/");
    cr_expect_eq(field_count(answer.head, "Set-Cookie"), 2, "%s", answer.head);
    cr_expect_not_null(strstr(answer.head, "own=1; Path=/x"));
}
