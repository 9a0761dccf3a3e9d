#include "base/log.h"
#include "control/admin.h"
#include "control/admin_socket.h"
#include "control/census.h"
#include "control/service_parts.h"
#include "control/status.h"
#include "control/takeover.h"
#include "net/loop.h"
#include "proxy/snapshot.h"

/* What the configuration names must be; the default place may be unfit without anyone's fault. */
int service_open_admin(struct service *service, struct error *error)
{
    const struct slice path = service->snapshot->admin;

    if (service->takeover)
        service->admin_socket = takeover_admin(service->takeover, path, service->snapshot->user);
    if (service->admin_socket)
        return 0;
    if (admin_socket_open(path, service->snapshot->user, &service->admin_socket, error) == 0)
        return 0;
    if (path.data && service->takeover)
        return error_within(error, "admin (a change of `user` needs a restart)");
    if (path.data)
        return error_within(error, "admin");
    log_event(LOG_WARN, "admin_unavailable", "reason=%s", log_quote(slice_str(error->text)));
    *error = (struct error){0};
    return 0;
}

int service_serve_admin(struct service *service, struct error *error)
{
    if (!service->admin_socket)
        return 0;
    return admin_new(service->loop, admin_socket_fd(service->admin_socket), &service->office, &service->admin,
                     error);
}

static void on_admin_reload(void *owner, struct reload *asked)
{
    struct service *service = owner;

    reloads_ask(&service->reloads, asked);
    service_reload(service);
}

static void on_admin_forget(void *owner, struct reload *asked)
{
    struct service *service = owner;

    reloads_forget(&service->reloads, asked);
}

static void on_admin_upgrade(void *owner, struct upgrade_wish *wish)
{
    service_upgrade(owner, wish);
}

static void on_admin_forget_upgrade(void *owner, struct upgrade_wish *wish)
{
    struct service *service = owner;

    if (service->wish == wish)
        service->wish = NULL;
}

static struct census *on_admin_census(void *owner, census_done *done, void *argument)
{
    struct service *service = owner;

    return census_begin(service->loop, service->workers, service->workers_count, done, argument);
}

static struct why *on_admin_why(void *owner, uint64_t id, why_done *done, void *argument)
{
    struct service *service = owner;

    return why_begin(service->loop, service->workers, service->workers_count, id, done, argument);
}

static void on_admin_facts(void *owner, struct status_facts *facts)
{
    const struct service *service = owner;

    facts->started_at = service->started_at;
    facts->loaded_at = service->loaded_at;
    facts->uptime_ms = (loop_now_us() - service->started_us) / 1000;
    facts->origin = &service->origin;
    facts->file = service->file;
    facts->snapshot = service->snapshot;
    facts->listens = service->listens;
    facts->warden = service->warden;
    facts->reloads = &service->reloads;
    facts->workers = service->workers_count;
    facts->drain_watch = &service->drain_watch;
    facts->draining = service->draining;
    facts->is_stopping = service->is_stopping;
    facts->is_applying = service->applying > 0;
    facts->predecessor = (int)takeover_predecessor(service->takeover);
}

const struct admin_office SERVICE_OFFICE = {
    .reload = on_admin_reload,
    .forget = on_admin_forget,
    .upgrade = on_admin_upgrade,
    .forget_upgrade = on_admin_forget_upgrade,
    .census = on_admin_census,
    .why = on_admin_why,
    .facts = on_admin_facts,
};
