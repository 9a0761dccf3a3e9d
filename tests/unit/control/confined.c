#include "unit/control/confined.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/capabilities.h"
#include "control/named_files.h"
#include "control/privileges.h"
#include "control/sandbox.h"

enum { PATH_ROOM = 128 };

static char base[PATH_ROOM / 2];

const char *confined_path(const char *name)
{
    static char paths[8][PATH_ROOM];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, PATH_ROOM, "%s/%s", base, name);
    return path;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    fclose(file);
}

void confined_open(void)
{
    static const char *const directories[] = {"conf",  "certs", "certs/old", "certs/new",
                                              "state", "logs",  "run",       "outside"};

    snprintf(base, sizeof(base), "/tmp/portico-unit-XXXXXX");
    cr_assert_not_null(mkdtemp(base));
    for (size_t i = 0; i < ARRAY_LEN(directories); i++)
        mkdir(confined_path(directories[i]), 0755);
    write_file(confined_path("conf/portico.yaml"), "routes: {}\n");
    write_file(confined_path("certs/old/a.pem"), "old\n");
    write_file(confined_path("certs/new/a.pem"), "new\n");
    write_file(confined_path("outside/file"), "secret\n");
    write_file(confined_path("logs/access.log"), "");
    write_file(confined_path("run/admin.sock"), "");
    cr_assert_eq(symlink("old", confined_path("certs/now")), 0);
}

void confined_close(void)
{
    char command[PATH_ROOM + 16];

    snprintf(command, sizeof(command), "rm -rf %s", base);
    cr_expect_eq(system(command), 0);
}

void confined_enter(uint64_t capabilities)
{
    struct file_place places[] = {{strdup(confined_path("conf/portico.yaml")), NULL},
                                  {strdup(confined_path("certs/now/a.pem")), NULL}};
    struct named_files files = {.places = places, .count = ARRAY_LEN(places)};

    privileges_give_up_new();
    sandbox_prepare();
    sandbox_enter(&(struct sandbox_terms){
        .reach = {.files = &files,
                  .state = slice_str(strdup(confined_path("state"))),
                  .log = slice_str(strdup(confined_path("logs/access.log"))),
                  .admin = slice_str(strdup(confined_path("run/admin.sock")))},
        .capabilities = capabilities,
    });
}

void confined_note(struct outcome *outcome)
{
    const struct sandbox *now = sandbox_now();

    outcome->landlock = now->landlock;
    outcome->has_seccomp = now->has_seccomp;
    outcome->capabilities = capabilities_held();
    snprintf(outcome->missing, sizeof(outcome->missing), "%.*s", FMT_SLICE(text_slice(&now->missing)));
}

struct outcome *confined_run(void (*body)(struct outcome *outcome))
{
    struct outcome *outcome =
        mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid;
    int status;

    cr_assert_neq(outcome, MAP_FAILED);
    memset(outcome->results, -1, sizeof(outcome->results));
    pid = fork();
    if (pid == 0) {
        alarm(20);
        body(outcome);
        syscall(SYS_exit_group, 0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
    return outcome;
}

int attempt_result(long rc)
{
    return rc < 0 ? errno : 0;
}

int attempt_open(const char *path, int flags)
{
    const int fd = open(path, flags | O_CLOEXEC, 0600);
    const int result = attempt_result(fd);

    if (fd >= 0)
        close(fd);
    return result;
}

int attempt_socket(int family, int type, int protocol)
{
    const int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    const int result = attempt_result(fd);

    if (fd >= 0)
        close(fd);
    return result;
}

bool confined_has_all(const struct outcome *outcome)
{
    return outcome->landlock && outcome->has_seccomp;
}

void confined_needs_all(const struct outcome *outcome)
{
    if (!confined_has_all(outcome))
        cr_skip_test("no Landlock or no seccomp here: %s", outcome->missing);
}
