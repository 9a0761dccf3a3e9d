/** Listening sockets that the process was started with: socket activation (sd_listen_fds(3)). LISTEN_FDS descriptors from
 *  3 on are ours when LISTEN_PID is this process; LISTEN_FDNAMES names them.
 *  The sockets belong to whoever takes them. Each is shared with the one who opened it, who goes on when we end: so they
 *  are never shut down, and whoever connects meanwhile waits for the next process.
 *  Likewise those that the process before us hands over (control/takeover.h), which are ours alone then. */
#ifndef NET_INHERITED_H
#define NET_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

#include "net/address.h"

struct inherited_socket {
    int fd; /* -1 once it was taken */
    struct address address;
    bool takes_both;  /* of [::]: IPv4 as well (BindIPv6Only=both) */
    bool is_ours;     /* handed over by the process whose place we take: no one else goes on with it */
    bool is_unused;   /* closed by inherited_close() */
    bool shares_port; /* SO_REUSEPORT: others of the same user may listen beside it */
    uint64_t cookie;  /* of the kernel: the same for all descriptors of one socket */
    char *name;       /* "unknown" without LISTEN_FDNAMES */
};

/** In the owner's memory; all zero is "none". */
struct inherited {
    struct inherited_socket *sockets;
    size_t count, cap;
};

/** The kernel's number of a socket, the same in all processes. @return 0: it has none */
uint64_t inherited_cookie(int fd);
/** How many there are, by the environment. */
size_t inherited_count(void);
/** Takes the variables out of the environment, so before any other thread runs. What is no listening TCP socket is closed
 *  with a warning. */
void inherited_find(struct inherited *out);
/** Takes one that another process handed over. What is no listening TCP socket is closed with a warning, and what is
 *  there already without. */
void inherited_add(struct inherited *inherited, int fd, bool is_ours);
/** Closes one with a warning that says why. */
void inherited_refuse(struct inherited_socket *socket, const char *reason);
/** Closes those that nobody took, with a warning each unless they are ours. */
void inherited_close(struct inherited *inherited);
/** Closes without a word what is left. */
void inherited_fini(struct inherited *inherited);

#endif
