/* Large, many and slow: memory and processor time stay bounded, and every byte is the one that was sent. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "e2e/content.h"
#include "e2e/portico.h"

SUITE(load);

enum { GIB = 1 << 30, RSS_LIMIT_KIB = 32 * 1024 };

static void play_download(struct wire *wire, struct backend *backend)
{
    if (!request_read(wire))
        return;
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", GIB);
    content_send(wire, GIB, &backend->sent);
}

static void play_upload(struct wire *wire, struct backend *backend)
{
    if (!wire_read_until(wire, "\r\n\r\n"))
        return;
    wire->record = NULL;
    wire_send(wire, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n%010llu",
              (unsigned long long)content_check(wire, GIB));
}

Test(load, a_gib_down_is_the_same_and_needs_little_memory)
{
    struct backend *backend;
    struct process *portico;
    struct wire *wire;
    int port = scene_port();

    scene_needs_plain_build();
    content_init();
    backend = backend_playing(play_download);
    portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    wire = wire_connect(port);
    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert_not_null(wire_read_until(wire, "\r\n\r\n"));
    cr_expect_eq(content_check(wire, GIB), GIB);
    cr_expect_lt(peak_rss_kib(portico->pid), RSS_LIMIT_KIB, "%ld KiB", peak_rss_kib(portico->pid));
}

Test(load, a_gib_up_is_the_same_and_needs_little_memory)
{
    struct backend *backend;
    struct process *portico;
    struct wire *wire;
    int port = scene_port();

    scene_needs_plain_build();
    content_init();
    backend = backend_playing(play_upload);
    portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    wire = wire_connect(port);
    wire_send(wire, "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n", GIB);
    cr_expect(content_send(wire, GIB, NULL));
    cr_expect_str_eq(answer_read(wire).body, "1073741824");
    cr_expect_lt(peak_rss_kib(portico->pid), RSS_LIMIT_KIB, "%ld KiB", peak_rss_kib(portico->pid));
}

Test(load, curl_and_node_agree_on_a_large_upload_over_tls)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:a.test");
    struct app app = app_start();
    const int bytes = scene_has_sanitizers() ? 6000000 : 60000000;
    int port = scene_port();
    struct run run;

    portico_start("routes: {\"https://a.test:%d\": %d}\ncertificates: [{cert: %s, key: %s}]\n", port,
                  app.port, leaf.cert, leaf.key);
    run = sh_within(45000,
                    "head -c %d /dev/urandom >up && curl -sS --cacert %s --resolve a.test:%d:127.0.0.1 -T up"
                    " https://a.test:%d/sha && echo && sha256sum <up",
                    bytes, ca.cert, port, port);
    cr_assert_eq(run.status, 0, "%s", run.all);
    cr_expect_eq(strncmp(run.out, run.out + 65, 64), 0, "%s", run.out);
}

/* ---- those who do not read, and those who leave ---- */

/** Waits until the count stands still for a while; what it came to. */
static unsigned long long settled(const atomic_ullong *count)
{
    for (unsigned long long last = 0;; last = *count) {
        if (!WAIT_FOR(*count != last, 300))
            return last;
    }
}

Test(load, a_reader_that_stops_holds_the_backend_back)
{
    struct backend *backend;
    struct process *portico;
    struct wire *slow;
    int port = scene_port();
    unsigned long long taken;

    scene_needs_plain_build();
    content_init();
    backend = backend_playing(play_download);
    portico = portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    slow = wire_connect(port);
    wire_send(slow, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert_not_null(wire_read_until(slow, "\r\n\r\n"));
    cr_assert(WAIT_FOR(backend->sent > 0, PATIENCE_MS));
    taken = settled(&backend->sent);
    cr_expect_lt(taken, 64u << 20, "%llu bytes left the backend", taken);
    cr_expect_lt(peak_rss_kib(portico->pid), RSS_LIMIT_KIB);
    wire_reset(slow);
    cr_expect(WAIT_FOR(backend->open == 0, PATIENCE_MS), "the backend's side ends when the client leaves");
}

static void play_never_read(struct wire *wire, struct backend *backend)
{
    WAIT_FOR(backend->sent > 0, 20000);
}

/** Sends the stream until nothing more goes out for a while; how much went. */
static unsigned long long stream_push(struct wire *wire, unsigned long long limit)
{
    unsigned long long sent = 0;

    while (sent < limit) {
        struct pollfd ready = {.fd = wire->fd, .events = POLLOUT};
        ssize_t part = poll(&ready, 1, 300) > 0
                           ? send(wire->fd, content_at(sent), CONTENT_PART, MSG_DONTWAIT | MSG_NOSIGNAL)
                           : 0;

        if (part <= 0)
            break;
        sent += (unsigned long long)part;
    }
    return sent;
}

Test(load, a_backend_that_does_not_read_holds_the_client_back)
{
    struct backend *deaf = backend_playing(play_never_read), *backend = backend_saying("ok");
    struct process *portico;
    struct wire *wire;
    int port = scene_port();
    unsigned long long sent;

    scene_needs_plain_build();
    content_init();
    portico = portico_start("routes: {\"http://a.test:%d\": %d, \"http://b.test:%d\": %d}\n", port,
                            deaf->port, port, backend->port);
    wire = wire_connect(port);
    wire_send(wire, "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n", GIB);
    sent = stream_push(wire, GIB);
    cr_expect_lt(sent, 64u << 20, "%llu bytes left the client", sent);
    cr_expect_lt(peak_rss_kib(portico->pid), RSS_LIMIT_KIB);
    deaf->sent = 1;
    assert_honest(port, "b.test", "ok");
}

static void play_answer_late(struct wire *wire, struct backend *backend)
{
    request_read(wire);
    wire_read_until_within(wire, "never", 20000); /* until Portico gives up */
}

Test(load, a_client_that_leaves_before_the_answer_frees_the_backend)
{
    struct backend *backend = backend_playing(play_answer_late);
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    for (int i = 0; i < 20; i++) {
        struct wire *wire = wire_connect(port);

        wire_send(wire, "GET /%d HTTP/1.1\r\nHost: a.test\r\n\r\n", i);
        cr_assert(backend_sees(backend, scene_text("GET /%d ", i)));
        wire_reset(wire); /* a FIN alone may be a half-close, whose answer is still wanted */
    }
    cr_expect(WAIT_FOR(backend->open == 0, PATIENCE_MS), "%d are still open", backend->open);
}

/* ---- many ---- */

static void request_on(struct wire *wire)
{
    struct answer answer;

    wire_send(wire, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    answer = answer_read(wire);
    cr_assert_eq(answer.status, 200);
}

Test(load, ten_thousand_idle_connections_cost_under_a_kib_each)
{
    static struct wire *wires[10000];
    enum { COUNT = sizeof wires / sizeof *wires, WARM = 500 };
    struct backend *backend;
    struct process *portico;
    long before_kib, after_kib;
    double bytes_each;

    scene_alone(); /* so many ports are not to be shared */
    scene_needs_plain_build();
    backend = backend_saying("ok");
    portico = portico_start(
        "routes: {\"http://a.test:8000\": %d}\nlog: {access: off}\n"
        "limits: {connections: 12000}\n", /* auto would keep a descriptor for the back of each */
        backend->port);
    for (int i = 0; i < WARM; i++)
        request_on(wires[i] = wire_connect(8000));
    before_kib = rss_kib(portico->pid);
    for (int i = WARM; i < COUNT; i++)
        request_on(wires[i] = wire_connect(8000));
    after_kib = rss_kib(portico->pid);
    bytes_each = (double)(after_kib - before_kib) * 1024 / (COUNT - WARM);
    cr_expect_lt(bytes_each, 1024, "%.0f bytes a connection", bytes_each);
    for (int i = 0; i < COUNT; i++)
        request_on(wires[i]);
    for (int i = 0; i < COUNT; i++)
        wire_reset(wires[i]);
    cr_expect(WAIT_FOR(fd_count(portico->pid) < 200, PATIENCE_MS), "%d descriptors stay",
              fd_count(portico->pid));
    assert_honest(8000, "a.test", "ok");
}

Test(load, at_the_descriptor_limit_it_waits_without_spinning)
{
    enum { CLIENTS = 200 };
    struct wire *wires[CLIENTS];
    struct backend *backend = backend_saying("ok");
    int port = scene_port();
    struct process *portico = portico_start_by(
        "ulimit -n 64; exec", "workers: 1\nroutes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    long before_ms, spent_ms;

    for (int i = 0; i < CLIENTS; i++)
        wires[i] = wire_connect(port);
    cr_assert(portico_logs(portico, "accept_paused"));
    cr_expect_leq(fd_count(portico->pid), 64);
    before_ms = cpu_ms(portico->pid);
    cr_expect(wire_is_silent(wires[CLIENTS - 1], 1000), "the last one waits");
    spent_ms = cpu_ms(portico->pid) - before_ms;
    cr_expect_lt(spent_ms, 200, "%ld ms of processor time in a second of waiting", spent_ms);
    for (int i = 0; i < CLIENTS; i++)
        wire_reset(wires[i]);
    cr_expect(WAIT_FOR(get(port, "a.test", "/").status == 200, PATIENCE_MS));
    assert_honest(port, "a.test", "ok");
    cr_expect_eq(portico_stop(portico), 0);
}

Test(load, no_descriptor_is_left_behind)
{
    struct backend *backend = backend_saying("ok");
    struct app app = app_start();
    int port = scene_port(), dead = scene_port();
    struct process *portico =
        portico_start("workers: 1\nroutes: {\"http://a.test:%d\": %d, \"http://dead.test:%d\": %d,"
                      " \"http://app.test:%d\": %d}\n",
                      port, backend->port, port, dead, port, app.port);
    int before;

    assert_honest(port, "a.test", "ok");
    assert_honest(port, "app.test", "app");
    before = fd_count(portico->pid);
    for (int i = 0; i < 100; i++) {
        struct wire *wire = wire_connect(port);

        get(port, "dead.test", "/");
        wire_send(wire, "GET /big?n=1000000 HTTP/1.1\r\nHost: app.test\r\n\r\n");
        cr_assert_not_null(wire_read_until(wire, "\r\n\r\n"));
        wire_reset(wire);
    }
    cr_expect(WAIT_FOR(fd_count(portico->pid) <= before + 2, PATIENCE_MS), "%d before, %d now", before,
              fd_count(portico->pid));
    assert_honest(port, "a.test", "ok");
}
