#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <errno.h>

#include "control/command.h"
#include "control/options.h"
#include "proxy/snapshot.h"

enum { ANSWER_SECONDS = 3 };

/* "All addresses" is asked at the loopback of its family. */
static struct address reachable(const struct address *address)
{
    const struct ip v4 = {.family = 4, .bytes = {127, 0, 0, 1}}, v6 = {.family = 6, .bytes = {[15] = 1}};
    struct ip ip = address_ip(address);
    static const uint8_t ANY[16];

    if (memcmp(ip.bytes, ANY, ip.family == 4 ? 4 : 16) != 0)
        return *address;
    return address_from_ip(ip.family == 4 ? v4 : v6, address_port(address));
}

static bool takes_connections(const struct listen *listen)
{
    const struct timeval limit = {.tv_sec = ANSWER_SECONDS};
    struct address address = reachable(&listen->address);
    int fd = socket(address.family, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;
    struct sockaddr_storage to;
    socklen_t to_len = address_to_sockaddr(&address, &to);
    char text[ADDRESS_TEXT];

    if (fd < 0)
        return listen->is_optional;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    rc = connect(fd, (const struct sockaddr *)&to, to_len);
    if (rc < 0 && !listen->is_optional)
        printf("%s: %s\n", address_describe(&address, text), strerror(errno));
    close(fd);
    return rc == 0 || listen->is_optional;
}

enum exit_code command_health(int argc, char **argv)
{
    struct origin origin;
    struct snapshot *snapshot;
    struct text said = {0};
    enum exit_code code = EXIT_FINE;

    if (!options_read_origin(argc, argv, false, &origin))
        return command_usage("health");
    if (load_snapshot(&origin, NULL, &said, NULL, &snapshot) < 0) {
        fputs(said.data, stderr);
        text_fini(&said);
        return EXIT_WRONG;
    }
    for (size_t i = 0; i < snapshot->listens_count; i++) {
        if (!takes_connections(&snapshot->listens[i]))
            code = EXIT_NO_PROCESS;
    }
    snapshot_unref(snapshot);
    text_fini(&said);
    if (code == EXIT_FINE)
        puts("every port takes connections");
    return code;
}
