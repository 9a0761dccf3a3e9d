#include "e2e/upgrades.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the program and its configuration ---- */

/** By rename: a new process may be reading it just now. */
static PRINTF_LIKE(1, 0) void write_configuration(const char *format, va_list values)
{
    char *yaml = NULL;

    if (vasprintf(&yaml, format, values) < 0)
        abort();
    scene_file("portico.yaml.new", "%s%s%s", yaml, strstr(yaml, "state:") ? "" : "state: state\n",
               strstr(yaml, "admin:") ? "" : "admin: unix:run/admin.sock\n");
    cr_assert_eq(rename(scene_path("portico.yaml.new"), scene_path("portico.yaml")), 0);
    free(yaml);
}

void upgrades_write(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    write_configuration(format, values);
    va_end(values);
}

void upgrades_program(void)
{
    cr_assert_eq(sh("cp %s portico.new && mv portico.new portico", portico_binary()).status, 0);
}

void upgrades_script(const char *script)
{
    scene_file("portico.new", "#!/bin/sh\nREAL=%s\n%s\n", portico_binary(), script);
    cr_assert_eq(sh("chmod 755 portico.new && mv portico.new portico").status, 0);
}

static struct process *start(const char *shell)
{
    struct process *portico;

    if (access("portico", X_OK) != 0)
        upgrades_program();
    portico = process_start("%s ./portico run -c portico.yaml", shell);
    cr_assert(portico_logs(portico, " ready"), "%s", transcript_copy(&portico->err));
    return portico;
}

struct process *upgrades_start_by(const char *shell, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    write_configuration(format, values);
    va_end(values);
    return start(shell);
}

struct process *upgrades_start(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    write_configuration(format, values);
    va_end(values);
    return start("exec");
}

/* ---- upgrades ---- */

struct run upgrade_run(void)
{
    return portico_cli("upgrade --admin run/admin.sock");
}

pid_t upgrade_do(void)
{
    struct run run = upgrade_run();
    const char *arrow = strstr(run.out, "→ ");

    cr_assert_eq(run.status, 0, "%s", run.all);
    cr_assert_not_null(arrow, "%s", run.all);
    return (pid_t)strtol(arrow + strlen("→ "), NULL, 10);
}

pid_t upgrade_pid(void)
{
    struct run run = portico_cli("status --json --admin run/admin.sock");
    const char *at = strstr(run.out, "\"pid\": ");

    return run.status == 0 && at ? (pid_t)strtol(at + strlen("\"pid\": "), NULL, 10) : 0;
}

/* ---- processes ---- */

pid_t child_of(pid_t pid)
{
    return (pid_t)strtol(file_read(scene_text("/proc/%d/task/%d/children", (int)pid, (int)pid)), NULL, 10);
}

bool is_gone(pid_t pid)
{
    const char *state = proc_status(pid, "State");

    return state[0] == '\0' || state[0] == 'Z';
}

int exit_code_of(struct process *process)
{
    siginfo_t ended = {0};

    if (!WAIT_FOR(waitid(P_PID, (id_t)process->pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid,
                  PATIENCE_MS))
        return -1;
    return ended.si_code == CLD_EXITED ? ended.si_status : 128 + ended.si_status;
}

void upgrade_end(pid_t pid)
{
    cr_assert_eq(kill(pid, SIGTERM), 0);
    cr_expect(WAIT_FOR(is_gone(pid), PATIENCE_MS), "it ends");
}

/* ---- strangers ---- */

static bool is_served(int port)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer[16] = "";
    bool is_good;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_good = connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
              send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1 &&
              recv(fd, answer, 12, MSG_WAITALL) == 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0;
    close(fd);
    return is_good;
}

static void *come_and_go(void *argument)
{
    struct strangers *strangers = argument;

    while (!strangers->stops) {
        atomic_fetch_add(is_served(strangers->port) ? &strangers->served : &strangers->lost, 1);
        poll(NULL, 0, 1);
    }
    return NULL;
}

struct strangers *strangers_start(int port)
{
    struct strangers *strangers = scene_alloc(sizeof *strangers);

    strangers->port = port;
    cr_assert_eq(pthread_create(&strangers->thread, NULL, come_and_go, strangers), 0);
    return strangers;
}

void strangers_stop(struct strangers *strangers)
{
    strangers->stops = true;
    pthread_join(strangers->thread, NULL);
}
