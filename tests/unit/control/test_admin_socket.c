#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "control/admin_path.h"
#include "control/admin_socket.h"

static char base[64];

static void make_base(void)
{
    snprintf(base, sizeof(base), "/tmp/portico-unit-XXXXXX");
    cr_assert_not_null(mkdtemp(base));
}

static char *path_of(const char *name)
{
    return admin_path_in(base, name);
}

static struct slice inner(char text[128])
{
    snprintf(text, 128, "%s/run/admin.sock", base);
    return slice_str(text);
}

static void remove_base(void)
{
    char *directory = path_of("run");

    rmdir(directory);
    mem_free(directory);
    cr_expect_eq(rmdir(base), 0, "nothing was left behind");
}

TestSuite(admin_socket, .init = make_base, .fini = remove_base);

static struct admin_socket *open_good(struct slice path)
{
    struct admin_socket *opened;
    struct error error;

    cr_assert_eq(admin_socket_open(path, SLICE(""), &opened, &error), 0, "%s", error.text);
    return opened;
}

static void expect_refused(struct slice path, const char *said)
{
    struct admin_socket *opened;
    struct error error = {0};

    cr_assert_eq(admin_socket_open(path, SLICE(""), &opened, &error), -1);
    cr_expect(strstr(error.text, said), "%s", error.text);
}

Test(admin_socket, is_its_owners_alone_and_goes_at_the_end)
{
    char text[128];
    struct slice path = inner(text);
    struct admin_socket *opened = open_good(path);
    struct stat now;

    cr_expect_str_eq(admin_socket_path(opened), path.data);
    cr_assert_eq(lstat(path.data, &now), 0);
    cr_expect(S_ISSOCK(now.st_mode));
    cr_expect_eq(now.st_mode & 0777, 0600, "%o", now.st_mode);
    cr_expect_eq(admin_path_try(path.data), 0);
    admin_socket_close(opened);
    cr_expect_neq(lstat(path.data, &now), 0);
}

Test(admin_socket, a_living_one_is_left_alone)
{
    char text[128];
    struct slice path = inner(text);
    struct admin_socket *first = open_good(path);

    expect_refused(path, "a living process listens there");
    cr_expect_eq(admin_path_try(path.data), 0);
    admin_socket_close(first);
}

/** As a process that was killed leaves it. */
static void leave_dead(struct slice path)
{
    pid_t pid = fork();

    if (pid == 0) {
        open_good(path);
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    cr_assert_eq(admin_path_try(path.data), ECONNREFUSED);
}

Test(admin_socket, a_dead_file_is_replaced)
{
    char text[128];
    struct slice path = inner(text);
    struct admin_socket *opened;

    leave_dead(path);
    opened = open_good(path);
    cr_expect_eq(admin_path_try(path.data), 0);
    admin_socket_close(opened);
    cr_expect_neq(access(path.data, F_OK), 0);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** Once in a few tries: the machine may be busy. */
static bool opens_within(struct slice path, int64_t ms)
{
    enum { TRIES = 5 };

    for (int i = 0; i < TRIES; i++) {
        const int64_t begin = now_ms();

        admin_socket_close(open_good(path));
        if (now_ms() - begin < ms)
            return true;
    }
    return false;
}

Test(admin_socket, who_holds_the_directory_is_waited_for_but_not_for_ever)
{
    char text[128];
    struct slice path = inner(text);
    struct admin_socket *opened;
    char *directory = path_of("run");
    int64_t begin;
    int lock;

    cr_assert_eq(mkdir(directory, 0755), 0);
    lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(flock(lock, LOCK_EX), 0);
    begin = now_ms();
    opened = open_good(path);
    cr_expect_geq(now_ms() - begin, 400);
    cr_expect_lt(now_ms() - begin, 5000);
    admin_socket_close(opened);
    close(lock);
    cr_expect(opens_within(path, 400), "let go, and by ourselves as well");
    mem_free(directory);
}

Test(admin_socket, what_is_no_socket_is_not_touched)
{
    char *path = path_of("admin.sock");
    FILE *file = fopen(path, "w");
    struct stat now;

    fputs("mine", file);
    fclose(file);
    expect_refused(slice_str(path), "Address already in use");
    cr_assert_eq(lstat(path, &now), 0);
    cr_expect_eq(now.st_size, 4);
    unlink(path);
    mem_free(path);
}

Test(admin_socket, a_file_that_took_its_place_stays)
{
    char text[128];
    struct slice path = inner(text);
    struct admin_socket *opened = open_good(path);

    unlink(path.data);
    fclose(fopen(path.data, "w"));
    admin_socket_close(opened);
    cr_expect_eq(access(path.data, F_OK), 0);
    unlink(path.data);
}

Test(admin_socket, a_directory_that_cannot_be_made_is_said)
{
    char text[128];

    snprintf(text, sizeof(text), "%s/no/such/admin.sock", base);
    expect_refused(slice_str(text), "/no/such cannot be made");
}

Test(admin_path, default_names_are_told_from_others)
{
    static const struct {
        const char *name;
        bool is_default;
    } cases[] = {
        {"admin.sock", true},    {"admin-1.sock", true}, {"admin-4194304.sock", true}, {"admin-.sock", false},
        {"admin-x.sock", false}, {"admin.sock2", false}, {"other.sock", false},        {"admin-1", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cr_expect_eq(admin_path_is_default(cases[i].name), cases[i].is_default, "%s", cases[i].name);
}
