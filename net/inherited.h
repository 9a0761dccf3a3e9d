/** Listening sockets that the process was started with: socket activation (sd_listen_fds(3)). LISTEN_FDS descriptors from
 *  3 on are ours when LISTEN_PID is this process; LISTEN_FDNAMES names them.
 *  The sockets belong to whoever takes them. Each is shared with the one who opened it, who goes on when we end: so they
 *  are never shut down, and whoever connects meanwhile waits for the next process. */
#ifndef NET_INHERITED_H
#define NET_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "net/address.h"

struct inherited_socket {
    int fd; /* -1 once it was taken */
    struct address address;
    bool takes_both;  /* of [::]: IPv4 as well (BindIPv6Only=both) */
    bool shares_port; /* SO_REUSEPORT: others of the same user may listen beside it */
    char *name;       /* "unknown" without LISTEN_FDNAMES */
};

/** In the owner's memory; all zero is "none". */
struct inherited {
    struct inherited_socket *sockets;
    size_t count;
};

/** Takes the variables out of the environment, so before any other thread runs. What is no listening TCP socket is closed
 *  with a warning. */
void inherited_find(struct inherited *out);
/** Closes one with a warning that says why. */
void inherited_refuse(struct inherited_socket *socket, const char *reason);
/** Closes those that nobody took, with a warning each. */
void inherited_close(struct inherited *inherited);
/** Closes without a word what is left. */
void inherited_fini(struct inherited *inherited);

#endif
