#include <criterion/criterion.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/privileges.h"

static char base[64];

static void open_base(void)
{
    snprintf(base, sizeof(base), "/tmp/portico-unit-XXXXXX");
    cr_assert_not_null(mkdtemp(base));
}

static void close_base(void)
{
    char command[96];

    snprintf(command, sizeof(command), "rm -rf %s", base);
    cr_expect_eq(system(command), 0);
}

TestSuite(privileges, .init = open_base, .fini = close_base, .timeout = 10);

static const char *path_of(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", base, name);
    return path;
}

static void make(const char *name)
{
    const int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    close(fd);
}

static uid_t owner_of(const char *name)
{
    struct stat now;

    cr_assert_eq(lstat(path_of(name), &now), 0);
    return now.st_uid;
}

/* Who was given the directory by an earlier start can put a name for any file there. */
Test(privileges, given_directory_takes_no_file_along_that_lies_elsewhere_too)
{
    const struct passwd *nobody = getpwnam("nobody");
    struct error error;
    uid_t uid;

    if (geteuid() != 0 || !nobody)
        cr_skip_test("needs root, and a user to give to");
    uid = nobody->pw_uid;
    cr_assert_eq(mkdir(path_of("given"), 0700), 0);
    make("secret");
    make("given/key");
    cr_assert_eq(link(path_of("secret"), path_of("given/second")), 0);
    cr_assert_eq(symlink("../secret", path_of("given/link")), 0);
    cr_expect_eq(privileges_give(path_of("given"), "nobody", &error), -1);
    cr_expect_not_null(strstr(error.text, "second has another name"), "%s", error.text);
    cr_expect_eq(owner_of("secret"), 0);
    cr_assert_eq(unlink(path_of("given/second")), 0);
    cr_expect_eq(privileges_give(path_of("given"), "nobody", &error), 0);
    cr_expect_eq(owner_of("given"), uid);
    cr_expect_eq(owner_of("given/key"), uid);
    cr_expect_eq(owner_of("secret"), 0);
}
