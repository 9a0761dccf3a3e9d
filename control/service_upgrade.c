#include <unistd.h>

#include "base/log.h"
#include "control/admin.h"
#include "control/admin_socket.h"
#include "control/launcher.h"
#include "control/manager.h"
#include "control/privileges.h"
#include "control/service_parts.h"
#include "control/takeover.h"
#include "control/upgrade.h"
#include "net/loop.h"
#include "proxy/listen_set.h"
#include "proxy/snapshot.h"
#include "proxy/worker_control.h"

/* Both sides of an upgrade: this process as the old one, which hands over and leaves, and as the new one. */

static void answer_wish(struct service *service, const struct upgrade_outcome *outcome)
{
    struct upgrade_wish *wish = TAKE(service->wish);

    if (wish)
        wish->done(wish, outcome);
}

/* ---- leaving ---- */

/* Closed at once: a socket that is still open here, and nowhere else any more, would keep clients waiting for ever. */
static void on_left_here(void *argument)
{
    struct service *service = argument;

    if (--service->handing_over > 0)
        return;
    listen_set_close(service->listens, NULL);
    service->listens = listen_set_none(service->workers_count);
}

static void on_left(void *argument)
{
    struct service *service = argument;

    loop_post(service->loop, on_left_here, service);
}

static void hand_over(struct service *service, const struct listen_set *leaving)
{
    service->is_stopping = true;
    service->handing_over = service->draining = service->workers_count;
    for (unsigned i = 0; i < service->workers_count; i++)
        worker_hand_over(service->workers[i], leaving, on_left, service);
    drain_watch_stop(&service->drain_watch, &service->snapshot->timeouts);
}

void service_leave(struct service *service)
{
    hand_over(service, NULL);
}

static bool is_left(const void *owner, int fd)
{
    return upgrade_leaves(owner, fd);
}

/* Where the new one listens elsewhere, what is under way still comes here, as after a reload. */
static void leave_to_successor(struct service *service)
{
    struct listen_set *all = service->listens, *leaving;

    service->listens = listen_set_kept(all, is_left, service->upgrade);
    leaving = listen_set_leave(all, service->listens);
    hand_over(service, leaving);
    if (leaving)
        service_say_farewell(service, leaving);
}

static void leave_admin(struct service *service)
{
    admin_leave(service->admin);
    admin_socket_keep(service->admin_socket, true);
    admin_socket_close(TAKE(service->admin_socket));
}

/* ---- the old process ---- */

static void on_served(void *owner, pid_t pid, const char *version, bool has_admin)
{
    struct service *service = owner;

    log_event(LOG_INFO, "upgraded", "from=%d to=%d version=%s before=%s", (int)getpid(), (int)pid,
              log_quote(slice_str(version)), PORTICO_VERSION);
    manager_handed_over(service->manager, pid);
    service->is_handed_over = true;
    answer_wish(service, &(struct upgrade_outcome){.pid = pid, .version = version});
    if (has_admin)
        leave_admin(service);
    log_event(LOG_INFO, "draining", "for=%d", (int)pid);
    leave_to_successor(service);
    service->reloads.is_signalled = false; /* the new one does it */
    service_reload(service);
}

/* The new one may have set up the sockets for other routes. */
static void on_failed(void *owner, const char *reason)
{
    struct service *service = owner;

    log_event(LOG_ERROR, "upgrade_failed", "serving=%d reason=%s", (int)getpid(),
              log_quote(slice_str(reason)));
    listen_set_restore(service->listens);
    answer_wish(service, &(struct upgrade_outcome){.reason = reason});
    service_reload(service);
}

static bool on_wants_reload(void *owner)
{
    const struct service *service = owner;

    return service->reloads.is_signalled;
}

static const struct upgrade_events UPGRADE_EVENTS = {on_served, on_failed, on_wants_reload};

void service_make_upgrade(struct service *service)
{
    const char *why_not =
        service->launcher ? NULL : "nothing here can start another process: restart Portico instead";

    service->upgrade = upgrade_new(service->loop, TAKE(service->launcher), why_not, UPGRADE_LIMIT_MS,
                                   &UPGRADE_EVENTS, service);
}

static const char *why_not_now(const struct service *service)
{
    if (service->is_stopping && !service->is_handed_over)
        return "this Portico is stopping";
    if (takeover_is_under_way(service->takeover))
        return "this process is just taking the place of another one";
    if (getpid() == 1)
        return "this is process 1 of a container, which ends with it: replace the container instead";
    return NULL;
}

static int begin(struct service *service, struct error *error)
{
    const struct upgrade_goods goods = {service->listens, service->admin_socket, service->keys};
    const char *why_not = why_not_now(service);

    if (why_not)
        return error_set(error, "%s", why_not);
    return upgrade_begin(service->upgrade, &goods, error);
}

static void begin_or_refuse(struct service *service, struct upgrade_wish *wish)
{
    struct error error;

    if (begin(service, &error) == 0) {
        service->wish = wish;
        log_event(LOG_INFO, "upgrade_begun", "pid=%d version=%s", (int)getpid(), PORTICO_VERSION);
        return;
    }
    log_event(LOG_ERROR, "upgrade_failed", "serving=%d reason=%s", (int)getpid(),
              log_quote(slice_str(error.text)));
    if (wish)
        wish->done(wish, &(struct upgrade_outcome){.reason = error.text});
}

void service_upgrade(struct service *service, struct upgrade_wish *wish)
{
    if (!service_is_reloading(service)) {
        begin_or_refuse(service, wish);
    } else if (!service->is_upgrade_due) {
        service->is_upgrade_due = true;
        service->wish = wish;
    } else if (wish) {
        wish->done(wish, &(struct upgrade_outcome){.reason = "an upgrade is due already"});
    }
}

void service_upgrade_next(struct service *service)
{
    service->is_upgrade_due = false;
    begin_or_refuse(service, TAKE(service->wish));
}

/* ---- the new process ---- */

int service_take_over(struct service *service, struct error *error)
{
    if (!service->takeover)
        return 0;
    service->files = privileges_raise_files(); /* before they come */
    return takeover_receive(service->takeover, &service->inherited, service->keys, error);
}

static void on_ours(void *owner, bool wants_reload)
{
    struct service *service = owner;

    if (service->admin_socket)
        admin_socket_keep(service->admin_socket, false);
    if (service->is_stopping)
        return;
    service->reloads.is_signalled |= wants_reload;
    service_reload(service);
}

static void on_speaks(void *owner)
{
    struct service *service = owner;

    if (!service->is_stopping)
        manager_serving(service->manager, service->snapshot);
}

static void on_given_up(void *owner)
{
    struct service *service = owner;

    log_event(LOG_ERROR, "takeover_given_up", "pid=%d reason=\"the process before serves on\"",
              (int)getpid());
    service->is_given_up = true;
    if (!service->is_stopping)
        service_leave(service);
}

static const struct takeover_events TAKEOVER_EVENTS = {on_ours, on_speaks, on_given_up};

void service_is_ready(struct service *service)
{
    if (service->takeover && !service->is_stopping)
        takeover_serving(service->takeover, service->loop, &TAKEOVER_EVENTS, service);
    else if (!service->is_stopping)
        manager_serving(service->manager, service->snapshot);
}
