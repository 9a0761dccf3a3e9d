#include "net/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { FIRST = 3, SOCKETS_MAX = 4096 };

static bool number_of(const char *variable, uint64_t max, uint64_t *out)
{
    const char *value = getenv(variable);

    return value && slice_to_u64(slice_str(value), max, out);
}

/* Another process may have left them to us with its environment: then they are not meant for us. */
size_t inherited_count(void)
{
    uint64_t pid, count;

    if (!number_of("LISTEN_PID", INT32_MAX, &pid) || pid != (uint64_t)getpid() ||
        !number_of("LISTEN_FDS", SOCKETS_MAX, &count))
        return 0;
    return (size_t)count;
}

static int option_of(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);

    return getsockopt(fd, level, name, &value, &len) == 0 ? value : 0;
}

static bool is_listening_tcp(int fd)
{
    return option_of(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP && option_of(fd, SOL_SOCKET, SO_ACCEPTCONN);
}

static void warn_unused(const struct inherited_socket *socket, const char *reason)
{
    char address[ADDRESS_TEXT];

    log_event(LOG_WARN, "inherited_unused", "fd=%d name=%s address=%s reason=\"%s\"", socket->fd,
              log_quote(slice_str(socket->name)), address_describe(&socket->address, address), reason);
}

uint64_t inherited_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

static void inspect(struct inherited_socket *socket)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);

    socket->cookie = inherited_cookie(socket->fd);
    if (getsockname(socket->fd, (struct sockaddr *)&at, &len) == 0)
        socket->address = address_from_sockaddr(&at);
    socket->takes_both = socket->address.family == AF_INET6 &&
                         IN6_IS_ADDR_UNSPECIFIED(&socket->address.in6.sin6_addr) &&
                         !option_of(socket->fd, IPPROTO_IPV6, IPV6_V6ONLY);
    socket->shares_port = option_of(socket->fd, SOL_SOCKET, SO_REUSEPORT);
    fcntl(socket->fd, F_SETFD, FD_CLOEXEC);
    fcntl(socket->fd, F_SETFL, fcntl(socket->fd, F_GETFL) | O_NONBLOCK);
}

/* The next name of a list whose items may be empty. */
static struct slice next_name(struct slice *rest)
{
    const ptrdiff_t end = slice_find(*rest, ':');
    const struct slice name = slice_head(*rest, end < 0 ? rest->len : (size_t)end);

    *rest = slice_from(*rest, end < 0 ? rest->len : (size_t)end + 1);
    return name.len ? name : SLICE("unknown");
}

static bool is_known(const struct inherited *inherited, uint64_t cookie)
{
    for (size_t i = 0; cookie && i < inherited->count; i++) {
        if (inherited->sockets[i].cookie == cookie)
            return true;
    }
    return false;
}

static void add(struct inherited *inherited, int fd, struct slice name, bool is_ours)
{
    struct inherited_socket socket = {.fd = fd, .is_ours = is_ours};

    mem_grow((void **)&inherited->sockets, &inherited->cap, inherited->count + 1, sizeof(socket));
    socket.name = mem_string(name);
    if (fcntl(fd, F_GETFD) >= 0) {
        inspect(&socket);
        if (is_listening_tcp(fd) && !is_known(inherited, socket.cookie)) {
            inherited->sockets[inherited->count++] = socket;
            return;
        }
        close(fd);
    }
    if (!is_known(inherited, socket.cookie))
        warn_unused(&socket, "it is no listening TCP socket");
    mem_free(socket.name);
}

void inherited_add(struct inherited *inherited, int fd, bool is_ours)
{
    add(inherited, fd, SLICE("unknown"), is_ours);
}

void inherited_find(struct inherited *out)
{
    const size_t count = inherited_count();
    struct slice names = slice_str(getenv("LISTEN_FDNAMES"));

    *out = (struct inherited){0};
    for (size_t i = 0; i < count; i++)
        add(out, FIRST + (int)i, next_name(&names), false);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

static void close_socket(struct inherited_socket *socket)
{
    if (socket->fd >= 0)
        close(socket->fd);
    socket->fd = -1;
}

void inherited_refuse(struct inherited_socket *socket, const char *reason)
{
    warn_unused(socket, reason);
    close_socket(socket);
}

void inherited_close(struct inherited *inherited)
{
    for (size_t i = 0; i < inherited->count; i++) {
        struct inherited_socket *socket = &inherited->sockets[i];

        socket->is_unused = socket->fd >= 0;
        if (socket->fd >= 0 && socket->is_ours)
            close_socket(socket);
        else if (socket->fd >= 0)
            inherited_refuse(socket, "no route listens there");
    }
}

void inherited_fini(struct inherited *inherited)
{
    for (size_t i = 0; i < inherited->count; i++) {
        close_socket(&inherited->sockets[i]);
        mem_free(inherited->sockets[i].name);
    }
    mem_free(inherited->sockets);
    *inherited = (struct inherited){0};
}
