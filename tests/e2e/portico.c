#include "e2e/portico.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef E2E_SOURCES
#define E2E_SOURCES "tests/e2e"
#endif

static char *program; /* absolute, found before the tests change directory */
static char *sources;

__attribute__((constructor)) static void paths_find(void)
{
    const char *named = getenv("PORTICO");

    program = realpath(named ? named : "build/debug/portico", NULL);
    sources = realpath(E2E_SOURCES, NULL);
}

const char *portico_binary(void)
{
    cr_assert_not_null(program, "set PORTICO to the program's path");
    return program;
}

/* ---- Portico ---- */

/** At the left edge: a route's path may end with the same word. */
static bool has_key(const char *yaml, const char *key)
{
    return strncmp(yaml, key, strlen(key)) == 0 || strstr(yaml, scene_text("\n%s", key));
}

/** Each Portico of a test has a socket of its own: run/admin.sock, run/admin-1.sock … */
static char *admin_path(void)
{
    static int made;
    char *path = scene_path(made ? scene_text("run/admin-%d.sock", made) : "run/admin.sock");

    made++;
    return path;
}

static PRINTF_LIKE(2, 0) void config_write(bool serves, const char *format, va_list values)
{
    char *yaml = NULL;
    const char *state, *admin;

    if (vasprintf(&yaml, format, values) < 0)
        abort();
    /* The defaults of these are the machine's own. */
    state = serves && !has_key(yaml, "state:") ? scene_text("state: %s\n", scene_path("state")) : "";
    admin = serves && !has_key(yaml, "admin:") ? scene_text("admin: unix:%s\n", admin_path()) : "";
    scene_file("portico.yaml", "%s%s%s", yaml, state, admin);
    free(yaml);
}

struct process *portico_serve(const char *shell)
{
    struct process *portico = process_start("%s %s run -c portico.yaml", shell, portico_binary());

    if (!transcript_says(&portico->err, " ready", PATIENCE_MS)) {
        process_kill(portico);
        cr_assert(false, "portico did not start (status %d):\n%s%s", portico->status,
                  transcript_copy(&portico->err), transcript_copy(&portico->out));
    }
    return portico;
}

struct process *portico_start(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    config_write(true, format, values);
    va_end(values);
    return portico_serve("exec");
}

struct process *portico_start_by(const char *shell, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    config_write(true, format, values);
    va_end(values);
    return portico_serve(shell);
}

int portico_stop(struct process *portico)
{
    int status;

    if (!portico->has_ended)
        kill(portico->pid, SIGTERM);
    status = process_wait(portico, PATIENCE_MS);
    if (status != 0)
        fprintf(stderr, "portico ended with %d and said:\n%s", status, transcript_copy(&portico->err));
    return status;
}

bool portico_logs(struct process *portico, const char *text)
{
    return transcript_says(&portico->err, text, PATIENCE_MS);
}

bool portico_access_logs(struct process *portico, const char *text)
{
    return transcript_says(&portico->out, text, PATIENCE_MS);
}

struct run portico_cli(const char *arguments)
{
    return sh("exec %s %s", portico_binary(), arguments);
}

struct run portico_does(const char *command, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    config_write(false, format, values);
    va_end(values);
    return portico_cli(command);
}

/* ---- others' servers ---- */

static struct app node_start(const char *script, const char *arguments)
{
    struct app app = {.process = process_start("exec node %s/%s %s", sources, script, arguments)};

    cr_assert(transcript_says(&app.process->out, "ready\n", PATIENCE_MS), "node did not start: %s",
              transcript_copy(&app.process->err));
    app.port = atoi(transcript_copy(&app.process->out));
    return app;
}

struct app app_start(void)
{
    return node_start("app.js", "");
}

struct app h2_app_start(const char *arguments)
{
    return node_start("h2_app.js", arguments);
}

struct process *h2_load_start(const char *url, int streams)
{
    return node_start("h2_load.js", scene_text("%s %d", url, streams)).process;
}

struct process *nginx_start(int port, const char *servers, ...)
{
    struct process *nginx;
    char *blocks = NULL;
    va_list values;

    va_start(values, servers);
    if (vasprintf(&blocks, servers, values) < 0)
        abort();
    va_end(values);
    scene_file("nginx.conf",
               "daemon off; master_process off; pid nginx.pid; error_log stderr;\n"
               "events { worker_connections 512; }\n"
               "http {\n"
               "  access_log off; client_body_temp_path nginx-body; proxy_temp_path nginx-proxy;\n"
               "  fastcgi_temp_path nginx-fcgi; uwsgi_temp_path nginx-uwsgi; scgi_temp_path nginx-scgi;\n"
               "%s\n"
               "}\n",
               blocks);
    free(blocks);
    nginx = process_start("exec nginx -p %s -c nginx.conf", scene_dir());
    cr_assert(WAIT_FOR(wire_can_connect(port), PATIENCE_MS), "nginx did not start: %s",
              transcript_copy(&nginx->err));
    return nginx;
}

/* ---- keys ---- */

static const char *key_options(const char *kind)
{
    return strcmp(kind, "rsa") == 0 ? "-newkey rsa:2048" : "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
}

static struct certificate certificate_named(void)
{
    static int made;
    struct certificate made_now = {.cert = scene_path(scene_text("cert-%d.pem", made)),
                                   .key = scene_path(scene_text("key-%d.pem", made))};

    made++;
    return made_now;
}

struct certificate authority_make(const char *name)
{
    struct certificate authority = certificate_named();
    struct run run =
        sh("openssl req -x509 %s -nodes -days 30 -subj '/CN=%s' -keyout %s -out %s"
           " -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign",
           key_options("ec"), name, authority.key, authority.cert);

    cr_assert_eq(run.status, 0, "%s", run.err);
    return authority;
}

struct certificate certificate_make(const struct certificate *authority, const char *kind, const char *names)
{
    struct certificate leaf = certificate_named();
    struct run run =
        sh("openssl req -x509 -CA %s -CAkey %s %s -nodes -days 30 -subj '/CN=leaf' -keyout %s -out %s"
           " -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=%s",
           authority->cert, authority->key, key_options(kind), leaf.key, leaf.cert, names);

    cr_assert_eq(run.status, 0, "%s", run.err);
    return leaf;
}
