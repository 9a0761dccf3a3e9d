#include "control/admin_socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "control/admin_path.h"
#include "control/privileges.h"
#include "net/address.h"

enum {
    BACKLOG = 16,
    LOCK_TRIES = 50, /* of LOCK_PAUSE_MS each */
    LOCK_PAUSE_MS = 10,
};

struct admin_socket {
    char *path;
    int fd;
    bool is_default;
    bool is_kept; /* the file is another process's as well */
    dev_t device; /* of the file: another process may have replaced it */
    ino_t inode;
};

/** One attempt to open. */
struct opening {
    char *directory, *path;
    char *user;      /* NULL: stay */
    bool is_default; /* another name beside it will do */
    bool is_directory_made;
    int lock; /* the directory, or -1 */
};

/* ---- the directory ---- */

static int make_directory(struct opening *opening, struct error *error)
{
    if (mkdir(opening->directory, geteuid() == 0 ? 0755 : 0700) == 0) {
        opening->is_directory_made = true;
        return 0;
    }
    if (errno == EEXIST)
        return 0;
    return error_set(error, "the directory %s cannot be made: %s", opening->directory, strerror(errno));
}

/* Two processes that start at once must not take each other's fresh socket for a dead one. Whoever may open the
 * directory may hold this lock, so it is not waited for for ever. */
static void lock_directory(struct opening *opening)
{
    opening->lock = open(opening->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; opening->lock >= 0 && i < LOCK_TRIES; i++) {
        if (flock(opening->lock, LOCK_EX | LOCK_NB) == 0)
            return;
        poll(NULL, 0, LOCK_PAUSE_MS);
    }
}

static bool is_of_root(const char *path)
{
    struct stat now;

    return lstat(path, &now) == 0 && now.st_uid == 0;
}

/* Whoever is to remove the file must be able to write there. Directories that others made stay theirs. */
static int give_directory(const struct opening *opening, struct error *error)
{
    if (!opening->user || geteuid() != 0 || !is_of_root(opening->directory) ||
        !(opening->is_directory_made || opening->is_default))
        return 0;
    return privileges_give_one(opening->directory, opening->user, error);
}

static bool is_socket(const char *path)
{
    struct stat now;

    return lstat(path, &now) == 0 && S_ISSOCK(now.st_mode);
}

static void remove_dead(const char *path)
{
    if (is_socket(path) && admin_path_try(path) == ECONNREFUSED)
        unlink(path);
}

/* Of processes that were killed. */
static void sweep(const struct opening *opening)
{
    DIR *entries = opening->is_default ? opendir(opening->directory) : NULL;
    struct dirent *entry;

    while (entries && (entry = readdir(entries))) {
        char *path;

        if (!admin_path_is_default(entry->d_name))
            continue;
        path = admin_path_in(opening->directory, entry->d_name);
        remove_dead(path);
        mem_free(path);
    }
    if (entries)
        closedir(entries);
}

/* ---- the file ---- */

/* It is made with its mode, so that at no time others could connect. No thread is there yet whose files this
 * could change. */
static int bind_privately(int fd, const struct address *address)
{
    struct sockaddr_storage at;
    socklen_t len = address_to_sockaddr(address, &at);
    mode_t before = umask(0177);
    int rc = bind(fd, (const struct sockaddr *)&at, len);

    umask(before);
    return rc;
}

static int listen_at(const char *path, struct error *error)
{
    struct address address;
    int fd;

    if (address_from_path(slice_str(path), &address) < 0)
        return error_set(error, "%s: too long for a socket", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind_privately(fd, &address) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error_set(error, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static struct admin_socket *socket_of(int fd, char *path)
{
    struct admin_socket *opened = mem_new(struct admin_socket);
    struct stat now;

    opened->fd = fd;
    opened->path = path;
    if (lstat(path, &now) == 0) {
        opened->device = now.st_dev;
        opened->inode = now.st_ino;
    }
    return opened;
}

/* @return 0 with opening->path free to be made */
static int find_place(struct opening *opening, struct error *error)
{
    char name[32];

    remove_dead(opening->path);
    if (!is_socket(opening->path)) /* what else stands there bind() refuses */
        return 0;
    if (!opening->is_default)
        return error_set(error, "%s: a living process listens there", opening->path);
    snprintf(name, sizeof(name), "admin-%d.sock", (int)getpid());
    mem_free(opening->path);
    opening->path = admin_path_in(opening->directory, name);
    remove_dead(opening->path);
    return 0;
}

static int open_in_place(struct opening *opening, struct admin_socket **out, struct error *error)
{
    struct admin_socket *opened;
    int fd;

    if (make_directory(opening, error) < 0)
        return -1;
    lock_directory(opening);
    sweep(opening);
    if (find_place(opening, error) < 0 || give_directory(opening, error) < 0)
        return -1;
    fd = listen_at(opening->path, error);
    if (fd < 0)
        return -1;
    opened = socket_of(fd, TAKE(opening->path));
    opened->is_default = opening->is_default;
    if (opening->user && geteuid() == 0 && privileges_give_one(opened->path, opening->user, error) < 0) {
        admin_socket_close(opened);
        return -1;
    }
    *out = opened;
    return 0;
}

static char *directory_of(struct slice path)
{
    size_t len = path.len;

    while (len && path.data[len - 1] != '/')
        len--;
    return len == 0 ? mem_string(SLICE(".")) : mem_string(slice_head(path, MAX(len - 1, (size_t)1)));
}

int admin_socket_open(struct slice path, struct slice user, struct admin_socket **out, struct error *error)
{
    struct opening opening = {.is_default = !path.data, .lock = -1};
    int rc = -1;

    opening.directory = opening.is_default ? admin_directory() : directory_of(path);
    opening.user = user.len ? mem_string(user) : NULL;
    if (opening.directory) {
        opening.path = opening.is_default ? admin_path_in(opening.directory, ADMIN_SOCKET) : mem_string(path);
        rc = open_in_place(&opening, out, error);
    } else {
        error_set(error, "$XDG_RUNTIME_DIR is not set: say where with admin: {listen: unix:PATH}");
    }
    if (opening.lock >= 0)
        close(opening.lock);
    mem_free(opening.directory);
    mem_free(opening.path);
    mem_free(opening.user);
    return rc;
}

/* ---- another process's ---- */

static int option_of(int fd, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

static bool is_listener(int fd)
{
    return option_of(fd, SO_DOMAIN) == AF_UNIX && option_of(fd, SO_TYPE) == SOCK_STREAM &&
           option_of(fd, SO_ACCEPTCONN) == 1;
}

static bool is_at_default_place(const char *at)
{
    char *directory = admin_directory(), *its = directory_of(slice_str(at));
    const bool is_there =
        directory && strcmp(directory, its) == 0 && admin_path_is_default(strrchr(at, '/') + 1);

    mem_free(directory);
    mem_free(its);
    return is_there;
}

static bool is_of_user(const char *path, struct slice user)
{
    char *name = user.len && geteuid() == 0 ? mem_string(user) : NULL;
    uid_t uid = geteuid();
    struct stat now;
    struct error error;
    const bool is_known = !name || privileges_find(name, &uid, &error) == 0;

    mem_free(name);
    if (!is_known) /* which is told when privileges are dropped */
        return true;
    return lstat(path, &now) == 0 && S_ISSOCK(now.st_mode) && now.st_uid == uid;
}

struct admin_socket *admin_socket_adopt(int fd, const char *at, struct slice path, struct slice user)
{
    struct admin_socket *opened;

    if (path.data ? !slice_eq(path, slice_str(at)) : !strchr(at, '/') || !is_at_default_place(at))
        return NULL;
    if (!is_listener(fd) || !is_of_user(at, user))
        return NULL;
    opened = socket_of(fd, mem_string(slice_str(at)));
    opened->is_default = !path.data;
    opened->is_kept = true;
    return opened;
}

void admin_socket_keep(struct admin_socket *opened, bool is_kept)
{
    opened->is_kept = is_kept;
}

bool admin_socket_is_default(const struct admin_socket *opened)
{
    return opened->is_default;
}

/* ---- the end ---- */

static bool is_ours(const struct admin_socket *opened)
{
    struct stat now;

    return lstat(opened->path, &now) == 0 && now.st_dev == opened->device && now.st_ino == opened->inode;
}

void admin_socket_close(struct admin_socket *opened)
{
    if (!opened)
        return;
    if (!opened->is_kept && is_ours(opened))
        unlink(opened->path);
    close(opened->fd);
    mem_free(opened->path);
    mem_free(opened);
}

int admin_socket_fd(const struct admin_socket *opened)
{
    return opened->fd;
}

const char *admin_socket_path(const struct admin_socket *opened)
{
    return opened->path;
}
