/* What a reload can and cannot do in the sandbox, and how it says so. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e/portico.h"

static void scene_with_walls(void)
{
    scene_open();
    scene_needs_plain_build();
}

TestSuite(sandbox_reload, .init = scene_with_walls, .timeout = 60);

static bool says(const char *all, const char *text)
{
    return strstr(all, text) != NULL;
}

static const char *answering(int port, int status)
{
    return scene_text("routes: {\"http://a.test:%d\": {respond: %d}}\nworkers: 2\nstate: %s\n", port, status,
                      scene_path("state"));
}

static struct run ask_reload(void)
{
    return portico_cli(scene_text("reload --admin %s", scene_path("run/admin.sock")));
}

static void expect_status(struct process *portico, const char *key, const char *value)
{
    char *is = proc_status(portico->pid, key);

    cr_expect_str_eq(is, value, "%s is %s", key, is);
}

static const char *with_certificate(int port, struct certificate pair)
{
    return scene_text("routes: {\"https://a.test:%d\": {respond: 201}}\nstate: %s\nadmin: unix:%s\n"
                      "certificates: [{cert: %s, key: %s}]\n",
                      port, scene_path("state"), scene_path("run/admin.sock"), pair.cert, pair.key);
}

static char *elsewhere(void)
{
    char *path = scene_text("/tmp/portico-elsewhere-%d", (int)getpid());

    cr_assert_eq(mkdir(path, 0700), 0);
    return path;
}

Test(sandbox_reload, a_certificate_out_of_reach_is_refused_with_the_reason_and_one_in_reach_taken)
{
    struct certificate authority = authority_make("x"),
                       first = certificate_make(&authority, "ec", "DNS:a.test"),
                       second = certificate_make(&authority, "ec", "DNS:a.test"), outside;
    int port = scene_port();
    const char *directory = elsewhere();
    struct process *portico;
    struct run run;

    outside = (struct certificate){scene_text("%s/c.pem", directory), scene_text("%s/k.pem", directory)};
    sh("cp %s %s; cp %s %s", second.cert, outside.cert, second.key, outside.key);
    portico = portico_start("%s", with_certificate(port, first));
    scene_file("portico.yaml", "%s", with_certificate(port, outside));
    run = ask_reload();
    cr_expect_eq(run.status, 1);
    cr_expect(says(run.all, outside.cert), "%s", run.all);
    cr_expect(says(run.all, "the sandbox of the running process does not reach it"), "%s", run.all);
    cr_expect(says(run.all, "portico.yaml:4:"), "where: %s", run.all);
    scene_file("portico.yaml", "%s", with_certificate(port, second));
    run = ask_reload();
    cr_expect_eq(run.status, 0, "%s", run.all);
    cr_expect_eq(portico_stop(portico), 0);
    sh("rm -rf %s", directory);
}

Test(sandbox_reload, a_log_out_of_reach_is_refused_with_the_reason)
{
    const char *admin = scene_path("run/admin.sock"), *directory = elsewhere();
    int port = scene_port();
    struct process *portico = portico_start("%s", answering(port, 201));
    struct run run;

    scene_file("portico.yaml", "%sadmin: unix:%s\nlog: {access: %s/access.log}\n", answering(port, 202),
               admin, directory);
    run = ask_reload();
    cr_expect_eq(run.status, 1);
    cr_expect(says(run.all, "the sandbox of the running process does not let it write there"), "%s", run.all);
    cr_expect_eq(get(port, "a.test", "/").status, 201);
    cr_expect_eq(portico_stop(portico), 0);
    sh("rm -rf %s", directory);
}

/* Root could read it at the start, as root may read all. */
Test(sandbox_reload, a_key_of_another_owner_is_told_at_the_start_and_named_at_a_reload)
{
    struct certificate authority = authority_make("x"),
                       pair = certificate_make(&authority, "ec", "DNS:a.test");
    struct process *portico;
    struct run run;

    scene_needs_root();
    sh("chown nobody %s; chmod 0600 %s", pair.key, pair.key);
    portico = portico_start("%s", with_certificate(scene_port(), pair));
    cr_expect(portico_logs(portico, scene_text("reload_cannot_read file=\"%s\"", pair.key)), "%s",
              transcript_copy(&portico->err));
    run = ask_reload();
    cr_expect_eq(run.status, 1);
    cr_expect(says(run.all, "has given up root's right to read others' files"), "%s", run.all);
    cr_expect_eq(portico_stop(portico), 0);
}

Test(sandbox_reload, a_reload_does_not_change_it)
{
    const char *admin = scene_path("run/admin.sock");
    int port = scene_port();
    struct process *portico = portico_start("%s", answering(port, 201));

    scene_file("portico.yaml", "sandbox: off\nadmin: unix:%s\n%s", admin, answering(port, 202));
    process_signal(portico, SIGHUP);
    cr_expect(portico_logs(portico, "reload_needs_restart key=sandbox"), "%s",
              transcript_copy(&portico->err));
    cr_expect(portico_logs(portico, "~ setting sandbox: on -> off; at the next start"));
    cr_expect(portico_logs(portico, "version=2"));
    expect_status(portico, "Seccomp", "2");
    cr_expect_eq(portico_stop(portico), 0);
}

/** Where name servers listen: one that never answers. */
static int silent_name_server(void)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    cr_assert_eq(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static bool is_asked(int fd)
{
    char question[512];

    return WAIT_FOR(recv(fd, question, sizeof question, 0) > 0, PATIENCE_MS);
}

/* A file that was renamed over it is another one; root is not given all of /etc to read it. */
Test(sandbox_reload, name_servers_of_before_stay_where_resolv_conf_is_replaced)
{
    char question[512];
    struct process *portico;
    int server;

    scene_needs_root();
    scene_alone();
    server = silent_name_server();
    cr_assert_eq(sh("cp -a /etc etc && mount --bind etc /etc").status, 0);
    sh("echo 'nameserver 127.0.0.1' > /etc/resolv.conf");
    portico = portico_start("routes: {\"http://a.test:80\": \"app.test:80\"}\n");
    cr_expect(is_asked(server));
    sh("echo 'nameserver 127.0.0.9' > /etc/new && mv /etc/new /etc/resolv.conf");
    cr_expect(portico_logs(portico, "resolv_conf_not_used path=/etc/resolv.conf error=\"Permission denied\""),
              "%s", transcript_copy(&portico->err));
    while (recv(server, question, sizeof question, 0) > 0) {
    }
    cr_expect(is_asked(server), "as before");
    cr_expect_eq(portico_stop(portico), 0);
    close(server);
}

Test(sandbox_reload, hosts_of_before_stay_where_their_file_is_replaced_and_follow_what_is_written_into_it)
{
    struct backend *backend;
    struct process *portico;

    scene_needs_root();
    scene_alone();
    backend = backend_saying("ok");
    cr_assert_eq(sh("cp -a /etc etc && mount --bind etc /etc").status, 0);
    sh("echo '127.0.0.9 app.test' > /etc/hosts");
    portico = portico_start("routes: {\"http://a.test:80\": \"app.test:%d\"}\n", backend->port);
    cr_expect_eq(get(80, "a.test", "/").status, 502);
    sh("echo '127.0.0.1 app.test' > /etc/hosts");
    cr_expect(WAIT_FOR(get(80, "a.test", "/").status == 200, PATIENCE_MS), "written into");
    sh("echo '127.0.0.9 app.test' > /etc/new && mv /etc/new /etc/hosts");
    cr_expect(portico_logs(portico, "hosts_not_used path=/etc/hosts error=\"Permission denied\""), "%s",
              transcript_copy(&portico->err));
    cr_expect_eq(get(80, "a.test", "/").status, 200, "as before");
    cr_expect_eq(portico_stop(portico), 0);
}

/* The first need of the state directory comes with a reload. */
Test(sandbox_reload, a_reload_makes_the_local_ca)
{
    const char *rest =
        scene_text("state: %s\nadmin: unix:%s\n", scene_path("kept"), scene_path("run/admin.sock"));
    int port = scene_port();
    struct process *portico = portico_start("routes: {\"http://a.test:%d\": {respond: 201}}\n%s", port, rest);
    struct run run;

    scene_file("portico.yaml", "routes: {\"https://a.test:%d\": {respond: 202}}\n%s", port, rest);
    run = ask_reload();
    cr_expect_eq(run.status, 0, "%s", run.all);
    run = sh("curl -s -o /dev/null -w '%%{http_code}' --cacert kept/ca/ca.crt --resolve a.test:%d:127.0.0.1 "
             "https://a.test:%d/",
             port, port);
    cr_expect_str_eq(run.out, "202", "%s", run.all);
    cr_expect_eq(portico_stop(portico), 0);
}

/* The thread of the log is cancelled then, for which the C library would load a library. */
Test(sandbox_reload, a_log_that_hangs_does_not_hang_the_stop)
{
    int port = scene_port();
    struct process *portico;

    sh("mkfifo nobody-reads");
    portico = portico_start_by("exec 7<>nobody-reads; exec", "%slog: {access: nobody-reads}\n",
                               answering(port, 201));
    for (int i = 0; i < 600; i++)
        cr_assert_eq(
            get(port, "a.test", "/a/path/that/makes/the/line/a/little/longer/than/it/would/be").status, 201);
    cr_expect_eq(portico_stop(portico), 0);
}
