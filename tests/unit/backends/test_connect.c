#include "backends/connect.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "unit/backends/peers.h"

/* In place of the system's: fails by this where it is not 0. Other machines are asked nothing here. */
static int connect_error;

int connect(int fd, const struct sockaddr *to, socklen_t len)
{
    int type = 0;
    socklen_t type_len = sizeof(type);

    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len);
    if (connect_error == 0 || type == SOCK_DGRAM)
        return (int)syscall(SYS_connect, fd, to, len);
    errno = connect_error;
    return -1;
}

struct caller {
    struct office *office;
    struct connect connect;
    struct stream *stream;
    unsigned connecteds, faileds;
    enum fault fault;
    int error_number;
    char detail[256];
};

static void on_connected(void *owner, struct stream *stream)
{
    struct caller *caller = owner;

    caller->connecteds++;
    caller->stream = stream;
}

static void on_failed(void *owner, enum fault fault, int error_number, struct slice detail)
{
    struct caller *caller = owner;

    caller->faileds++;
    caller->fault = fault;
    caller->error_number = error_number;
    snprintf(caller->detail, sizeof(caller->detail), "%.*s", FMT_SLICE(detail));
}

static const struct connect_events EVENTS = {on_connected, on_failed};

static void caller_start(struct caller *caller, struct office *office, const struct endpoint *endpoint)
{
    caller->office = office;
    caller->connect.loop = office->loop;
    caller->connect.endpoint = endpoint;
    caller->connect.arena = &office->arena;
    caller->connect.on = &EVENTS;
    caller->connect.owner = caller;
    caller->connect.timeout_ms = 5000;
    connect_start(&caller->connect);
    cr_assert_eq(caller->connecteds + caller->faileds, 0, "all comes from the loop");
}

static void caller_waits(struct caller *caller)
{
    OFFICE_UNTIL(caller->office, caller->connecteds || caller->faileds);
    office_settle(caller->office);
    cr_assert_eq(caller->connecteds + caller->faileds, 1);
}

static void expect_failure(struct caller *caller, enum fault fault, int error_number, const char *detail)
{
    caller_waits(caller);
    cr_expect_eq(caller->faileds, 1);
    cr_expect_eq(caller->fault, fault, "%s", fault_row(caller->fault)->token);
    cr_expect_eq(caller->error_number, error_number, "%d", caller->error_number);
    cr_expect_str_eq(caller->detail, detail, "%s", caller->detail);
}

/* --- What a person is told */

Test(connect, says_in_plain_words_what_came_back)
{
    static const struct {
        const char *target;
        int error;
        enum fault fault;
        const char *detail;
    } cases[] = {
        {"8080", ECONNREFUSED, FAULT_BACK_REFUSED, "nothing listens on 127.0.0.1:8080"},
        {"127.1.2.3:80", ECONNREFUSED, FAULT_BACK_REFUSED, "nothing listens on 127.1.2.3:80"},
        {"[::1]:8080", ECONNREFUSED, FAULT_BACK_REFUSED, "nothing listens on [::1]:8080"},
        {"0.0.0.0:8080", ECONNREFUSED, FAULT_BACK_REFUSED, "nothing listens on 0.0.0.0:8080"},
        {"unix:/run/x", ECONNREFUSED, FAULT_BACK_REFUSED, "nothing listens on /run/x"},
        {"unix:/run/x", ENOENT, FAULT_BACK_REFUSED, "there is no socket /run/x"},
        {"unix:/run/x", EACCES, FAULT_BACK_UNREACHABLE, "/run/x cannot be reached: Permission denied"},
        {"unix:/run/x", EAGAIN, FAULT_BACK_UNREACHABLE,
         "/run/x has no place left in its queue of connections"},
        {"10.0.0.1:80", ECONNREFUSED, FAULT_BACK_REFUSED, "10.0.0.1:80 refused the connection"},
        {"[2001:db8::1]:80", ECONNREFUSED, FAULT_BACK_REFUSED, "[2001:db8::1]:80 refused the connection"},
        {"10.0.0.1:80", EHOSTUNREACH, FAULT_BACK_UNREACHABLE,
         "10.0.0.1:80 cannot be reached: No route to host"},
        {"127.0.0.1:80", EADDRNOTAVAIL, FAULT_BACK_NO_LOCAL_PORT,
         "no local port is free for a connection to 127.0.0.1:80: raise net.ipv4.ip_local_port_range, or add "
         "addresses"},
        {"10.0.0.1:80", EADDRINUSE, FAULT_BACK_NO_LOCAL_PORT,
         "no local port is free for a connection to 10.0.0.1:80: raise net.ipv4.ip_local_port_range, or add "
         "addresses"},
        {"10.0.0.1:80", EMFILE, FAULT_OVERLOADED,
         "no descriptor is free for a connection to 10.0.0.1:80: raise the limit of open files"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct office *office = office_new();
        struct caller caller = {0};

        connect_error = cases[i].error;
        caller_start(&caller, office, peer_endpoint(office, cases[i].target));
        expect_failure(&caller, cases[i].fault, cases[i].error, cases[i].detail);
        connect_cancel(&caller.connect); /* harmless: nothing is under way */
        office_free(office);
    }
}

Test(connect, refused_by_the_system_says_so)
{
    struct office *office = office_new();
    struct server server;
    struct caller caller = {0};
    char detail[64];

    server_bind_only(&server);
    caller_start(&caller, office, peer_endpoint_at(office, "127.0.0.1", &server));
    snprintf(detail, sizeof(detail), "nothing listens on 127.0.0.1:%u", server.port);
    expect_failure(&caller, FAULT_BACK_REFUSED, ECONNREFUSED, detail);
    server_close(&server);
    office_free(office);
}

/* Takes what its queue has room for; what comes then waits in the kernel, unanswered. */
static void fill(const struct server *server, int fds[], size_t count)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(server->port)};

    for (size_t i = 0; i < count; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(fds[i], (struct sockaddr *)&at, sizeof(at));
    }
}

Test(connect, not_taken_in_time_says_so)
{
    struct office *office = office_new();
    struct server server;
    struct caller caller = {0};
    char detail[96];
    int fds[4];

    server_open(&server, 0);
    fill(&server, fds, ARRAY_LEN(fds));
    caller_start(&caller, office, peer_endpoint_at(office, "127.0.0.1", &server));
    office_wait(office, 5000 - 2 * WHEEL_TICK_MS);
    cr_assert_eq(caller.faileds + caller.connecteds, 0);
    office_wait(office, 4 * WHEEL_TICK_MS);
    snprintf(detail, sizeof(detail), "127.0.0.1:%u did not take the connection within 5000 ms", server.port);
    expect_failure(&caller, FAULT_BACK_CONNECT_TIMEOUT, ETIMEDOUT, detail);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    server_close(&server);
    office_free(office);
}

/* --- Plain */

Test(connect, sends_the_preface_before_all_else)
{
    static const bool sends_first[] = {false, true};

    for (size_t i = 0; i < ARRAY_LEN(sends_first); i++) {
        struct office *office = office_new();
        struct server server;
        struct caller caller = {
            .connect = {.preface = SLICE("PROXY UNKNOWN\r\n"), .sends_first = sends_first[i]}};
        char heard[64] = "";

        server_open(&server, 8);
        caller_start(&caller, office, peer_endpoint_at(office, "127.0.0.1", &server));
        caller_waits(&caller);
        cr_assert_eq(caller.connecteds, 1, "%s", caller.detail);
        stream_write(caller.stream, &SLICE("GET /"), 1, STREAM_NOW);
        OFFICE_UNTIL(office, (server_accept(&server), server.count == 1) &&
                                 server_hears(&server, 0, heard, sizeof(heard)));
        cr_expect_str_eq(heard, "PROXY UNKNOWN\r\nGET /");
        stream_close(caller.stream);
        server_close(&server);
        office_free(office);
    }
}

Test(connect, tries_the_other_familys_address)
{
    struct office *office = office_new();
    struct server server;
    struct caller caller = {0};
    struct endpoint *endpoint;

    server_open(&server, 8);
    endpoint = peer_endpoint_at(office, "127.0.0.1", &server);
    endpoint->addresses[1] = endpoint->addresses[0];
    endpoint->addresses[0] = address_from_ip((struct ip){.family = 6, .bytes = {[15] = 1}}, server.port);
    endpoint->addresses_count = 2;
    caller_start(&caller, office, endpoint);
    caller_waits(&caller);
    cr_assert_eq(caller.connecteds, 1, "%s", caller.detail);
    cr_assert(address_eq(caller.stream->peer, &endpoint->addresses[1]));
    stream_close(caller.stream);
    server_close(&server);
    office_free(office);
}

Test(connect, cancelled_while_dialling_tells_nothing)
{
    struct office *office = office_new();
    struct server server;
    struct caller caller = {0};

    server_open(&server, 8);
    caller_start(&caller, office, peer_endpoint_at(office, "127.0.0.1", &server));
    connect_cancel(&caller.connect);
    office_wait(office, 10000);
    cr_assert_eq(caller.connecteds + caller.faileds, 0);
    connect_cancel(&caller.connect);
    server_close(&server);
    office_free(office);
}

/* --- TLS */

struct scene {
    struct office *office;
    struct server server;
    struct tls_peer peer;
    struct caller caller;
    struct endpoint *endpoint;
};

static void scene_init(struct scene *scene, const char *host, const char *san)
{
    *scene = (struct scene){.office = office_new()};
    server_open(&scene->server, 8);
    tls_peer_init(&scene->peer, scene->office->loop, san);
    scene->endpoint = peer_endpoint_at(scene->office, host, &scene->server);
    peer_target(scene->endpoint)->tls = scene->peer.trusting;
    peer_target(scene->endpoint)->verifies = true;
}

static void scene_fini(struct scene *scene)
{
    if (scene->caller.stream)
        stream_close(scene->caller.stream);
    tls_peer_fini(&scene->peer);
    server_close(&scene->server);
    office_free(scene->office);
}

static void scene_starts(struct scene *scene)
{
    caller_start(&scene->caller, scene->office, scene->endpoint);
    OFFICE_UNTIL(scene->office, (server_accept(&scene->server), scene->server.count == 1));
}

static void scene_meets(struct scene *scene)
{
    scene_starts(scene);
    tls_peer_take(&scene->peer, &scene->server, 0);
    caller_waits(&scene->caller);
    OFFICE_UNTIL(scene->office, scene->peer.established || scene->peer.failed);
}

Test(connect, tls_asks_for_the_name_that_it_wants)
{
    static const struct {
        const char *host, *server_name;
        bool is_raw;
        const char *sni, *alpn;
    } cases[] = {
        {"https://a.test", NULL, false, "a.test", "http/1.1"},
        {"https://a.test", NULL, true, "a.test", ""},
        {"https://127.0.0.1", NULL, false, "", "http/1.1"},
        {"https://127.0.0.1", "a.test", false, "a.test", "http/1.1"},
        {"https://b.test", "a.test", false, "a.test", "http/1.1"},
        {"https://b.test", "127.0.0.1", false, "", "http/1.1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene scene;

        scene_init(&scene, cases[i].host, "DNS:a.test,IP:127.0.0.1");
        peer_target(scene.endpoint)->server_name = slice_str(cases[i].server_name);
        scene.caller.connect.is_raw = cases[i].is_raw;
        scene_meets(&scene);
        cr_expect_eq(scene.caller.connecteds, 1, "row %zu: %s", i, scene.caller.detail);
        cr_expect_str_eq(scene.peer.server_name, cases[i].sni, "row %zu: %s", i, scene.peer.server_name);
        cr_expect_str_eq(scene.peer.alpn, cases[i].alpn, "row %zu: %s", i, scene.peer.alpn);
        office_wait(scene.office, 10000); /* its deadline is over */
        cr_expect_eq(scene.caller.connecteds + scene.caller.faileds, 1);
        scene_fini(&scene);
    }
}

Test(connect, tls_of_h2_targets_asks_for_h2_alone)
{
    static const struct {
        const char *name, *offer, *detail;
    } cases[] = {
        {"it speaks HTTP/2", "h2", ""},
        {"it speaks other protocols", "http/1.1", " does not offer HTTP/2 (ALPN)"},
        {"it knows no ALPN", NULL, " does not offer HTTP/2 (ALPN)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scene scene;
        char detail[128];

        scene_init(&scene, "h2://a.test", "DNS:a.test");
        scene.peer.offer[0] = cases[i].offer;
        scene_meets(&scene);
        snprintf(detail, sizeof(detail), "%s%s", cases[i].detail[0] ? scene.endpoint->text.data : "",
                 cases[i].detail);
        cr_expect_str_eq(scene.caller.detail, detail, "%s: %s", cases[i].name, scene.caller.detail);
        cr_expect_eq(scene.caller.connecteds, cases[i].detail[0] == '\0', "%s", cases[i].name);
        cr_expect(cases[i].detail[0] == '\0' || scene.caller.fault == FAULT_BACK_TLS, "%s", cases[i].name);
        scene_fini(&scene);
    }
}

Test(connect, tls_to_another_than_wanted_says_whom)
{
    struct scene scene;
    char detail[128];

    scene_init(&scene, "https://b.test", "DNS:a.test");
    scene_meets(&scene);
    snprintf(detail, sizeof(detail), "TLS to https://b.test:%u: certificate is for a.test, not for b.test",
             scene.server.port);
    expect_failure(&scene.caller, FAULT_BACK_TLS, 0, detail);
    cr_expect_eq(scene.peer.failed + scene.peer.established, 1);
    scene_fini(&scene);
}

Test(connect, tls_without_verifying_takes_any)
{
    struct scene scene;
    struct tls_client_context *careless;
    struct error error;

    scene_init(&scene, "https://b.test", "DNS:a.test");
    cr_assert_eq(tls_client_context_new(&(struct tls_client_settings){.verifies = false}, &careless, &error),
                 0);
    peer_target(scene.endpoint)->tls = careless;
    peer_target(scene.endpoint)->verifies = false;
    scene_meets(&scene);
    cr_expect_eq(scene.caller.connecteds, 1, "%s", scene.caller.detail);
    tls_client_context_unref(careless);
    scene_fini(&scene);
}

Test(connect, tls_without_a_name_to_verify_is_refused)
{
    struct scene scene;

    scene_init(&scene, "https://a.test", "DNS:a.test");
    peer_target(scene.endpoint)->target.kind = TARGET_UNIX; /* at an address that the test can listen on */
    scene.endpoint->text = SLICE("unix:/run/x");
    scene_starts(&scene);
    expect_failure(&scene.caller, FAULT_BACK_TLS, 0,
                   "TLS to unix:/run/x: no name is given that its certificate must be for");
    scene_fini(&scene);
}

Test(connect, tls_to_a_server_of_clear_text_says_so)
{
    struct scene scene;

    scene_init(&scene, "https://a.test", "DNS:a.test");
    scene_starts(&scene);
    server_says(&scene.server, 0, "HTTP/1.1 400 Bad Request\r\n\r\n");
    caller_waits(&scene.caller);
    cr_assert_eq(scene.caller.fault, FAULT_BACK_TLS);
    cr_assert_eq(strncmp(scene.caller.detail, "TLS to https://a.test:", 22), 0, "%s", scene.caller.detail);
    scene_fini(&scene);
}

Test(connect, tls_handshake_not_ended_in_time_says_so)
{
    struct scene scene;
    char detail[128];

    scene_init(&scene, "https://a.test", "DNS:a.test");
    scene_starts(&scene);
    office_settle(scene.office);
    office_wait(scene.office, 5000 + 2 * WHEEL_TICK_MS);
    snprintf(detail, sizeof(detail),
             "https://a.test:%u took the connection but did not end the TLS handshake within 5000 ms",
             scene.server.port);
    expect_failure(&scene.caller, FAULT_BACK_CONNECT_TIMEOUT, ETIMEDOUT, detail);
    scene_fini(&scene);
}

Test(connect, preface_stands_in_front_of_tls)
{
    struct scene scene;
    char heard[64];

    scene_init(&scene, "https://a.test", "DNS:a.test");
    scene.caller.connect.preface = SLICE("PROXY UNKNOWN\r\n");
    scene_starts(&scene);
    OFFICE_UNTIL(scene.office, server_hears(&scene.server, 0, heard, sizeof("PROXY UNKNOWN\r\n")));
    cr_expect_str_eq(heard, "PROXY UNKNOWN\r\n");
    tls_peer_take(&scene.peer, &scene.server, 0);
    caller_waits(&scene.caller);
    cr_expect_eq(scene.caller.connecteds, 1, "%s", scene.caller.detail);
    scene_fini(&scene);
}

Test(connect, cancelled_while_shaking_hands_tells_nothing)
{
    struct scene scene;
    char heard[64];

    scene_init(&scene, "https://a.test", "DNS:a.test");
    scene_starts(&scene);
    OFFICE_UNTIL(scene.office, server_hears(&scene.server, 0, heard, sizeof(heard)));
    connect_cancel(&scene.caller.connect);
    office_wait(scene.office, 10000);
    cr_assert_eq(scene.caller.connecteds + scene.caller.faileds, 0);
    scene_fini(&scene);
}
