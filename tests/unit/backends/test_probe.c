#include "backends/probe.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/backends/peers.h"

/* One pool, one server, one check. */
struct scene {
    struct office *office;
    struct server server;
    struct endpoint *endpoint;
    struct pool pool;
    struct probe *probe;
    unsigned dones;
    bool is_good;
    char why[256];
};

static void on_done(void *owner, enum probe_result result, struct slice why)
{
    struct scene *scene = owner;

    cr_assert_eq(strlen(why.data), why.len);
    scene->probe = NULL;
    scene->dones++;
    scene->is_good = result == PROBE_GOOD;
    snprintf(scene->why, sizeof(scene->why), "%s", why.data);
}

static void scene_init(struct scene *scene, const char *host)
{
    *scene = (struct scene){.office = office_new()};
    scene->pool.health = (struct pool_health){
        .is_on = true, .path = SLICE("/up"), .status_min = 200, .status_max = 399, .timeout_ms = 2000};
    server_open(&scene->server, 8);
    scene->endpoint = peer_endpoint_at(scene->office, host, &scene->server);
}

static void scene_fini(struct scene *scene)
{
    if (scene->probe)
        probe_cancel(scene->probe);
    server_close(&scene->server);
    office_free(scene->office);
}

static void scene_starts(struct scene *scene)
{
    scene->probe = probe_start(scene->office->loop, scene->endpoint, &scene->pool, on_done, scene);
    cr_assert_eq(scene->dones, 0, "never from inside");
}

static void scene_is_taken(struct scene *scene)
{
    scene_starts(scene);
    OFFICE_UNTIL(scene->office, (server_accept(&scene->server), scene->server.count == 1));
}

/* The server has the request. */
static void scene_asks(struct scene *scene, char *heard, size_t size)
{
    scene_is_taken(scene);
    OFFICE_UNTIL(scene->office, server_hears(&scene->server, 0, heard, size));
}

static void scene_ends(struct scene *scene)
{
    OFFICE_UNTIL(scene->office, scene->dones);
    office_wait(scene->office, 10000);
    cr_assert_eq(scene->dones, 1);
}

enum ending { STILL_OPEN, ENDED_IN_ORDER, RESET };

/* How the server sees its connection end; each is seen once. */
static enum ending ending_at(struct server *server)
{
    char byte;
    ssize_t got;

    while ((got = recv(server->conns[0], &byte, 1, 0)) > 0)
        ;
    if (got == 0)
        return ENDED_IN_ORDER;
    return errno == EAGAIN ? STILL_OPEN : RESET;
}

/* --- The request */

Test(probe, asks_for_the_path_as_a_client_would)
{
    static const char rest[] = "User-Agent: portico-health/" PORTICO_VERSION "\r\nConnection: close\r\n\r\n";
    struct scene scene;
    char heard[512], expected[512];

    scene_init(&scene, "127.0.0.1");
    scene_asks(&scene, heard, sizeof(heard));
    snprintf(expected, sizeof(expected), "GET /up HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s", scene.server.port,
             rest);
    cr_assert_str_eq(heard, expected, "%s", heard);
    scene_fini(&scene);
}

Test(probe, names_its_host)
{
    static const struct {
        const char *target, *given, *host;
    } cases[] = {
        {"App.test:8080", "", "app.test:8080"},  {"app.test:80", "", "app.test"},
        {"app.test:443", "", "app.test:443"},    {"[::1]:80", "", "[::1]"},
        {"[::1]:8080", "", "[::1]:8080"},        {"unix:/run/x", "", "localhost"},
        {"app.test:8080", "up.test", "up.test"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene scene;
        struct address address;
        char heard[512], expected[64];

        scene_init(&scene, "127.0.0.1");
        address = scene.endpoint->addresses[0];
        scene.endpoint = peer_endpoint(scene.office, cases[i].target);
        scene.endpoint->addresses[0] = address; /* where the test's server is */
        scene.pool.health.host = slice_str(cases[i].given);
        scene_asks(&scene, heard, sizeof(heard));
        snprintf(expected, sizeof(expected), "\r\nHost: %s\r\n", cases[i].host);
        cr_expect(strstr(heard, expected), "%s: %s", cases[i].target, heard);
        scene_fini(&scene);
    }
}

/* --- The answer */

Test(probe, the_final_status_decides)
{
    static const struct {
        const char *answer;
        unsigned min, max;
        const char *why; /* "": good */
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 399, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nsome", 200, 399,
         ""}, /* the body is not waited for */
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, 399, ""},
        {"HTTP/1.0 200 OK\r\n\r\n", 200, 399, ""},
        {"HTTP/1.1 204 No Content\r\n\r\n", 204, 204, ""},
        {"HTTP/1.1 399 Odd\r\nContent-Length: 0\r\n\r\n", 200, 399, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nbytes behind it", 200, 399, ""},
        {"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 200, 399,
         ""},
        {"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 500 Oops\r\n\r\n", 200, 399,
         "answered 500, not 200 to 399"},
        {"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", 200, 399, "answered 503, not 200 to 399"},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 200, 200, "answered 404, not 200"},
        {"220 mail.test ESMTP\r\n", 200, 399, "the backend's answer is not valid HTTP"},
        {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", 200, 399,
         "the backend's answer is not valid HTTP"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene scene;
        char heard[512];

        scene_init(&scene, "127.0.0.1");
        scene.pool.health.status_min = cases[i].min;
        scene.pool.health.status_max = cases[i].max;
        scene_asks(&scene, heard, sizeof(heard));
        server_says(&scene.server, 0, cases[i].answer);
        scene_ends(&scene);
        cr_expect_str_eq(scene.why, cases[i].why, "row %zu: %s", i, scene.why);
        cr_expect_eq(scene.is_good, cases[i].why[0] == '\0', "row %zu", i);
        cr_expect(ending_at(&scene.server) != STILL_OPEN, "row %zu", i);
        scene_fini(&scene);
    }
}

Test(probe, an_answer_may_come_in_pieces)
{
    static const char *const pieces[] = {"HT", "TP/1.1 103 Early Hints\r\n", "\r", "\nHTTP/1.1 20",
                                         "0 OK\r\n"};
    struct scene scene;
    char heard[512];

    scene_init(&scene, "127.0.0.1");
    scene_asks(&scene, heard, sizeof(heard));
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        server_says(&scene.server, 0, pieces[i]);
        office_settle(scene.office);
        cr_assert_eq(scene.dones, 0);
    }
    server_says(&scene.server, 0, "\r\n");
    scene_ends(&scene);
    cr_assert(scene.is_good, "%s", scene.why);
    scene_fini(&scene);
}

/* --- Failures */

Test(probe, refused_says_that_nothing_listens)
{
    struct scene scene;
    char why[64];

    scene_init(&scene, "127.0.0.1");
    server_close(&scene.server);
    server_bind_only(&scene.server);
    scene.endpoint = peer_endpoint_at(scene.office, "127.0.0.1", &scene.server);
    scene_starts(&scene);
    scene_ends(&scene);
    snprintf(why, sizeof(why), "nothing listens on 127.0.0.1:%u", scene.server.port);
    cr_assert_not(scene.is_good);
    cr_assert_str_eq(scene.why, why);
    scene_fini(&scene);
}

Test(probe, silence_ends_with_its_time)
{
    struct scene scene;
    char heard[512], why[64];

    scene_init(&scene, "127.0.0.1");
    scene_asks(&scene, heard, sizeof(heard));
    server_says(&scene.server, 0, "HTTP/1.1 103 Early Hints\r\n\r\n"); /* buys no time */
    office_settle(scene.office);
    office_wait(scene.office, 2000 - 200);
    cr_assert_eq(scene.dones, 0);
    office_wait(scene.office, 200 + 2 * WHEEL_TICK_MS);
    scene_ends(&scene);
    snprintf(why, sizeof(why), "127.0.0.1:%u did not answer within 2000 ms", scene.server.port);
    cr_assert_not(scene.is_good);
    cr_assert_str_eq(scene.why, why);
    cr_assert(ending_at(&scene.server) != STILL_OPEN);
    scene_fini(&scene);
}

static void hang_up(struct scene *scene, bool by_reset)
{
    const struct linger at_once = {.l_onoff = 1};

    if (by_reset)
        setsockopt(scene->server.conns[0], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(scene->server.conns[0]);
    scene->server.conns[0] = -1;
}

Test(probe, a_connection_that_ends_says_where)
{
    static const struct {
        const char *answer;
        bool by_reset;
        const char *why;
    } cases[] = {
        {"", false, "the backend closed the connection without an answer"},
        {"", true, "the backend closed the connection without an answer"},
        {"HTTP/1.1 200 O", false, "the backend's answer ended too early"},
        {"HTTP/1.1 103 Early Hints\r\n\r\n", false, "the backend's answer ended too early"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene scene;
        char heard[512];

        scene_init(&scene, "127.0.0.1");
        scene_asks(&scene, heard, sizeof(heard));
        server_says(&scene.server, 0, cases[i].answer);
        hang_up(&scene, cases[i].by_reset);
        scene_ends(&scene);
        cr_expect_not(scene.is_good);
        cr_expect_str_eq(scene.why, cases[i].why, "row %zu: %s", i, scene.why);
        scene_fini(&scene);
    }
}

/* --- The connection alone */

Test(probe, a_connection_is_enough_without_a_path_and_for_raw_bytes)
{
    static const struct {
        bool is_raw;
        const char *path;
    } cases[] = {{false, ""}, {true, ""}, {true, "/up"}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum ending ending;
        struct scene scene;

        scene_init(&scene, "127.0.0.1");
        scene.pool.is_raw = cases[i].is_raw;
        scene.pool.health.path = slice_str(cases[i].path);
        scene_is_taken(&scene);
        scene_ends(&scene);
        cr_expect(scene.is_good, "%s", scene.why);
        OFFICE_UNTIL(scene.office, (ending = ending_at(&scene.server)) != STILL_OPEN);
        cr_expect_eq(ending, ENDED_IN_ORDER);
        scene_fini(&scene);
    }
}

/* --- PROXY header */

Test(probe, says_by_the_header_that_nobody_is_behind_it)
{
    static const struct {
        enum proxy_protocol version;
        const char *path;
        struct slice header;
    } cases[] = {
        {PROXY_PROTOCOL_V1, "/up", SLICE("PROXY UNKNOWN\r\n")},
        {PROXY_PROTOCOL_V1, "", SLICE("PROXY UNKNOWN\r\n")},
        {PROXY_PROTOCOL_V2, "/up", SLICE("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")},
        {PROXY_PROTOCOL_V2, "", SLICE("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene scene;
        struct slice rest;
        char heard[512];
        size_t len = 0;

        scene_init(&scene, "127.0.0.1");
        scene.pool.proxy_protocol = cases[i].version;
        scene.pool.health.path = slice_str(cases[i].path);
        scene_is_taken(&scene);
        OFFICE_UNTIL(scene.office, (len = server_hears(&scene.server, 0, heard, sizeof(heard))) > 0);
        cr_assert(slice_starts(slice_of(heard, len), cases[i].header), "row %zu", i);
        rest = slice_from(slice_of(heard, len), cases[i].header.len);
        if (cases[i].path[0])
            cr_expect(slice_starts(rest, SLICE("GET /up HTTP/1.1\r\n")), "row %zu", i);
        else
            cr_expect_eq(rest.len, 0, "row %zu", i);
        scene_fini(&scene);
    }
}

/* --- TLS */

static void tls_scene_init(struct scene *scene, struct tls_peer *peer, const char *host)
{
    scene_init(scene, host);
    tls_peer_init(peer, scene->office->loop, "DNS:a.test,IP:127.0.0.1");
    peer_target(scene->endpoint)->tls = peer->trusting;
    peer_target(scene->endpoint)->verifies = true;
}

static void tls_scene_fini(struct scene *scene, struct tls_peer *peer)
{
    tls_peer_fini(peer);
    scene_fini(scene);
}

Test(probe, asks_over_tls)
{
    struct scene scene;
    struct tls_peer peer;

    tls_scene_init(&scene, &peer, "https://a.test");
    scene_is_taken(&scene);
    tls_peer_take(&peer, &scene.server, 0);
    OFFICE_UNTIL(scene.office, peer.got.len);
    cr_assert(slice_starts(text_slice(&peer.got), SLICE("GET /up HTTP/1.1\r\nHost: a.test:")), "%s",
              peer.got.data);
    tls_peer_says(&peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    scene_ends(&scene);
    cr_assert(scene.is_good, "%s", scene.why);
    tls_scene_fini(&scene, &peer);
}

Test(probe, a_handshake_is_enough_without_a_path)
{
    struct scene scene;
    struct tls_peer peer;

    tls_scene_init(&scene, &peer, "https://127.0.0.1");
    scene.pool.health.path = SLICE("");
    scene_is_taken(&scene);
    tls_peer_take(&peer, &scene.server, 0);
    scene_ends(&scene);
    cr_assert(scene.is_good, "%s", scene.why);
    OFFICE_UNTIL(scene.office, peer.ended);
    tls_scene_fini(&scene, &peer);
}

Test(probe, a_certificate_for_another_is_bad)
{
    struct scene scene;
    struct tls_peer peer;

    tls_scene_init(&scene, &peer, "https://b.test");
    scene_is_taken(&scene);
    tls_peer_take(&peer, &scene.server, 0);
    scene_ends(&scene);
    cr_assert_not(scene.is_good);
    cr_assert(strstr(scene.why, "certificate is for a.test, 127.0.0.1, not for b.test"), "%s", scene.why);
    tls_scene_fini(&scene, &peer);
}

Test(probe, a_handshake_has_no_time_of_its_own)
{
    struct scene scene;
    struct tls_peer peer;

    tls_scene_init(&scene, &peer, "https://a.test");
    scene_is_taken(&scene);
    office_settle(scene.office);
    office_wait(scene.office, 2000 + 2 * WHEEL_TICK_MS);
    scene_ends(&scene);
    cr_assert(strstr(scene.why, "did not end the TLS handshake within 2000 ms"), "%s", scene.why);
    tls_scene_fini(&scene, &peer);
}

/* --- Cancelled */

static void expect_cancelled(struct scene *scene)
{
    probe_cancel(TAKE(scene->probe));
    office_wait(scene->office, 10000);
    cr_assert_eq(scene->dones, 0);
}

Test(probe, cancelled_while_dialling_tells_nothing)
{
    struct scene scene;

    scene_init(&scene, "127.0.0.1");
    scene_starts(&scene);
    expect_cancelled(&scene);
    scene_fini(&scene);
}

Test(probe, cancelled_while_an_answer_is_awaited_tells_nothing)
{
    struct scene scene;
    char heard[512];

    scene_init(&scene, "127.0.0.1");
    scene_asks(&scene, heard, sizeof(heard));
    server_says(&scene.server, 0, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 2");
    office_settle(scene.office);
    expect_cancelled(&scene);
    cr_assert(ending_at(&scene.server) != STILL_OPEN);
    scene_fini(&scene);
}

Test(probe, cancelled_while_shaking_hands_tells_nothing)
{
    struct scene scene;
    struct tls_peer peer;

    tls_scene_init(&scene, &peer, "https://a.test");
    scene_is_taken(&scene);
    office_settle(scene.office);
    expect_cancelled(&scene);
    cr_assert(ending_at(&scene.server) != STILL_OPEN);
    tls_scene_fini(&scene, &peer);
}
