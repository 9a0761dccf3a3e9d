#include "control/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

/* Of newer kernels than the headers may be (linux/landlock.h). */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_SIGNAL (1ULL << 1)
#endif

enum { VERSION_OF_SCOPES = 6 };

/* struct landlock_ruleset_attr as it has grown; older kernels take zeros behind what they know. */
struct ruleset {
    uint64_t files, net, scopes;
};

struct landlock {
    int fd;
    int version;
    uint64_t handled;
};

/* All that the version knows is handled, and so refused where no rule allows it. */
static uint64_t handled_by(int version)
{
    uint64_t rights = LANDLOCK_ACCESS_FS_REFER - 1; /* the first version: all in front of it */

    if (version >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
    if (version >= 5)
        rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
    return rights;
}

/* Abstract sockets stay in reach: a service manager, or a target, may have one. */
int landlock_new(struct landlock **out, struct error *error)
{
    const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    const struct ruleset ruleset = {.files = handled_by((int)version),
                                    .scopes = version >= VERSION_OF_SCOPES ? LANDLOCK_SCOPE_SIGNAL : 0};
    struct landlock *landlock;
    long fd;

    if (version < 1)
        return error_set(error, "%s", errno == EOPNOTSUPP ? "switched off in this kernel" : strerror(errno));
    fd = syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
    if (fd < 0)
        return error_set(error, "%s", strerror(errno));
    landlock = mem_new(struct landlock);
    *landlock = (struct landlock){.fd = (int)fd, .version = (int)version, .handled = ruleset.files};
    *out = landlock;
    return 0;
}

void landlock_free(struct landlock *landlock)
{
    if (!landlock)
        return;
    close(landlock->fd);
    mem_free(landlock);
}

static const uint64_t OF_FILES =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE;

static uint64_t rights_of(unsigned rights)
{
    static const struct {
        unsigned right;
        uint64_t means;
    } ROWS[] = {
        {LANDLOCK_READ, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR},
        {LANDLOCK_WRITE, LANDLOCK_ACCESS_FS_WRITE_FILE},
        {LANDLOCK_CREATE, LANDLOCK_ACCESS_FS_MAKE_REG},
        {LANDLOCK_REMOVE, LANDLOCK_ACCESS_FS_REMOVE_FILE},
        {LANDLOCK_KEEP, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                            LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |
                            LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
                            LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR},
    };
    uint64_t all = 0;

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
        all |= rights & ROWS[i].right ? ROWS[i].means : 0;
    return all;
}

bool landlock_allow(struct landlock *landlock, const char *path, unsigned rights)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights_of(rights) & landlock->handled};
    struct stat status;
    bool is_allowed;

    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return false;
    if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode))
        rule.allowed_access &= OF_FILES;
    is_allowed = rule.allowed_access &&
                 syscall(SYS_landlock_add_rule, landlock->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return is_allowed;
}

int landlock_enter(struct landlock *landlock, struct error *error)
{
    if (syscall(SYS_landlock_restrict_self, landlock->fd, 0) < 0)
        return error_set(error, "%s", strerror(errno));
    return landlock->version;
}
