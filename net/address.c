#include "net/address.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/digits.h"
#include "base/mem.h"

enum { PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };

static void describe_ip_and_port(const struct address *address, char *out)
{
    struct ip ip = address_ip(address);

    if (ip.family == 6)
        *out++ = '[';
    ip_describe(ip, out);
    out += strlen(out);
    if (ip.family == 6)
        *out++ = ']';
    *out++ = ':';
    out[digits_write(address_port(address), out)] = '\0';
}

const char *address_describe(const struct address *address, char out[ADDRESS_TEXT])
{
    switch (address->family) {
    case AF_INET:
    case AF_INET6:
        describe_ip_and_port(address, out);
        break;
    case AF_UNIX:
        snprintf(out, ADDRESS_TEXT, "unix:%s", address->un.path ? address->un.path : "");
        break;
    default:
        snprintf(out, ADDRESS_TEXT, "none");
    }
    return out;
}

const char *address_describe_ip(const struct address *address, char out[ADDRESS_TEXT])
{
    if (address->family == AF_UNIX)
        snprintf(out, ADDRESS_TEXT, "unix");
    else
        ip_describe(address_ip(address), out);
    return out;
}

uint16_t address_port(const struct address *address)
{
    if (address->family == AF_INET)
        return ntohs(address->in.sin_port);
    if (address->family == AF_INET6)
        return ntohs(address->in6.sin6_port);
    return 0;
}

void address_set_port(struct address *address, uint16_t port)
{
    if (address->family == AF_INET)
        address->in.sin_port = htons(port);
    else if (address->family == AF_INET6)
        address->in6.sin6_port = htons(port);
}

struct ip address_ip(const struct address *address)
{
    struct ip ip = {0};

    if (address->family == AF_INET) {
        ip.family = 4;
        memcpy(ip.bytes, &address->in.sin_addr, 4);
    } else if (address->family == AF_INET6) {
        const uint8_t *bytes = address->in6.sin6_addr.s6_addr;
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr);

        ip.family = is_mapped ? 4 : 6;
        memcpy(ip.bytes, is_mapped ? bytes + 12 : bytes, is_mapped ? 4 : 16);
    }
    return ip;
}

struct address address_from_ip(struct ip ip, uint16_t port)
{
    struct address address = {0};

    if (ip.family == 4) {
        address.in.sin_family = AF_INET;
        memcpy(&address.in.sin_addr, ip.bytes, 4);
    } else if (ip.family == 6) {
        address.in6.sin6_family = AF_INET6;
        memcpy(&address.in6.sin6_addr, ip.bytes, 16);
    }
    address_set_port(&address, port);
    return address;
}

bool address_eq(const struct address *a, const struct address *b)
{
    if (a->family != b->family)
        return false;
    if (a->family == AF_UNIX)
        return a->un.path == b->un.path;
    return ip_eq(address_ip(a), address_ip(b)) && address_port(a) == address_port(b) &&
           (a->family != AF_INET6 || a->in6.sin6_scope_id == b->in6.sin6_scope_id);
}

/* Paths: few, compared by pointer, never freed. */

struct kept_path {
    struct kept_path *next;
    char *text;
};

static const char *keep_path(struct slice path)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct kept_path *kept;
    struct kept_path *found;

    pthread_mutex_lock(&mutex);
    for (found = kept; found && !slice_eq(slice_str(found->text), path);)
        found = found->next;
    if (!found) {
        found = mem_new(struct kept_path);
        found->text = mem_string(path);
        found->next = kept;
        kept = found;
    }
    pthread_mutex_unlock(&mutex);
    return found->text;
}

int address_from_path(struct slice path, struct address *out)
{
    struct address address = {.un = {.unix_family = AF_UNIX}};

    if (path.len == 0 || path.len > PATH_MAX_BYTES || memchr(path.data, '\0', path.len))
        return -1;
    address.un.path = keep_path(path);
    *out = address;
    return 0;
}

static socklen_t unix_to_sockaddr(const char *path, struct sockaddr_un *out)
{
    size_t len = path ? strlen(path) : 0;

    out->sun_family = AF_UNIX;
    if (len == 0)
        return offsetof(struct sockaddr_un, sun_path);
    memcpy(out->sun_path, path, len + 1);
    if (path[0] != '@')
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    out->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

socklen_t address_to_sockaddr(const struct address *address, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (address->family == AF_INET)
        memcpy(out, &address->in, sizeof(address->in));
    else if (address->family == AF_INET6)
        memcpy(out, &address->in6, sizeof(address->in6));
    else if (address->family == AF_UNIX)
        return unix_to_sockaddr(address->un.path, (struct sockaddr_un *)out);
    return address->family == AF_INET    ? sizeof(address->in)
           : address->family == AF_INET6 ? sizeof(address->in6)
                                         : 0;
}

struct address address_from_sockaddr(const struct sockaddr_storage *from)
{
    struct address address = {0};

    if (from->ss_family == AF_INET)
        memcpy(&address.in, from, sizeof(address.in));
    else if (from->ss_family == AF_INET6)
        memcpy(&address.in6, from, sizeof(address.in6));
    else if (from->ss_family == AF_UNIX)
        address.un.unix_family = AF_UNIX;
    if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address.in6.sin6_addr))
        return address_from_ip(address_ip(&address), address_port(&address));
    return address;
}
