#include "backends/idle_conns.h"

#include <sys/socket.h>
#include <unistd.h>

#include "unit/backends/offices.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

struct scene {
    struct office *office;
    struct server server;
    struct pool_target endpoint;
    struct pool pool;
};

static void scene_init(struct scene *scene)
{
    scene->office = office_new();
    server_open(&scene->server, 128);
    scene->endpoint = office_server_endpoint(scene->office, &scene->server);
    scene->pool = (struct pool){.targets = &scene->endpoint, .count = 1};
}

static void scene_fini(struct scene *scene)
{
    server_close(&scene->server);
    office_free(scene->office);
}

/* So many connections at once, answered in order, which leaves the last one the newest. */
static void serve_at_once(struct scene *scene, struct request *requests, size_t count, const char *answer)
{
    size_t before = scene->server.count;

    for (size_t i = 0; i < count; i++) {
        request_start(&requests[i], scene->office, &scene->pool);
        OFFICE_UNTIL(scene->office, requests[i].readies);
        OFFICE_UNTIL(scene->office, (server_accept(&scene->server), scene->server.count == before + i + 1));
    }
    for (size_t i = 0; i < count; i++)
        request_answer(&requests[i], &scene->server, before + i, answer);
}

static bool is_closed(const struct server *server, size_t conn)
{
    char byte;

    return recv(server->conns[conn], &byte, 1, MSG_PEEK) == 0;
}

Test(idle_conns, the_newest_is_used_again)
{
    struct request requests[3], again;
    struct scene scene;

    scene_init(&scene);
    serve_at_once(&scene, requests, 3, OK);
    cr_assert_eq(back_office_idle(scene.office->back), 3);
    request_start(&again, scene.office, &scene.pool);
    cr_assert_eq(again.readies, 1, "an idle connection is there at once");
    cr_assert(again.attempt.is_reused);
    cr_assert_eq(back_office_idle(scene.office->back), 2);
    request_answer(&again, &scene.server, 2, OK);
    cr_assert_eq(scene.server.count, 3, "no other connection was opened");
    cr_assert_eq(back_office_idle(scene.office->back), 3);
    scene_fini(&scene);
}

Test(idle_conns, a_fresh_one_may_be_asked_for)
{
    struct request first, again;
    struct scene scene;

    scene_init(&scene);
    serve_at_once(&scene, &first, 1, OK);
    again = first;
    again.attempt = (struct acquisition){.desks = scene.office->desks,
                                         .pool = &scene.pool,
                                         .arena = &scene.office->arena,
                                         .on = first.attempt.on,
                                         .owner = &again,
                                         .connect_timeout_ms = 5000,
                                         .is_fresh = true};
    again.readies = 0;
    again.is_done = false;
    acquire_start(&again.attempt);
    cr_assert_eq(again.readies, 0);
    request_answer(&again, &scene.server, 1, OK);
    cr_assert_not(again.attempt.is_reused);
    scene_fini(&scene);
}

Test(idle_conns, the_oldest_goes_past_256)
{
    static struct request requests[IDLE_CONNS_MAX + 2];
    struct scene scene;

    scene_init(&scene);
    serve_at_once(&scene, requests, IDLE_CONNS_MAX + 2, OK);
    cr_assert_eq(back_office_idle(scene.office->back), IDLE_CONNS_MAX);
    OFFICE_UNTIL(scene.office, is_closed(&scene.server, 0) && is_closed(&scene.server, 1));
    cr_assert_not(is_closed(&scene.server, 2));
    cr_assert_not(is_closed(&scene.server, IDLE_CONNS_MAX + 1));
    scene_fini(&scene);
}

Test(idle_conns, expires_after_30_seconds_or_as_the_backend_says)
{
    static const struct {
        const char *answer;
        uint64_t keep_ms;
    } cases[] = {
        {OK, 30000},
        {"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n", 4000},
        {"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=3600\r\nContent-Length: 0\r\n\r\n", 30000},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request request;
        struct scene scene;

        scene_init(&scene);
        serve_at_once(&scene, &request, 1, cases[i].answer);
        office_wait(scene.office, cases[i].keep_ms - 2 * WHEEL_TICK_MS);
        cr_assert_eq(back_office_idle(scene.office->back), 1, "case %zu", i);
        office_wait(scene.office, 4 * WHEEL_TICK_MS);
        cr_assert_eq(back_office_idle(scene.office->back), 0, "case %zu", i);
        OFFICE_UNTIL(scene.office, is_closed(&scene.server, 0));
        scene_fini(&scene);
    }
}

Test(idle_conns, one_that_the_backend_closes_leaves)
{
    struct request requests[2], again;
    struct scene scene;

    scene_init(&scene);
    serve_at_once(&scene, requests, 2, OK);
    close(scene.server.conns[1]);
    scene.server.conns[1] = -1;
    OFFICE_UNTIL(scene.office, back_office_idle(scene.office->back) == 1);
    request_start(&again, scene.office, &scene.pool);
    request_answer(&again, &scene.server, 0, OK);
    scene_fini(&scene);
}

/* Bytes that nobody asked for belong to no answer: the next request must not be given them. */
Test(idle_conns, one_on_which_the_backend_speaks_leaves)
{
    struct request request;
    struct scene scene;

    scene_init(&scene);
    serve_at_once(&scene, &request, 1, OK);
    server_says(&scene.server, 0, OK);
    OFFICE_UNTIL(scene.office, back_office_idle(scene.office->back) == 0);
    scene_fini(&scene);
}

Test(idle_conns, one_that_may_not_be_reused_is_not_kept)
{
    struct request request;
    struct scene scene;

    scene_init(&scene);
    serve_at_once(&scene, &request, 1, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    cr_assert_eq(back_office_idle(scene.office->back), 0);
    OFFICE_UNTIL(scene.office, is_closed(&scene.server, 0));
    scene_fini(&scene);
}

Test(idle_conns, none_is_kept_once_the_office_closed)
{
    struct request requests[2], late;
    struct scene scene;

    scene_init(&scene);
    serve_at_once(&scene, requests, 2, OK);
    request_start(&late, scene.office, &scene.pool);
    back_office_close(scene.office->back);
    cr_assert_eq(back_office_idle(scene.office->back), 0);
    request_answer(&late, &scene.server, 1, OK);
    cr_assert_eq(back_office_idle(scene.office->back), 0);
    scene_fini(&scene);
}
