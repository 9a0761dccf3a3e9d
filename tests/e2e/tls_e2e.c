/* TLS at the front and towards backends: who gets which certificate, and who gets none. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/tls_wire.h"

SUITE(tls);

static bool run_says(struct run run, const char *text)
{
    return strstr(run.all, text) != NULL;
}

/** One name, one backend that says "ok", one port. */
struct site {
    struct certificate ca, leaf;
    struct backend *backend;
    struct process *portico;
    int port;
};

static struct site site_start(const char *more)
{
    struct site site = {
        .ca = authority_make("test authority"), .backend = backend_saying("ok"), .port = scene_port()};

    site.leaf = certificate_make(&site.ca, "ec", "DNS:a.test");
    site.portico = portico_start(
        "local_ca: false\nroutes:\n  https://a.test:%d: %d\ncertificates: [{cert: %s, key: %s}]\n%s",
        site.port, site.backend->port, site.leaf.cert, site.leaf.key, more);
    return site;
}

static char *curl(const char *ca, const char *name, int port, const char *options)
{
    return sh("curl -sS --cacert %s --resolve %s:%d:127.0.0.1 %s https://%s:%d/", ca, name, port, options,
              name, port)
        .all;
}

/** The names of the certificate that is served. */
static char *names_served(int port, const char *name)
{
    return sh("openssl s_client -connect 127.0.0.1:%d -servername %s </dev/null 2>&1 |"
              " openssl x509 -noout -ext subjectAltName",
              port, name)
        .all;
}

/* ---- certificates by name ---- */

Test(tls, names_of_one_address_have_their_own_certificates)
{
    struct certificate ca = authority_make("test authority");
    struct certificate a = certificate_make(&ca, "ec", "DNS:a.test"),
                       b = certificate_make(&ca, "rsa", "DNS:b.test,DNS:c.test");
    struct backend *first = backend_saying("first"), *second = backend_saying("second");
    int port = scene_port();

    sh("mkdir certs && cp %s certs/b.crt && cp %s certs/b.key", b.cert, b.key);
    portico_start("routes:\n"
                  "  https://a.test:%d: %d\n"
                  "  https://b.test:%d: %d\n"
                  "  https://c.test:%d: %d\n"
                  "certificates: [{cert: %s, key: %s}, certs/]\n",
                  port, first->port, port, second->port, port, second->port, a.cert, a.key);
    cr_expect_str_eq(curl(ca.cert, "a.test", port, ""), "first");
    cr_expect_str_eq(curl(ca.cert, "b.test", port, ""), "second");
    cr_expect_str_eq(curl(ca.cert, "c.test", port, "--tlsv1.2 --tls-max 1.2"), "second");
    cr_expect_not_null(strstr(names_served(port, "a.test"), "DNS:a.test\n"));
    cr_expect_not_null(strstr(names_served(port, "b.test"), "DNS:b.test, DNS:c.test\n"));
}

/* OpenSSL 3.0 says "RSA-PSS" and "ECDSA", 3.5 "rsa_pss_rsae_sha256" and "ecdsa_secp256r1_sha256". */
static bool signs(int port, const char *options, const char *kind)
{
    struct run run = tls_probe(port, "a.test", options);
    const char *said = strstr(run.all, "Peer signature type: ");

    return said && strncasecmp(said + strlen("Peer signature type: "), kind, strlen(kind)) == 0;
}

Test(tls, the_client_chooses_between_rsa_and_ecdsa)
{
    struct certificate ca = authority_make("test authority");
    struct certificate ec = certificate_make(&ca, "ec", "DNS:a.test"),
                       rsa = certificate_make(&ca, "rsa", "DNS:a.test");
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes: {\"https://a.test:%d\": %d}\n"
                  "certificates: [{cert: %s, key: %s}, {cert: %s, key: %s}]\n",
                  port, backend->port, rsa.cert, rsa.key, ec.cert, ec.key);
    cr_expect(signs(port, "-sigalgs RSA-PSS+SHA256", "RSA"));
    cr_expect(signs(port, "-sigalgs ECDSA+SHA256", "ECDSA"));
    cr_expect(signs(port, "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256", "RSA"));
    cr_expect(signs(port, "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA"));
    cr_expect_str_eq(curl(ca.cert, "a.test", port, ""), "ok");
}

Test(tls, a_wildcard_certificate_covers_one_label)
{
    struct certificate ca = authority_make("test authority");
    struct certificate wild = certificate_make(&ca, "ec", "DNS:*.dev.test");
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start(
        "local_ca: false\nroutes: {\"https://*.dev.test:%d\": %d}\ncertificates: [{cert: %s, key: %s}]\n",
        port, backend->port, wild.cert, wild.key);
    cr_expect_str_eq(curl(ca.cert, "x.dev.test", port, ""), "ok");
    cr_expect(run_says(tls_probe(port, "x.y.dev.test", ""), "unrecognized name"),
              "no certificate covers two labels");
    cr_expect_str_eq(curl(ca.cert, "y.dev.test", port, ""), "ok");
}

Test(tls, a_name_without_route_or_certificate_is_refused)
{
    struct site site = site_start("");
    struct run run = tls_probe(site.port, "stranger.test", "");

    cr_expect(run_says(run, "unrecognized name"), "%s", run.all);
    cr_expect_not(run_says(run, "BEGIN CERTIFICATE"), "no certificate is shown");
    cr_expect(run_says(tls_probe(site.port, "stranger.test", "-tls1_2"), "unrecognized name"));
    cr_expect_not(run_says(tls_probe(site.port, "", ""), "BEGIN CERTIFICATE"), "nor without any name");
    cr_expect(portico_logs(site.portico, "unknown_sni") || portico_access_logs(site.portico, "unknown_sni"));
    cr_expect_str_eq(curl(site.ca.cert, "a.test", site.port, ""), "ok");
}

Test(tls, the_default_certificate_is_for_those_who_ask_for_nothing_known)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:fallback.test");
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes: {\"https://:%d\": %d}\ndefault_certificate: {cert: %s, key: %s}\n", port,
                  backend->port, leaf.cert, leaf.key);
    cr_expect_not_null(strstr(names_served(port, "anything.example"), "DNS:fallback.test\n"));
    cr_expect_str_eq(sh("curl -sSk https://127.0.0.1:%d/", port).all, "ok", "an address is no name to send");
    cr_expect_not_null(strstr(sh("curl -sSki -H 'Host: a.test' https://127.0.0.1:%d/", port).all, " 421 "),
                       "nobody asked for that name");
}

/* ---- versions, suites, resumption ---- */

Test(tls, old_versions_are_refused)
{
    struct site site = site_start("");

    cr_expect(
        run_says(tls_probe(site.port, "a.test", "-tls1 -cipher DEFAULT@SECLEVEL=0"), "protocol version"));
    cr_expect(
        run_says(tls_probe(site.port, "a.test", "-tls1_1 -cipher DEFAULT@SECLEVEL=0"), "protocol version"));
    cr_expect(run_says(tls_probe(site.port, "a.test", "-tls1_2"), "Protocol  : TLSv1.2"));
    cr_expect(run_says(tls_probe(site.port, "a.test", "-tls1_3"), "New, TLSv1.3"));
    cr_expect(run_says(tls_probe(site.port, "a.test", "-tls1_2 -cipher AES128-SHA"), "handshake failure"));
    cr_expect(run_says(tls_probe(site.port, "a.test", "-alpn http/1.1"), "ALPN protocol: http/1.1"));
    cr_expect_str_eq(curl(site.ca.cert, "a.test", site.port, ""), "ok");
}

Test(tls, sessions_resume_for_their_name_only)
{
    static const char *const versions[] = {"-tls1_2", "-tls1_3"};
    struct certificate ca = authority_make("test authority");
    struct certificate a = certificate_make(&ca, "ec", "DNS:a.test"),
                       b = certificate_make(&ca, "ec", "DNS:b.test");
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes: {\"https://a.test:%d\": %d, \"https://b.test:%d\": %d}\n"
                  "certificates: [{cert: %s, key: %s}, {cert: %s, key: %s}]\n",
                  port, backend->port, port, backend->port, a.cert, a.key, b.cert, b.key);
    for (int i = 0; i < 2; i++) {
        cr_expect(
            run_says(tls_get(port, "a.test", scene_text("%s -sess_out session", versions[i])), "New, "));
        cr_expect(
            run_says(tls_get(port, "a.test", scene_text("%s -sess_in session", versions[i])), "Reused, "),
            "%s", versions[i]);
        cr_expect_not(
            run_says(tls_get(port, "b.test", scene_text("%s -sess_in session", versions[i])), "Reused, "),
            "%s", versions[i]);
    }
    cr_expect_str_eq(curl(ca.cert, "b.test", port, ""), "ok");
}

/* ---- HTTP over it ---- */

Test(tls, a_host_that_the_certificate_does_not_cover_is_421)
{
    struct certificate ca = authority_make("test authority");
    struct certificate a = certificate_make(&ca, "ec", "DNS:a.test,DNS:also.test"),
                       b = certificate_make(&ca, "ec", "DNS:b.test");
    struct backend *mine = backend_saying("mine"), *other = backend_saying("other");
    int port = scene_port();

    portico_start(
        "routes: {\"https://a.test:%d\": %d, \"https://also.test:%d\": %d, \"https://b.test:%d\": %d}\n"
        "certificates: [{cert: %s, key: %s}, {cert: %s, key: %s}]\n",
        port, mine->port, port, mine->port, port, other->port, a.cert, a.key, b.cert, b.key);
    cr_expect_str_eq(curl(ca.cert, "a.test", port, "-o /dev/null -w '%{http_code}' -H 'Host: b.test'"),
                     "421");
    cr_expect_str_eq(curl(ca.cert, "a.test", port, "-H 'Host: also.test'"), "mine",
                     "what it covers may be asked for");
    cr_expect_eq(other->requests, 0);
    cr_expect_str_eq(curl(ca.cert, "b.test", port, ""), "other");
}

Test(tls, plain_http_on_a_tls_port_is_told_so)
{
    struct site site = site_start("");
    struct answer answer = get(site.port, "a.test", "/");

    cr_expect_eq(answer.status, 400);
    cr_expect_not_null(strstr(answer.body, "https"), "%s", answer.body);
    cr_expect_eq(site.backend->requests, 0);
    cr_expect_str_eq(curl(site.ca.cert, "a.test", site.port, ""), "ok");
}

Test(tls, the_backend_is_told_of_https)
{
    struct site site = site_start("");

    curl(site.ca.cert, "a.test", site.port, "");
    cr_expect_str_eq(field_of(backend_last_head(site.backend), "X-Forwarded-Proto"), "https");
}

Test(tls, a_handshake_that_does_not_go_on_is_ended)
{
    struct site site = site_start("timeouts: {handshake: 300ms}\n");
    struct bytes hello = client_hello("a.test");
    struct wire *wire = wire_connect(site.port);

    wire_send_bytes(wire, hello.bytes, hello.count / 2);
    cr_expect(WAIT_FOR(!wire_take(wire), PATIENCE_MS));
    cr_expect_str_eq(curl(site.ca.cert, "a.test", site.port, ""), "ok");
}

Test(tls, a_handshake_under_way_does_not_hold_up_the_stop)
{
    struct site site = site_start("timeouts: {handshake: 60s, drain: 60s}\n");
    struct bytes hello = client_hello("a.test");
    struct wire *wire = wire_connect(site.port);

    wire_send_bytes(wire, hello.bytes, hello.count);
    cr_expect_not_null(wire_read_bytes(wire, 5), "the server's first record");
    cr_expect_eq(portico_stop(site.portico), 0);
}

Test(tls, the_access_log_names_the_server_and_version_of_a_last_request)
{
    struct site site = site_start("log: {access: {to: access.json, format: json}}\n");

    cr_expect_str_eq(curl(site.ca.cert, "a.test", site.port, "-H 'Connection: close'"), "ok");
    cr_expect(file_says("access.json", "\"server_name\":\"a.test\"", PATIENCE_MS));
    cr_expect_not_null(strstr(file_read("access.json"), "\"tls\":\"TLSv1."));
}

/* ---- the local authority ---- */

Test(tls, the_local_authority_makes_what_localhost_names_need)
{
    struct backend *backend = backend_saying("local");
    int port = scene_port();
    char *ca;
    struct run trust;

    portico_start("routes: {\"https://localhost:%d\": %d, \"https://*.localhost:%d\": %d,"
                  " \"https://*.test:%d\": %d}\n"
                  "local_ca: true\nstate: %s\n",
                  port, backend->port, port, backend->port, port, backend->port, scene_path("state"));
    ca = sh("find state -name ca.crt").out;
    ca = scene_path(scene_text("%.*s", (int)strcspn(ca, "\n"), ca));
    cr_expect_str_eq(curl(ca, "app.localhost", port, ""), "local");
    cr_expect_str_eq(curl(ca, "deep.down.test", port, ""), "local");
    trust = portico_cli("trust -c portico.yaml");
    cr_expect_eq(trust.status, 0, "%s", trust.all);
    cr_expect(run_says(trust, ca) || run_says(trust, "BEGIN CERTIFICATE"), "%s", trust.all);
    cr_expect_str_eq(sh("stat -c %%a $(find state -name ca.key)").out, "600\n");
    cr_expect_str_eq(sh("wget -q -O - --ca-certificate=%s https://localhost:%d/", ca, port).all, "local");
}

Test(tls, the_local_authority_stays_the_same_over_restarts)
{
    struct backend *backend = backend_saying("local");
    int port = scene_port();
    struct process *portico;

    portico = portico_start("routes: {\"https://localhost:%d\": %d}\nlocal_ca: true\nstate: %s\n", port,
                            backend->port, scene_path("state"));
    cr_expect_eq(portico_stop(portico), 0);
    sh("cp $(find state -name ca.crt) kept.crt");
    portico_serve("exec");
    cr_expect_str_eq(sh("curl -sS --cacert kept.crt https://localhost:%d/", port).all, "local");
}

/* ---- pass-through and tcps ---- */

Test(tls, pass_through_reaches_the_backends_own_tls)
{
    struct certificate ca = authority_make("vault authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:vault.test");
    int port = scene_port(), inner = scene_port();

    nginx_start(inner,
                "server { listen 127.0.0.1:%d ssl http2; ssl_certificate %s; ssl_certificate_key %s;"
                " return 200 \"vault $ssl_server_name\"; }",
                inner, leaf.cert, leaf.key);
    portico_start("routes: {\"tls://vault.test:%d\": %d}\n", port, inner);
    cr_expect_str_eq(curl(ca.cert, "vault.test", port, ""), "vault vault.test");
    cr_expect_str_eq(curl(ca.cert, "vault.test", port, "--tls-max 1.2"), "vault vault.test");
    cr_expect(run_says(tls_probe(port, "other.test", ""), "unrecognized name"));
}

static void play_echo_back(struct wire *wire, struct backend *backend)
{
    while (WAIT_FOR(!wire_take(wire) || wire->at < wire->length, 20000) && wire->at < wire->length) {
        wire_send_bytes(wire, wire->bytes + wire->at, wire->length - wire->at);
        wire->at = wire->length;
    }
}

Test(tls, pass_through_keeps_every_byte)
{
    struct backend *backend = backend_playing(play_echo_back);
    struct bytes hello = client_hello("vault.test");
    int port = scene_port();
    struct wire *wire;
    const char *back;

    portico_start("routes: {\"tls://vault.test:%d\": %d}\n", port, backend->port);
    wire = wire_connect(port);
    wire_send_bytes(wire, hello.bytes, hello.count);
    wire_send(wire, "and more");
    back = wire_read_bytes(wire, hello.count + 8);
    cr_assert_not_null(back);
    cr_expect_eq(memcmp(back, hello.bytes, hello.count), 0);
    cr_expect_eq(backend->seen.length, hello.count + 8, "the backend got these bytes and no others");
    wire_shut(wire);
    cr_expect(wire_sees_end(wire), "half-close goes through");
}

Test(tls, tcps_ends_tls_and_passes_the_inside)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:db.test");
    struct backend *backend = backend_playing(play_echo_back);
    int port = scene_port();

    portico_start("routes: {\"tcps://db.test:%d\": %d}\ncertificates: [{cert: %s, key: %s}]\n", port,
                  backend->port, leaf.cert, leaf.key);
    sh("printf 'hello inside\\n' | openssl s_client -quiet -verify_return_error -CAfile %s -connect "
       "127.0.0.1:%d"
       " -servername db.test -no_ign_eof 2>/dev/null",
       ca.cert, port);
    cr_expect(backend_sees(backend, "hello inside\n"));
    cr_expect_eq(strncmp(backend_seen(backend), "hello inside\n", 13), 0);
    cr_expect(run_says(tls_probe(port, "other.test", ""), "unrecognized name"));
}

/* ---- towards backends ---- */

/** An nginx that says "inside" over TLS, for localhost, with a certificate of that authority. */
static int inner_tls_start(const struct certificate *ca, const char *names)
{
    struct certificate leaf = certificate_make(ca, "ec", names);
    int port = scene_port();

    nginx_start(port,
                "server { listen 127.0.0.1:%d ssl; ssl_certificate %s; ssl_certificate_key %s;"
                " return 200 \"inside $ssl_server_name\"; }",
                port, leaf.cert, leaf.key);
    return port;
}

Test(tls, a_backends_certificate_is_verified)
{
    struct certificate ca = authority_make("inner authority");
    int inner = inner_tls_start(&ca, "DNS:localhost"), port = scene_port();
    struct process *portico = portico_start("routes:\n"
                                            "  http://good.test:%d: {to: https://localhost:%d, ca: %s}\n"
                                            "  http://roots.test:%d: https://localhost:%d\n"
                                            "  http://off.test:%d: {to: https://localhost:%d, verify: off}\n",
                                            port, inner, ca.cert, port, inner, port, inner);

    cr_expect_str_eq(get(port, "good.test", "/").body, "inside localhost");
    cr_expect_eq(get(port, "roots.test", "/").status, 502);
    cr_expect(portico_logs(portico, "get local issuer certificate"), "the log says why: %s",
              transcript_copy(&portico->err));
    cr_expect_str_eq(get(port, "off.test", "/").body, "inside localhost");
    cr_expect(portico_logs(portico, "verify"), "verify: off is said aloud");
}

Test(tls, a_backends_certificate_must_be_for_its_name)
{
    struct certificate ca = authority_make("inner authority");
    int inner = inner_tls_start(&ca, "DNS:someone.else"), port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": {to: \"https://localhost:%d\", ca: %s}}\n", port, inner,
                  ca.cert);
    cr_expect_eq(get(port, "a.test", "/").status, 502);
}

/* ---- sessions ---- */

/* A client uses a ticket of TLS 1.3 once: whoever resumes with one is given the next. */
Test(tls, who_resumes_is_given_another_ticket)
{
    struct site site = site_start("");
    const char *session = scene_path("session");
    struct run run =
        tls_get(site.port, "a.test", scene_text("-CAfile %s -sess_out %s", site.ca.cert, session));

    cr_assert(run_says(run, "New, TLSv1.3"), "%s", run.all);
    for (int i = 0; i < 3; i++) {
        run = tls_get(site.port, "a.test",
                      scene_text("-CAfile %s -sess_in %s -sess_out %s", site.ca.cert, session, session));
        cr_expect(run_says(run, "Reused, TLSv1.3"), "time %d: %s", i, run.all);
        cr_expect(run_says(run, "New Session Ticket arrived"), "time %d: %s", i, run.all);
    }
}
