/* One port for http, https, tls, ssh and tcp: the first bytes decide, however they are cut. */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "e2e/tls_wire.h"

SUITE(shared_port);

static void play_greet(struct wire *wire, struct backend *backend)
{
    wire_send(wire, "SSH-2.0-greeter\r\n");
    wire_read_all(wire);
}

static void play_say_tcp(struct wire *wire, struct backend *backend)
{
    if (wire_read_until(wire, "\n"))
        wire_send(wire, "raw\n");
}

/** Every kind of route on one port. */
struct house {
    struct certificate ca, inner;
    struct backend *http, *https, *ssh, *tcp;
    struct process *portico;
    int port;
};

static struct house house_open(void)
{
    struct house house = {.ca = authority_make("test authority"),
                          .http = backend_saying("clear"),
                          .https = backend_saying("ended here"),
                          .ssh = backend_playing(play_greet),
                          .tcp = backend_playing(play_say_tcp),
                          .port = scene_port()};
    struct certificate leaf = certificate_make(&house.ca, "ec", "DNS:web.test");
    struct certificate vault = certificate_make(&house.ca, "ec", "DNS:vault.test");
    int nginx = scene_port(), port = house.port;

    nginx_start(
        nginx,
        "server { listen 127.0.0.1:%d ssl; ssl_certificate %s; ssl_certificate_key %s; return 200 passed; }",
        nginx, vault.cert, vault.key);
    house.portico = portico_start("routes:\n"
                                  "  http://web.test:%d: %d\n"
                                  "  https://web.test:%d: %d\n"
                                  "  tls://vault.test:%d: %d\n"
                                  "  ssh://:%d: %d\n"
                                  "  tcp://:%d: %d\n"
                                  "certificates: [{cert: %s, key: %s}]\n"
                                  "timeouts: {sniff: 2s}\n",
                                  port, house.http->port, port, house.https->port, port, nginx, port,
                                  house.ssh->port, port, house.tcp->port, leaf.cert, leaf.key);
    return house;
}

static char *https_get(const struct house *house, const char *name, int port)
{
    return sh("curl -sS --cacert %s --connect-to %s:443:127.0.0.1:%d https://%s/", house->ca.cert, name, port,
              name)
        .all;
}

Test(shared_port, each_kind_goes_to_its_own)
{
    struct house house = house_open();
    struct wire *wire;

    assert_honest(house.port, "web.test", "clear");
    cr_expect_str_eq(https_get(&house, "web.test", house.port), "ended here");
    cr_expect_str_eq(https_get(&house, "vault.test", house.port), "passed");
    wire = wire_connect(house.port);
    wire_send(wire, "SSH-2.0-client\r\n");
    cr_expect_str_eq(wire_read_until(wire, "\n"), "SSH-2.0-greeter\r\n");
    cr_expect(backend_sees(house.ssh, "SSH-2.0-client\r\n"), "with its first bytes");
    wire = wire_connect(house.port);
    wire_send(wire, "\x01\x02 something else\n");
    cr_expect_str_eq(wire_read_until(wire, "\n"), "raw\n");
    cr_expect_str_eq(backend_seen(house.tcp), "\x01\x02 something else\n");
}

Test(shared_port, http2_is_http_by_its_preface_and_by_alpn)
{
    struct house house = house_open();
    struct wire *wire = wire_connect(house.port);
    struct run run =
        sh("curl -sS --http2-prior-knowledge --connect-to web.test:80:127.0.0.1:%d -w ' %%{http_version}' "
           "http://web.test/",
           house.port);

    cr_expect_str_eq(run.all, "clear 2");
    run = sh("curl -sS --http2 --cacert %s --connect-to web.test:443:127.0.0.1:%d -w ' %%{http_version}' "
             "https://web.test/",
             house.ca.cert, house.port);
    cr_expect_str_eq(run.all, "ended here 2");
    wire_drip(wire, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 24 + 9);
    cr_expect(WAIT_FOR(!wire_take(wire) || wire->length >= 9 + 9, PATIENCE_MS));
    cr_expect(wire->length > 3 && wire->bytes[3] == 4, "SETTINGS, and no more of a request line");
    cr_expect_eq(backend_seen(house.tcp)[0], 0, "the raw route sees nothing of them");
}

/* Who speaks HTTP/2 alone says so in the handshake; what goes on inside, or is not ended here, is no affair of ours. */
Test(shared_port, http2_alone_goes_through_tls_and_tcps)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:vault.test");
    struct app app = h2_app_start(scene_text("--tls %s %s", leaf.cert, leaf.key));
    struct backend *greeter = backend_playing(play_say_tcp);
    int port = scene_port(), inner = scene_port();
    struct run run;

    portico_start("routes:\n  tls://vault.test:%d: %d\n  tcps://vault.test:%d: %d\n"
                  "certificates: [{cert: %s, key: %s}]\n",
                  port, app.port, inner, greeter->port, leaf.cert, leaf.key);
    run = sh("curl -sS --http2 --cacert %s --connect-to vault.test:443:127.0.0.1:%d -w ' %%{http_version}' "
             "https://vault.test/",
             ca.cert, port);
    cr_expect_str_eq(run.all, "h2 app 2");
    run = sh("(echo hello; sleep 1) | openssl s_client -quiet -connect 127.0.0.1:%d -servername vault.test "
             "-alpn h2",
             inner);
    cr_expect(strstr(run.out, "raw"), "%s", run.all);
}

Test(shared_port, one_byte_a_segment_makes_no_difference)
{
    static const char hello[] = "SSH-2.0-slow\r\n", request[] = "GET / HTTP/1.1\r\nHost: web.test\r\n\r\n",
                      raw[] = "PUSH something\n"; /* begins as a method might */
    struct house house = house_open();
    struct wire *wire = wire_connect(house.port);

    wire_drip(wire, hello, strlen(hello));
    cr_expect_str_eq(wire_read_until(wire, "\n"), "SSH-2.0-greeter\r\n");
    wire = wire_connect(house.port);
    wire_drip(wire, request, strlen(request));
    cr_expect_str_eq(answer_read(wire).body, "clear");
    wire = wire_connect(house.port);
    wire_drip(wire, raw, strlen(raw));
    cr_expect_str_eq(wire_read_until(wire, "\n"), "raw\n");
}

Test(shared_port, a_client_hello_byte_by_byte_is_still_one)
{
    struct house house = house_open();
    int slow = relay_start(house.port, RELAY_BYTES);

    cr_expect_str_eq(https_get(&house, "web.test", slow), "ended here");
    cr_expect_str_eq(https_get(&house, "vault.test", slow), "passed");
}

Test(shared_port, a_client_hello_over_several_records_is_still_one)
{
    struct house house = house_open();
    int cut = relay_start(house.port, RELAY_RECORDS);

    cr_expect_str_eq(https_get(&house, "web.test", cut), "ended here");
    cr_expect_str_eq(https_get(&house, "vault.test", cut), "passed");
}

Test(shared_port, silence_is_tcp_where_there_is_a_tcp_route)
{
    struct house house = house_open();
    struct wire *wire = wire_connect(house.port);

    cr_expect(WAIT_FOR(house.tcp->connections == 1, PATIENCE_MS));
    cr_expect_eq(house.ssh->connections, 0);
    wire_send(wire, "late\n");
    cr_expect_str_eq(wire_read_until(wire, "\n"), "raw\n");
}

Test(shared_port, silence_is_ssh_where_there_is_none)
{
    struct backend *web = backend_saying("web"), *ssh = backend_playing(play_greet);
    int port = scene_port();
    struct wire *wire;
    int64_t began_ms;

    portico_start("routes: {\"http://a.test:%d\": %d, \"ssh://:%d\": %d}\ntimeouts: {sniff: 300ms}\n", port,
                  web->port, port, ssh->port);
    began_ms = now_ms();
    wire = wire_connect(port);
    cr_expect_str_eq(wire_read_until(wire, "\n"), "SSH-2.0-greeter\r\n");
    cr_expect_geq(now_ms() - began_ms, 250, "only after the silence");
    assert_honest(port, "a.test", "web");
}

Test(shared_port, what_no_route_takes_is_closed)
{
    struct backend *web = backend_saying("web"), *ssh = backend_playing(play_greet);
    int http = scene_port(), raw = scene_port();
    struct wire *wire;
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": %d, \"ssh://:%d\": %d}\n", http,
                                            web->port, raw, ssh->port);

    wire = wire_connect(http);
    wire_send(wire, "\x7f\x45\x4c\x46 neither\n");
    cr_expect_eq(answer_read(wire).status, 400, "who may have meant HTTP is told");
    cr_expect(wire_sees_end(wire));
    wire = wire_connect(raw);
    wire_send(wire, "\x7f\x45\x4c\x46 neither\n");
    cr_expect(wire_sees_end(wire));
    cr_expect(portico_logs(portico, "reason=unknown_protocol"));
    cr_expect_eq(web->connections + ssh->connections, 0);
    assert_honest(http, "a.test", "web");
}

static void play_speak_first(struct wire *wire, struct backend *backend)
{
    wire_send(wire, "220 hello\r\n");
    wire_read_all(wire);
}

Test(shared_port, a_lone_tcp_route_waits_for_no_byte)
{
    struct backend *backend = backend_playing(play_speak_first);
    int port = scene_port();

    portico_start("routes: {\"tcp://:%d\": %d}\ntimeouts: {sniff: 30s}\n", port, backend->port);
    cr_expect_str_eq(wire_read_until_within(wire_connect(port), "\n", PATIENCE_MS), "220 hello\r\n");
    cr_expect_str_eq(wire_read_until_within(wire_connect_v6(port), "\n", PATIENCE_MS), "220 hello\r\n");
}

static void play_half_closed(struct wire *wire, struct backend *backend)
{
    const char *all = wire_read_all(wire); /* only an end makes this return */

    wire_send(wire, "got %zu bytes", all ? strlen(all) : 0);
}

Test(shared_port, half_close_is_kept)
{
    struct backend *backend = backend_playing(play_half_closed);
    int port = scene_port();
    struct wire *wire;

    portico_start("routes: {\"tcp://:%d\": %d}\n", port, backend->port);
    wire = wire_connect(port);
    wire_send(wire, "some bytes");
    wire_shut(wire);
    cr_expect_str_eq(wire_read_all(wire), "got 10 bytes");
}

/* ---- OpenSSH and git ---- */

static int sshd_start(void)
{
    int port = scene_port();
    struct process *sshd;

    sh("ssh-keygen -q -t ed25519 -N '' -f host_key && ssh-keygen -q -t ed25519 -N '' -f user_key"
       " && cp user_key.pub authorized && chmod 600 authorized");
    if (getuid() == 0)
        sh("mkdir -p /run/sshd"); /* where it shuts itself in */
    scene_file("sshd_config",
               "Port %d\nListenAddress 127.0.0.1\nHostKey %s/host_key\nAuthorizedKeysFile %s/authorized\n"
               "PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n"
               "Subsystem sftp internal-sftp\n",
               port, scene_dir(), scene_dir());
    sshd = process_start("exec $(PATH=$PATH:/usr/sbin command -v sshd) -D -e -f %s/sshd_config", scene_dir());
    cr_assert(transcript_says(&sshd->err, "Server listening", PATIENCE_MS), "%s",
              transcript_copy(&sshd->err));
    return port;
}

static const char ssh_options[] =
    "-F /dev/null -i user_key -o IdentitiesOnly=yes -o BatchMode=yes"
    " -o UserKnownHostsFile=known -o StrictHostKeyChecking=accept-new -o LogLevel=ERROR";

Test(shared_port, openssh_logs_in_and_copies_where_https_lives_too)
{
    const bool is_root = getuid() == 0; /* others can neither open 443 nor run sshd in a namespace */
    const int port = is_root ? 443 : scene_port();
    struct certificate ca, leaf;
    struct backend *web;
    struct run run;
    int sshd;

    if (is_root)
        scene_alone();
    ca = authority_make("test authority");
    leaf = certificate_make(&ca, "ec", "DNS:web.test");
    sshd = sshd_start();
    web = backend_saying("web");
    portico_start(
        "routes: {\"https://web.test:%d\": %d, \"ssh://:%d\": %d}\ncertificates: [{cert: %s, key: %s}]\n",
        port, web->port, port, sshd, leaf.cert, leaf.key);
    run = sh("ssh %s -p %d $(id -un)@127.0.0.1 'echo logged in; cat' </dev/null", ssh_options, port);
    cr_expect_str_eq(run.all, "logged in\n");
    run = sh_within(45000,
                    "head -c 10485760 /dev/urandom >ten && scp %s -P %d ten $(id -un)@127.0.0.1:%s/up &&"
                    " scp %s -P %d $(id -un)@127.0.0.1:%s/up down && cmp ten up && cmp ten down && echo same",
                    ssh_options, port, scene_dir(), ssh_options, port, scene_dir());
    cr_expect_str_eq(run.all, "same\n");
    cr_expect_str_eq(
        sh("curl -sS --cacert %s --resolve web.test:%d:127.0.0.1 https://web.test:%d/", ca.cert, port, port)
            .all,
        "web");
}

Test(shared_port, git_clones_over_https)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:git.test");
    int nginx = scene_port(), port = scene_port();
    struct run run;

    run = sh(
        "git init -q -b main work && cd work && git config user.name t && git config user.email t@git.test &&"
        " head -c 300000 /dev/urandom >blob && git add blob && git commit -qm first && cd .. &&"
        " git clone -q --bare work repo.git && git -C repo.git update-server-info");
    cr_assert_eq(run.status, 0, "%s", run.all);
    nginx_start(nginx, "server { listen 127.0.0.1:%d; root %s; }", nginx, scene_dir());
    portico_start(
        "routes: {\"https://git.test:%d\": %d, \"ssh://:%d\": 9}\ncertificates: [{cert: %s, key: %s}]\n",
        port, nginx, port, leaf.cert, leaf.key);
    run = sh("git -c http.sslCAInfo=%s -c http.curloptResolve=git.test:%d:127.0.0.1 clone -q"
             " https://git.test:%d/repo.git cloned && cmp work/blob cloned/blob && echo same",
             ca.cert, port, port);
    cr_expect_str_eq(run.all, "same\n");
}
