#include "control/privileges.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/capabilities.h"

static int find_user(const char *user, struct passwd **out, struct error *error)
{
    errno = 0;
    *out = getpwnam(user);
    if (!*out)
        return error_set(error, "there is no user \"%s\"%s%s", user, errno ? ": " : "",
                         errno ? strerror(errno) : "");
    return 0;
}

int privileges_find(const char *user, uid_t *out, struct error *error)
{
    struct passwd *entry;

    if (find_user(user, &entry, error) < 0)
        return -1;
    *out = entry->pw_uid;
    return 0;
}

int privileges_drop(const char *user, struct error *error)
{
    struct passwd *entry;

    if (find_user(user, &entry, error) < 0)
        return -1;
    if (geteuid() == entry->pw_uid && getuid() == entry->pw_uid)
        return 0;
    if (geteuid() != 0)
        return error_set(error, "only root can become \"%s\"; start as root, or leave `user:` out", user);
    /* The order matters: groups need root, and root goes last. */
    if (setgroups(0, NULL) < 0 || setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) < 0 ||
        setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) < 0)
        return error_set(error, "cannot become \"%s\": %s", user, strerror(errno));
    if (entry->pw_uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
        return error_set(error, "became \"%s\" but could become root again", user);
    return 0;
}

void privileges_give_up_new(void)
{
    int rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

    ASSERT(rc == 0); /* can only fail for wrong arguments */
}

bool privileges_can_give(void)
{
    return geteuid() == 0 && capabilities_have(CAP_CHOWN);
}

/* A directory has as many names as it has directories in it. */
static bool has_one_name(const struct stat *file)
{
    return S_ISDIR(file->st_mode) || (!S_ISLNK(file->st_mode) && file->st_nlink == 1);
}

static bool is_ours_alone(int file)
{
    struct stat now;

    return fstat(file, &now) == 0 && now.st_uid == geteuid() && has_one_name(&now);
}

/* @return -1 with errno */
static int give_opened(int file, const struct passwd *entry)
{
    return fchownat(file, "", entry->pw_uid, entry->pw_gid, AT_EMPTY_PATH);
}

/* What lies there may be the user's since an earlier start: then a name in it may be put there for a file of root's. */
static int give_file(int directory, const char *name, const struct passwd *entry)
{
    const int file = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat now;
    int rc = 0;

    if (file < 0)
        return errno == ENOENT ? 0 : -1;
    if (fstat(file, &now) == 0 && has_one_name(&now))
        rc = give_opened(file, entry);
    close(file);
    return rc;
}

static int give_files(int directory, const struct passwd *entry)
{
    DIR *files = fdopendir(dup(directory));
    struct dirent *file;
    int rc = files ? 0 : -1;

    while (rc == 0 && (file = readdir(files))) {
        if (strcmp(file->d_name, "..") != 0)
            rc = give_file(directory, file->d_name, entry);
    }
    if (files)
        closedir(files);
    return rc;
}

int privileges_give(const char *path, const char *user, struct error *error)
{
    struct passwd *entry;
    int directory, rc;

    if (find_user(user, &entry, error) < 0)
        return -1;
    directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return error_set(error, "%s: %s", path, strerror(errno));
    rc = give_files(directory, entry);
    if (rc < 0)
        error_set(error, "%s cannot be given to \"%s\": %s", path, user, strerror(errno));
    close(directory);
    return rc;
}

int privileges_give_way(const char *path, const char *user, struct error *error)
{
    struct passwd *entry;
    struct stat now;
    int directory, rc;

    if (find_user(user, &entry, error) < 0)
        return -1;
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return error_set(error, "%s: %s", path, strerror(errno));
    rc = fstat(directory, &now);
    if (rc == 0 && !(now.st_mode & S_IXOTH))
        rc = fchown(directory, entry->pw_uid, entry->pw_gid);
    if (rc < 0)
        error_set(error, "%s cannot be opened to \"%s\": %s", path, user, strerror(errno));
    close(directory);
    return rc;
}

int privileges_give_one(const char *path, const char *user, struct error *error)
{
    struct passwd *entry;
    int file, rc = -1;

    if (find_user(user, &entry, error) < 0)
        return -1;
    file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return error_set(error, "%s: %s", path, strerror(errno));
    if (!is_ours_alone(file))
        error_set(error, "%s is not what was made there", path);
    else if ((rc = give_opened(file, entry)) < 0)
        error_set(error, "%s cannot be given to \"%s\": %s", path, user, strerror(errno));
    close(file);
    return rc;
}

uint64_t privileges_raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {limit.rlim_max, limit.rlim_max};

        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    return limit.rlim_cur;
}
