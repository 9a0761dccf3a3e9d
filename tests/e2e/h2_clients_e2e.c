/* HTTP/2 in front of clients that nobody here wrote: curl, nghttp, h2load. Node.js and Chromium have suites of their own
 * (tests/h2, tests/browser). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "e2e/portico.h"
#include "e2e/server.h"

SUITE(h2_clients);

enum { LONG_MS = 30000 }; /* for megabytes, on a busy machine */

struct site {
    int clear, secure;
    struct certificate authority;
    struct process *portico;
};

static struct site site_open(int backend)
{
    struct site site = {
        .clear = scene_port(), .secure = scene_port(), .authority = authority_make("authority")};
    const struct certificate leaf = certificate_make(&site.authority, "ec", "DNS:localhost");

    site.portico = portico_start("routes:\n  http://localhost:%d: %d\n  https://localhost:%d: %d\n"
                                 "certificates: [{cert: %s, key: %s}]\n",
                                 site.clear, backend, site.secure, backend, leaf.cert, leaf.key);
    return site;
}

static const char *url_of(const struct site *site, bool is_secure, const char *path)
{
    return scene_text("%s://localhost:%d%s", is_secure ? "https" : "http",
                      is_secure ? site->secure : site->clear, path);
}

/* ---- curl ---- */

/** "VERSION STATUS", then the content. */
static struct run curl(const struct site *site, const char *options, bool is_secure, const char *path)
{
    return sh_within(LONG_MS,
                     "curl -sS --max-time 28 --cacert %s %s -w '%%{stderr}%%{http_version} %%{http_code}' %s",
                     site->authority.cert, options, url_of(site, is_secure, path));
}

static void expect_curl(const struct site *site, const char *options, bool is_secure, const char *version)
{
    struct run run = curl(site, options, is_secure, "/");

    cr_expect_str_eq(run.err, version, "curl %s: %s", options, run.err);
    cr_expect_str_eq(run.out, "hello");
}

Test(h2_clients, curl_gets_the_version_that_it_asks_for)
{
    struct site site = site_open(backend_saying("hello")->port);

    expect_curl(&site, "--http2", true, "2 200");
    expect_curl(&site, "", true, "2 200");
    expect_curl(&site, "--http1.1", true, "1.1 200");
    expect_curl(&site, "--http2-prior-knowledge", false, "2 200");
    expect_curl(&site, "", false, "1.1 200");
    expect_curl(&site, "--http2", false,
                "1.1 200"); /* Upgrade: h2c, which RFC 9113 §3.1 has done away with */
    cr_expect(portico_access_logs(site.portico, "HTTP/2"), "the access log says which version it was");
    cr_expect_eq(portico_stop(site.portico), 0);
}

/* By nghttp: curl 7.88 spoils what it sends over HTTP/2 once its socket is full, whoever serves it. */
Test(h2_clients, five_mebibytes_go_up_and_come_back)
{
    struct app app = app_start();
    struct site site = site_open(app.port);
    const char *file = scene_path("sent");
    struct run digest;

    cr_assert_eq(sh("head -c 5242880 /dev/urandom > %s", file).status, 0);
    digest = sh("sha256sum < %s | cut -c -64 | tr -d '\n'", file);
    for (int is_secure = 0; is_secure < 2; is_secure++) {
        struct run run = sh_within(LONG_MS, "nghttp -t 28 -d %s %s", file, url_of(&site, is_secure, "/sha"));

        cr_expect_str_eq(run.out, digest.out, "%s", run.all);
        run = sh_within(LONG_MS, "nghttp -t 28 -d %s %s | cmp - %s", file, url_of(&site, is_secure, "/echo"),
                        file);
        cr_expect_eq(run.status, 0, "%s", run.all);
    }
}

Test(h2_clients, curl_sends_and_gets)
{
    struct app app = app_start();
    struct site site = site_open(app.port);
    const char *file = scene_path("sent");

    cr_assert_eq(sh("head -c 10000 /dev/urandom > %s", file).status, 0);
    for (int is_secure = 0; is_secure < 2; is_secure++) {
        struct run run = sh("curl -sS --cacert %s %s --data-binary @%s %s | cmp - %s", site.authority.cert,
                            is_secure ? "--http2" : "--http2-prior-knowledge", file,
                            url_of(&site, is_secure, "/echo"), file);

        cr_expect_eq(run.status, 0, "%s", run.all);
    }
}

/* The answer comes at once, from the length alone or from what has come, while curl is sending. */
Test(h2_clients, curl_sees_the_answer_to_content_over_the_limit)
{
    struct certificate ca = authority_make("authority");
    const struct certificate leaf = certificate_make(&ca, "ec", "DNS:localhost");
    struct site site = {.clear = scene_port(), .secure = scene_port(), .authority = ca};
    const int backend = backend_saying("hello")->port;

    site.portico = portico_start("routes:\n  http://localhost:%d: %d\n  https://localhost:%d: %d\n"
                                 "certificates: [{cert: %s, key: %s}]\nlimits: {body: 10KiB}\n",
                                 site.clear, backend, site.secure, backend, leaf.cert, leaf.key);
    cr_assert_eq(sh("head -c 5242880 /dev/urandom > sent").status, 0);
    for (int is_secure = 0; is_secure < 2; is_secure++) {
        const char *version = is_secure ? "--http2" : "--http2-prior-knowledge";

        cr_expect_str_eq(curl(&site, scene_text("%s -T sent", version), is_secure, "/").err, "2 413");
        cr_expect_str_eq(curl(&site, scene_text("%s -T - < sent", version), is_secure, "/").err, "2 413");
    }
}

/* ---- nghttp ---- */

static int count_of(const char *text, const char *word)
{
    int count = 0;

    for (const char *at = text; (at = strstr(at, word)); at++)
        count++;
    return count;
}

Test(h2_clients, nghttp_sees_the_frames_that_it_should)
{
    struct app app = app_start();
    struct site site = site_open(app.port);

    for (int is_secure = 0; is_secure < 2; is_secure++) {
        struct run run = sh_within(LONG_MS, "nghttp -nv -t 28 %s", url_of(&site, is_secure, "/chunked"));

        cr_expect_eq(run.status, 0, "%s", run.all);
        cr_expect(strstr(run.out, "recv SETTINGS frame"));
        cr_expect(strstr(run.out, "SETTINGS_ENABLE_CONNECT_PROTOCOL(0x08):1"), "%s", run.out);
        cr_expect(strstr(run.out, "SETTINGS_MAX_CONCURRENT_STREAMS(0x03):100"), "%s", run.out);
        cr_expect(strstr(run.out, ":status: 200"));
        cr_expect(strstr(run.out, "; END_STREAM"));
        cr_expect_null(strstr(run.out, "recv RST_STREAM"), "%s", run.out);
        cr_expect_null(strstr(run.out, "recv GOAWAY"), "%s", run.out);
    }
}

Test(h2_clients, nghttp_sends_trailers_and_content)
{
    struct app app = app_start();
    struct site site = site_open(app.port);
    struct run run = sh_within(LONG_MS,
                               "printf 'some content' > body; nghttp -v -t 28 --no-content-length -d body "
                               "--trailer 'x-check: yes' -H 'te: trailers' %s",
                               url_of(&site, true, "/trailers"));

    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect(strstr(run.out, "x-sum: 42"), "%s", run.out);
    cr_expect(strstr(run.out, "x-got: yes"), "%s", run.out);
}

Test(h2_clients, nghttp_asks_for_many_at_once)
{
    struct app app = app_start();
    struct site site = site_open(app.port);
    struct run run;

    /* More than may be at once: each that ends makes room for another, which is not refused. */
    for (int i = 0; i < 5; i++) {
        run = sh_within(LONG_MS, "nghttp -nv -t 28 -m 150 %s", url_of(&site, true, "/big?n=30000"));
        cr_expect_eq(run.status, 0, "%s", run.err);
        cr_expect_eq(count_of(run.out, ":status: 200"), 150, "%d", count_of(run.out, ":status: 200"));
        cr_expect_null(strstr(run.out, "REFUSED_STREAM"));
    }
}

/* ---- h2load ---- */

enum { LOAD_SECONDS = 60 };

/** A fifth of them where everything takes its time. */
static void expect_load(const struct site *site, bool is_secure, const char *options, int most)
{
    const int requests = scene_has_sanitizers() ? most / 5 : most;
    struct run run =
        sh_within(1000 * LOAD_SECONDS, "h2load -n %d %s %s", requests, options, url_of(site, is_secure, "/"));

    cr_expect(strstr(run.out,
                     scene_text("%d done, %d succeeded, 0 failed, 0 errored, 0 timeout", requests, requests)),
              "%s", run.all);
    cr_expect(strstr(run.out, scene_text("%d 2xx, 0 3xx, 0 4xx, 0 5xx", requests)), "%s", run.out);
}

Test(h2_clients, h2load_has_ten_thousand_answers, .timeout = 2 * LOAD_SECONDS + 10)
{
    struct site site = site_open(server_start("hello", SERVER_ANSWERS)->port);

    expect_load(&site, false, "-c 1 -m 10", 10000);
    expect_load(&site, true, "-c 10 -m 10", 10000);
    cr_expect_eq(portico_stop(site.portico), 0);
}

Test(h2_clients, h2load_goes_on_with_a_hundred_streams_a_connection, .timeout = LOAD_SECONDS + 10)
{
    struct site site = site_open(server_start("hello", SERVER_ANSWERS)->port);

    expect_load(&site, true, "-c 4 -m 100", 4000);
}
