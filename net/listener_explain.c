#include "net/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/port_holder.h"

enum { PLACE_TEXT = ADDRESS_TEXT + 32 };

static bool is_any(const struct address *address)
{
    return address->family == AF_INET ? address->in.sin_addr.s_addr == INADDR_ANY
                                      : IN6_IS_ADDR_UNSPECIFIED(&address->in6.sin6_addr);
}

/* "port 80", "port 80 of 192.0.2.1" */
static const char *place_describe(const struct address *address, char out[PLACE_TEXT])
{
    char ip[ADDRESS_TEXT];

    if (is_any(address))
        snprintf(out, PLACE_TEXT, "port %u", address_port(address));
    else
        snprintf(out, PLACE_TEXT, "port %u of %s", address_port(address), address_describe_ip(address, ip));
    return out;
}

static void explain_taken(const struct address *address, const char *place, struct error *error)
{
    struct port_holder holder;

    if (port_holder_find(address, &holder))
        error_set(error, "%s is held by %s (pid %d): stop it, or give Portico another port", place,
                  holder.program, holder.pid);
    else
        error_set(error,
                  "%s is held by another process (only root may see which one): stop it, or give Portico "
                  "another port",
                  place);
}

void listener_explain(const struct address *address, int error_number, struct error *error)
{
    char text[PLACE_TEXT];
    const char *place = place_describe(address, text);

    switch (error_number) {
    case EADDRINUSE:
        explain_taken(address, place, error);
        break;
    case EACCES:
    case EPERM:
        error_set(error,
                  "%s needs a privilege this process lacks: run it as root, or allow it with \"setcap "
                  "cap_net_bind_service=+ep $(command -v portico)\" or \"sysctl "
                  "net.ipv4.ip_unprivileged_port_start=%u\", or have systemd open it (portico.socket)",
                  place, address_port(address));
        break;
    case EADDRNOTAVAIL:
        error_set(error,
                  "%s cannot be opened: that address is on no interface of this machine; \"ip address\" "
                  "lists those that are",
                  place);
        break;
    case EAFNOSUPPORT:
        error_set(error, "%s cannot be opened: this machine has no %s", place,
                  address->family == AF_INET6 ? "IPv6" : "IPv4");
        break;
    default:
        error_set(error, "%s cannot be opened: %s", place, strerror(error_number));
    }
}
