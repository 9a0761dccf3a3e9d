#include "backends/acquire.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/tls_stream.h"
#include "unit/backends/offices.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void expect_failure(struct request *request, enum fault fault, int error_number, const char *detail)
{
    cr_expect_eq(request->faileds, 1);
    cr_expect_eq(request->readies, 0);
    cr_expect_eq(request->fault, fault, "%s", fault_row(request->fault)->token);
    cr_expect_eq(request->error_number, error_number, "%d", request->error_number);
    cr_expect_str_eq(request->detail, detail, "%s", request->detail);
}

Test(acquire, refused_says_that_nothing_listens)
{
    struct office *office = office_new();
    struct server server;
    struct request request;
    char detail[64];

    server_bind_only(&server);
    struct pool_target endpoint = office_server_endpoint(office, &server);
    request_start(&request, office, &(struct pool){.targets = &endpoint, .count = 1});
    cr_assert_eq(request.faileds, 0, "failures come from the loop");
    OFFICE_UNTIL(office, request.faileds);
    snprintf(detail, sizeof(detail), "nothing listens on 127.0.0.1:%u", server.port);
    expect_failure(&request, FAULT_BACK_REFUSED, ECONNREFUSED, detail);
    cr_expect_eq(request.attempt.tries, 1);
    acquire_release(&request.attempt); /* harmless: it is released already */
    server_close(&server);
    office_free(office);
}

Test(acquire, of_a_socket_that_is_not_there_says_so)
{
    struct office *office = office_new();
    struct pool_target endpoint = office_endpoint(office, "unix:/nonexistent/app.sock");
    struct request request;

    request_start(&request, office, &(struct pool){.targets = &endpoint, .count = 1});
    OFFICE_UNTIL(office, request.faileds);
    expect_failure(&request, FAULT_BACK_REFUSED, ENOENT, "there is no socket /nonexistent/app.sock");
    office_free(office);
}

Test(acquire, of_an_unknown_name_says_so)
{
    struct office *office = office_new();
    struct pool_target endpoint = office_endpoint(office, "app.test:80");
    struct request request;

    struct pool pool = {.targets = &endpoint, .count = 1};
    struct roster *roster = roster_new();

    roster->is_settled = true;
    roster->why_empty = SLICE("no such name (NXDOMAIN)");
    office_begin(office, &pool, roster);
    request_start(&request, office, &pool);
    cr_assert_eq(request.faileds, 0, "failures come from the loop");
    OFFICE_UNTIL(office, request.faileds);
    expect_failure(&request, FAULT_BACK_UNRESOLVED, 0, "app.test: no such name (NXDOMAIN)");
    roster_unref(roster);
    office_free(office);
}

Test(acquire, gives_up_on_a_name_that_is_not_looked_up)
{
    struct office *office = office_new();
    struct pool_target endpoint = office_endpoint(office, "app.test:80");
    struct request request;

    request_start(&request, office, &(struct pool){.targets = &endpoint, .count = 1});
    timer_wheel_advance(loop_timers(office->loop), loop_now_ms(office->loop) + 5000 + WHEEL_TICK_MS);
    office_settle(office);
    expect_failure(&request, FAULT_BACK_UNRESOLVED, 0, "app.test:80 was not looked up within 5000 ms");
    cr_assert_eq(request.faileds, 1);
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

Test(acquire, gives_up_on_a_backend_that_does_not_take_it)
{
    struct office *office = office_new();
    struct server server;
    struct request request;
    char detail[96];
    int fds[4];

    server_open(&server, 0);
    fill(&server, fds, ARRAY_LEN(fds));
    struct pool_target endpoint = office_server_endpoint(office, &server);
    request_start(&request, office, &(struct pool){.targets = &endpoint, .count = 1});
    office_wait(office, 5000 - 2 * WHEEL_TICK_MS);
    cr_assert_eq(request.faileds + request.readies, 0);
    office_wait(office, 4 * WHEEL_TICK_MS);
    snprintf(detail, sizeof(detail), "127.0.0.1:%u did not take the connection within 5000 ms", server.port);
    expect_failure(&request, FAULT_BACK_CONNECT_TIMEOUT, ETIMEDOUT, detail);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    server_close(&server);
    office_free(office);
}

static struct pool_target tls_endpoint(struct office *office, const struct server *server)
{
    struct pool_target endpoint;
    struct error error;
    char target[32];

    snprintf(target, sizeof(target), "https://127.0.0.1:%u", server->port);
    endpoint = office_endpoint(office, target);
    cr_assert_eq(
        tls_client_context_new(&(struct tls_client_settings){.verifies = false}, &endpoint.tls, &error), 0,
        "%s", error.text);
    return endpoint;
}

Test(acquire, gives_up_on_a_backend_that_does_not_shake_hands)
{
    struct office *office = office_new();
    struct server server;
    struct request request;

    server_open(&server, 8);
    struct pool_target endpoint = tls_endpoint(office, &server);
    request_start(&request, office, &(struct pool){.targets = &endpoint, .count = 1});
    OFFICE_UNTIL(office, (server_accept(&server), server.count == 1));
    office_settle(office);
    office_wait(office, 5000 + 2 * WHEEL_TICK_MS);
    cr_assert_eq(request.fault, FAULT_BACK_CONNECT_TIMEOUT);
    cr_assert(strstr(request.detail, "did not end the TLS handshake within 5000 ms"), "%s", request.detail);
    tls_client_context_unref(endpoint.tls);
    server_close(&server);
    office_free(office);
}

Test(acquire, of_a_tls_backend_that_speaks_clear_text_says_so)
{
    struct office *office = office_new();
    struct server server;
    struct request request;

    server_open(&server, 8);
    struct pool_target endpoint = tls_endpoint(office, &server);
    request_start(&request, office, &(struct pool){.targets = &endpoint, .count = 1});
    OFFICE_UNTIL(office, (server_accept(&server), server.count == 1));
    server_says(&server, 0, "HTTP/1.1 400 Bad Request\r\n\r\n");
    OFFICE_UNTIL(office, request.faileds);
    cr_assert_eq(request.fault, FAULT_BACK_TLS);
    cr_assert_eq(strncmp(request.detail, "TLS to https://127.0.0.1:", 25), 0, "%s", request.detail);
    tls_client_context_unref(endpoint.tls);
    server_close(&server);
    office_free(office);
}

/* --- Several endpoints */

enum { ENDPOINTS = 4 };

struct scene {
    struct office *office;
    struct server servers[ENDPOINTS];
    struct pool_target endpoints[ENDPOINTS];
    struct pool pool;
};

/* Of the letters, one an endpoint: 'u' is up, 'd' is down. */
static void scene_init(struct scene *scene, const char *states)
{
    *scene = (struct scene){.office = office_new()};
    for (size_t i = 0; i < strlen(states); i++) {
        if (states[i] == 'u')
            server_open(&scene->servers[i], 8);
        else
            server_bind_only(&scene->servers[i]);
        scene->endpoints[i] = office_server_endpoint(scene->office, &scene->servers[i]);
    }
    scene->pool = (struct pool){
        .targets = scene->endpoints, .count = strlen(states), .retry = {.tries = 2, .budget_percent = 20}};
}

static void scene_fini(struct scene *scene)
{
    for (size_t i = 0; i < scene->pool.count; i++)
        server_close(&scene->servers[i]);
    office_free(scene->office);
}

/* @return its place among the scene's */
static size_t answered_by(struct scene *scene, struct request *request)
{
    const struct pool_target *target;

    OFFICE_UNTIL(scene->office, request->readies || request->faileds);
    cr_assert_eq(request->readies, 1, "%s", request->detail);
    target = request->attempt.endpoint->target;
    request_answer(request, &scene->servers[target - scene->endpoints], 0, OK);
    return (size_t)(target - scene->endpoints);
}

Test(acquire, takes_turns)
{
    struct scene scene;
    size_t order[6];

    scene_init(&scene, "uuu");
    for (size_t i = 0; i < 6; i++) {
        struct request request;

        request_start(&request, scene.office, &scene.pool);
        order[i] = answered_by(&scene, &request);
        cr_assert_eq(request.attempt.is_reused, i >= 3);
        cr_assert(i < 3 || order[i] == order[i - 3]);
    }
    cr_assert(order[0] != order[1] && order[1] != order[2] && order[2] != order[0]);
    cr_assert_eq(back_office_idle(scene.office->back), 3);
    scene_fini(&scene);
}

Test(acquire, fails_over_to_two_others)
{
    static const struct {
        const char *states;
        bool is_ready;
        unsigned tries; /* at most, where it ends well: whose turn it is is left to chance */
    } cases[] = {{"udd", true, 2}, {"dud", true, 2},  {"ddu", true, 2},
                 {"dd", false, 2}, {"ddd", false, 3}, {"dddd", false, 3}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request request;
        struct scene scene;

        scene_init(&scene, cases[i].states);
        request_start(&request, scene.office, &scene.pool);
        OFFICE_UNTIL(scene.office, request.readies || request.faileds);
        cr_expect_eq(request.readies, cases[i].is_ready, "%s", cases[i].states);
        cr_expect(request.attempt.tries == cases[i].tries ||
                      (cases[i].is_ready && request.attempt.tries < cases[i].tries),
                  "%s: %u", cases[i].states, request.attempt.tries);
        if (cases[i].is_ready)
            answered_by(&scene, &request);
        scene_fini(&scene);
    }
}

/* --- Releasing */

Test(acquire, released_while_connecting_cancels)
{
    struct scene scene;
    struct request request;

    scene_init(&scene, "u");
    request_start(&request, scene.office, &scene.pool);
    acquire_release(&request.attempt);
    office_settle(scene.office);
    cr_assert_eq(request.readies + request.faileds, 0);
    acquire_release(&request.attempt);
    scene_fini(&scene);
}

Test(acquire, released_while_a_name_is_looked_up_cancels)
{
    struct office *office = office_new();
    struct pool_target endpoint = office_endpoint(office, "app.test:80");
    struct request request;

    request_start(&request, office, &(struct pool){.targets = &endpoint, .count = 1});
    acquire_release(&request.attempt);
    office_wait(office, 10000);
    cr_assert_eq(request.readies + request.faileds, 0);
    office_free(office);
}

Test(acquire, a_raw_stream_is_the_owners)
{
    struct scene scene;
    struct request request = {0};

    scene_init(&scene, "u");
    request_start(&request, scene.office, &scene.pool);
    acquire_release(&request.attempt);
    request.attempt.is_raw = true;
    acquire_start(&request.attempt);
    OFFICE_UNTIL(scene.office, request.readies);
    cr_assert_not_null(request.attempt.stream);
    struct stream *stream = request.attempt.stream;
    acquire_release(&request.attempt);
    cr_assert_eq(back_office_idle(scene.office->back), 0);
    stream_close(stream);
    scene_fini(&scene);
}

Test(acquire, may_be_replayed_only_on_a_reused_connection_without_an_answer)
{
    struct scene scene;
    struct request first, second;

    scene_init(&scene, "u");
    request_start(&first, scene.office, &scene.pool);
    OFFICE_UNTIL(scene.office, first.readies);
    cr_assert_not(acquire_may_replay(&first.attempt, true), "it is fresh");
    request_answer(&first, &scene.servers[0], 0, OK);
    request_start(&second, scene.office, &scene.pool);
    cr_assert(acquire_may_replay(&second.attempt, true));
    cr_assert_not(acquire_may_replay(&second.attempt, false), "it was sent");
    server_says(&scene.servers[0], 0, "HTTP");
    close(scene.servers[0].conns[0]);
    scene.servers[0].conns[0] = -1;
    OFFICE_UNTIL(scene.office, second.was_reset);
    cr_assert_not(acquire_may_replay(&second.attempt, true), "an answer began");
    acquire_release(&second.attempt);
    scene_fini(&scene);
}
