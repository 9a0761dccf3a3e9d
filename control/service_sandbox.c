#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/admin_socket.h"
#include "control/capabilities.h"
#include "control/named_files.h"
#include "control/privileges.h"
#include "control/sandbox.h"
#include "control/service_parts.h"
#include "proxy/log_writer.h"
#include "proxy/snapshot.h"

/* Happy path:  bounds emptied → the state's directory → the user → the walls → what a reload could not read is told
 * `sandbox: off`: the directory where there is a user, the user, and a warning */

/* ---- the user ---- */

static int become_user(const struct service *service, struct error *error)
{
    const struct slice user = service->snapshot->user;
    char *name;
    int rc;

    if (user.len == 0)
        return 0;
    name = mem_string(user);
    rc = privileges_drop(name, error);
    mem_free(name);
    return rc;
}

/* ---- capabilities ---- */

/* Below it a port needs CAP_NET_BIND_SERVICE. */
static unsigned unprivileged_ports(void)
{
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    unsigned start = IPPORT_RESERVED;

    if (file && fscanf(file, "%u", &start) != 1)
        start = IPPORT_RESERVED;
    if (file)
        fclose(file);
    return start;
}

static bool has_privileged_port(const struct snapshot *snapshot)
{
    const unsigned start = unprivileged_ports();

    for (size_t i = 0; i < snapshot->listens_count; i++) {
        if (address_port(&snapshot->listens[i].address) < start)
            return true;
    }
    return false;
}

static bool has_unix_target(const struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->targets[i].target.kind == TARGET_UNIX)
            return true;
    }
    return false;
}

/* Of who it is now: whoever serves at such a socket rarely gives it to root. */
static bool connects_as_root(const struct snapshot *snapshot)
{
    bool does = false;

    for (size_t i = 0; geteuid() == 0 && i < snapshot->pools_count; i++)
        does |= has_unix_target(&snapshot->pools[i]);
    return does;
}

static uint64_t needed_capabilities(const struct snapshot *snapshot)
{
    uint64_t needed = 0;

    if (has_privileged_port(snapshot))
        needed |= CAPABILITY(CAP_NET_BIND_SERVICE);
    if (connects_as_root(snapshot))
        needed |= CAPABILITY(CAP_DAC_OVERRIDE);
    return needed;
}

/* ---- files ---- */

static void say_no_state(const struct snapshot *snapshot, const char *reason)
{
    log_event(LOG_DEBUG, "no_state", "directory=%s reason=%s", log_quote(snapshot->state),
              log_quote(slice_str(reason)));
}

static void give_state(const struct snapshot *snapshot)
{
    char *user = mem_string(snapshot->user);
    struct error error;

    if (privileges_give_one(snapshot->state.data, user, &error) < 0)
        say_no_state(snapshot, error.text);
    mem_free(user);
}

/* A later configuration may be the first to need it: by then this is the user, and where it is must be allowed already. One
 * that was there stays whose it is. */
static void make_state(const struct snapshot *snapshot)
{
    if (!snapshot->state.data)
        return;
    if (mkdir(snapshot->state.data, 0700) == 0) {
        if (snapshot->user.len && privileges_can_give())
            give_state(snapshot);
    } else if (errno != EEXIST) {
        say_no_state(snapshot, strerror(errno));
    }
}

static void warn_of_unread(const char *path)
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0) {
        close(fd);
        return;
    }
    if (errno == EACCES || errno == EPERM)
        log_event(LOG_WARN, "reload_cannot_read", "file=%s reason=\"%s\"", log_quote(slice_str(path)),
                  strerror(errno));
}

/* Better now than when a certificate is to be renewed. */
static void look_ahead(const struct named_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        warn_of_unread(files->places[i].path);
}

static void add_reason(struct error *error, const char *why)
{
    const struct error told = *error;

    error_set(error, "%s: %s", told.text, why);
}

void service_explain_ports(const struct snapshot *snapshot, struct error *error)
{
    if (sandbox_now()->given_up & CAPABILITY(CAP_NET_BIND_SERVICE) && has_privileged_port(snapshot))
        add_reason(error,
                   "the running process gave CAP_NET_BIND_SERVICE up, as no port needed it at its start: "
                   "restart (`portico upgrade`)");
}

int service_open_log(struct service *service, struct slice to, struct error *error)
{
    const char *why;
    char *path;

    if (log_writer_reopen(service->access, to, error) == 0)
        return 0;
    path = mem_string(to);
    why = sandbox_why_unwritten(path);
    mem_free(path);
    if (why)
        add_reason(error, why);
    return -1;
}

/* ---- all of it ---- */

int service_confine(struct service *service, const struct named_files *files, struct error *error)
{
    const struct snapshot *snapshot = service->snapshot;
    const struct admin_socket *admin = service->admin_socket;
    struct sandbox_terms terms = {
        .reach = {.files = files,
                  .state = snapshot->state,
                  .log = snapshot->access_to,
                  .admin = slice_str(admin ? admin_socket_path(admin) : NULL)},
    };

    if (snapshot->sandbox)
        sandbox_prepare();
    if (snapshot->sandbox || snapshot->user.len)
        make_state(snapshot);
    if (become_user(service, error) < 0)
        return -1;
    if (!snapshot->sandbox) {
        log_event(LOG_WARN, "sandbox_off", "reason=\"sandbox: off\"");
        return 0;
    }
    terms.capabilities = needed_capabilities(snapshot);
    sandbox_enter(&terms);
    look_ahead(files);
    return 0;
}
