#include "control/port_check.h"

#include <errno.h>
#include <string.h>

#include "control/admin_find.h"
#include "net/listener.h"
#include "net/port_holder.h"
#include "proxy/snapshot.h"

/* Who holds a port is looked for in all of /proc: some 10 ms each. */
enum { HELD_MAX = 100 };

struct look {
    struct origin origin; /* settled: with the file that is meant */
    struct text *said;
    size_t held, more;
    int last_pid; /* 0: none was asked about */
    bool is_same_file;
};

static void warn(struct look *look, const char *sentence)
{
    struct text line = {0};

    text_printf(&line, "portico: warning: %s\n", sentence);
    if (!look->said->len || !strstr(look->said->data, line.data)) /* of IPv4 and of IPv6 the same is said */
        text_add(look->said, text_slice(&line));
    text_fini(&line);
}

static bool serves_this_file(struct look *look, int pid)
{
    if (pid != look->last_pid)
        look->is_same_file = admin_find_serves(&look->origin, pid);
    look->last_pid = pid;
    return look->is_same_file;
}

static bool is_our_own(struct look *look, const struct address *address)
{
    struct port_holder holder;

    return port_holder_find(address, &holder) && serves_this_file(look, holder.pid);
}

static void check_one(struct look *look, const struct listen *listen)
{
    const int error_number = listener_try(&listen->address);
    struct error error;

    if (error_number == 0 ||
        (listen->is_optional && (error_number == EAFNOSUPPORT || error_number == EADDRNOTAVAIL)))
        return;
    if (error_number == EADDRINUSE && look->held++ >= HELD_MAX) {
        look->more++;
        return;
    }
    if (error_number == EADDRINUSE && is_our_own(look, &listen->address))
        return;
    listener_explain(&listen->address, error_number, &error);
    warn(look, error.text);
}

void port_check(const struct snapshot *snapshot, const struct origin *origin, struct text *said)
{
    struct look look = {.origin = load_settled(origin), .said = said};

    for (size_t i = 0; i < snapshot->listens_count; i++)
        check_one(&look, &snapshot->listens[i]);
    if (look.more && said->len)
        text_printf(said, "portico: warning: %zu more addresses are held, nobody looked by whom\n",
                    look.more);
}
