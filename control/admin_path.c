#include "control/admin_path.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "net/address.h"

bool admin_path_read(struct slice *path)
{
    const struct slice scheme = SLICE("unix:");

    if (!slice_starts(*path, scheme))
        return false;
    *path = slice_from(*path, scheme.len);
    return true;
}

char *admin_path_in(const char *directory, const char *name)
{
    struct text path = {0};

    text_printf(&path, "%s/%s", directory, name);
    return path.data;
}

char *admin_directory(void)
{
    const char *base = geteuid() == 0 ? "/run" : getenv("XDG_RUNTIME_DIR");

    return base && base[0] == '/' ? admin_path_in(base, "portico") : NULL;
}

bool admin_path_is_default(const char *name)
{
    struct slice rest = slice_str(name);
    uint64_t pid;

    if (slice_eq(rest, SLICE(ADMIN_SOCKET)))
        return true;
    if (!slice_starts(rest, SLICE("admin-")) || !slice_ends(rest, SLICE(".sock")))
        return false;
    rest = slice_from(slice_head(rest, rest.len - strlen(".sock")), strlen("admin-"));
    return slice_to_u64(rest, UINT32_MAX, &pid);
}

/* Not blocking: a backlog that is full is a sign of life as well. */
int admin_path_try(const char *path)
{
    struct address address;
    struct sockaddr_storage to;
    socklen_t len;
    int fd, rc;

    if (address_from_path(slice_str(path), &address) < 0)
        return ENAMETOOLONG;
    len = address_to_sockaddr(&address, &to);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    rc = connect(fd, (const struct sockaddr *)&to, len) == 0 || errno == EAGAIN ? 0 : errno;
    close(fd);
    return rc;
}
