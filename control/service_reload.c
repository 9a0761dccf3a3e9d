#include <unistd.h>

#include "backends/warden.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/changes.h"
#include "control/event_lines.h"
#include "control/manager.h"
#include "control/named_files.h"
#include "control/service_parts.h"
#include "control/upgrade.h"
#include "net/file_watch.h"
#include "net/loop.h"
#include "proxy/listen_set.h"
#include "proxy/log_writer.h"
#include "proxy/snapshot.h"
#include "proxy/worker_control.h"

/* Happy path:  asked for → loaded → whom it affects is counted → what it changes is told → taken over → every worker has applied it → told
 * On failure:  refused, with the reason; the snapshot that is there serves on
 * One at a time: what is asked for meanwhile waits. */

/* Descriptors that are not connections: libraries, logs, loops, listeners' share. */
enum { FILES_OF_OURS = 32, FILES_A_WORKER = 8 };

/* ---- pools ---- */

static void on_pool_changed(void *owner, const struct pool *pool, struct roster *roster)
{
    struct service *service = owner;

    for (unsigned i = 0; i < service->workers_count; i++)
        worker_renew(service->workers[i], service->snapshot, pool->number, roster);
}

static void hold_snapshot(void *snapshot)
{
    snapshot_ref(snapshot);
}

static void let_go_of_snapshot(void *snapshot)
{
    snapshot_unref(snapshot);
}

const struct warden_events SERVICE_WARDEN_EVENTS = {
    .hold = hold_snapshot, .let_go = let_go_of_snapshot, .changed = on_pool_changed};

void service_watch_pools(struct service *service)
{
    struct snapshot *snapshot = service->snapshot;

    warden_set_secret(service->warden, snapshot->sticky_secret);
    snapshot->rosters = mem_new_n(struct roster *, snapshot->pools_count);
    warden_take(service->warden, snapshot, snapshot->pools, snapshot->pools_count, snapshot->rosters);
    snapshot_index(snapshot);
    snapshot->home = service->loop;
}

/* ---- applying a snapshot ---- */

/* A connection needs a descriptor in front and one behind. */
static size_t fronts_max(const struct service *service)
{
    uint64_t ours = FILES_OF_OURS + (FILES_A_WORKER + service->listens->count) * service->workers_count;
    uint64_t all = service->snapshot->limits.connections;

    if (all == SETTING_NONE)
        all = service->files > ours + 2 ? (service->files - ours) / 2 : 1;
    return MAX(all / service->workers_count, (uint64_t)1);
}

static void end_reload(struct service *service, enum reload_result result, const char *reason)
{
    reloads_end(&service->reloads, result, service->snapshot->version, reason);
}

/* ---- listeners that go ---- */

static void on_left_here(void *argument)
{
    struct listen_set *left = argument, **at;
    struct service *service = left->owner;

    if (--left->users > 0)
        return;
    for (at = &service->leaving; *at != left; at = &(*at)->next)
        continue;
    *at = left->next;
    listen_set_close(left, NULL);
}

static void on_left(void *argument)
{
    const struct listen_set *left = argument;
    struct service *service = left->owner;

    loop_post(service->loop, on_left_here, argument);
}

void service_say_farewell(struct service *service, struct listen_set *leaving)
{
    leaving->owner = service;
    leaving->users = service->workers_count;
    leaving->next = service->leaving;
    service->leaving = leaving;
    for (unsigned i = 0; i < service->workers_count; i++)
        worker_leave(service->workers[i], leaving, on_left, leaving);
}

static void begin_leaving(struct service *service)
{
    struct listen_set *old = TAKE(service->old_listens);
    struct listen_set *leaving = old ? listen_set_leave(old, service->listens) : NULL;

    if (leaving)
        service_say_farewell(service, leaving);
}

void service_close_leaving(struct service *service)
{
    while (service->leaving) {
        struct listen_set *left = service->leaving;

        service->leaving = left->next;
        listen_set_close(left, NULL);
    }
}

static void on_applied_here(void *argument)
{
    struct service *service = argument;

    if (--service->applying > 0)
        return;
    begin_leaving(service);
    log_event(LOG_INFO, service->snapshot->version == 1 ? "ready" : "reloaded",
              "version=%llu source=%s routes=%zu listeners=%zu workers=%u pid=%d",
              (unsigned long long)service->snapshot->version, log_quote(service->snapshot->source),
              service->snapshot->routes_count, service->listens->count, service->workers_count,
              (int)getpid());
    service->loaded_at = time(NULL);
    if (service->snapshot->version == 1)
        service_is_ready(service);
    else if (!service->is_stopping)
        manager_serving(service->manager, service->snapshot);
    if (service->snapshot->version > 1) {
        drain_watch_reloaded(&service->drain_watch, service->snapshot->version);
        end_reload(service, RELOAD_APPLIED, NULL);
    }
    service_reload(service);
}

static void on_applied(void *argument)
{
    struct service *service = argument;

    loop_post(service->loop, on_applied_here, service);
}

void service_apply(struct service *service)
{
    service->applying = service->workers_count;
    log_set_level((enum log_level)service->snapshot->log_level);
    for (unsigned i = 0; i < service->workers_count; i++)
        worker_apply(service->workers[i], service->snapshot, service->listens, fronts_max(service),
                     on_applied, service);
}

/* ---- one in place of another ---- */

static void warn_of_restart(const struct service *service, const struct snapshot *snapshot)
{
    if (snapshot->workers != service->snapshot->workers)
        log_event(LOG_WARN, "reload_needs_restart", "key=workers");
    if (!slice_eq(snapshot->user, service->snapshot->user))
        log_event(LOG_WARN, "reload_needs_restart", "key=user");
    if (snapshot->sandbox != service->snapshot->sandbox)
        log_event(LOG_WARN, "reload_needs_restart", "key=sandbox");
    if (!slice_eq(snapshot->admin, service->snapshot->admin))
        log_event(LOG_WARN, "reload_needs_restart", "key=admin");
}

static int move_access_log(struct service *service, struct slice from, struct slice to, struct error *error)
{
    return slice_eq(from, to) ? 0 : service_open_log(service, to, error);
}

/* All of it or nothing: other name servers may know other addresses at once. */
static int move_outward(struct service *service, const struct snapshot *before, const struct snapshot *after,
                        struct error *error)
{
    struct error ignored;

    if (move_access_log(service, before->access_to, after->access_to, error) < 0)
        return -1;
    if (warden_set_resolvers(service->warden, after->resolvers, after->resolvers_count, error) == 0)
        return 0;
    if (move_access_log(service, after->access_to, before->access_to, &ignored) < 0)
        log_event(LOG_ERROR, "log_reopen_failed", "reason=%s", log_quote(slice_str(ignored.text)));
    return -1;
}

static int take_over(struct service *service, struct snapshot *snapshot, struct error *error)
{
    struct listen_set *listens;
    struct snapshot *before = service->snapshot;

    if (listen_set_open(service->listens, service->leaving, NULL, snapshot, service->workers_count, &listens,
                        error) < 0) {
        service_explain_ports(snapshot, error);
        return -1;
    }
    if (move_outward(service, before, snapshot, error) < 0) {
        listen_set_close(listens, service->listens);
        return -1;
    }
    warn_of_restart(service, snapshot);
    snapshot->version = before->version + 1;
    service->snapshot = snapshot;
    service_watch_pools(service); /* what it knows of the pools before is still there */
    snapshot_unref(before);
    service->old_listens = service->listens;
    service->listens = listens;
    service_apply(service);
    return 0;
}

static void refuse(struct service *service, const char *reason)
{
    if (!service->reloads.is_dry) {
        log_event(LOG_ERROR, "reload_refused", "serving=%llu reason=%s",
                  (unsigned long long)service->snapshot->version, log_quote(slice_str(reason)));
        manager_refused(service->manager, service->snapshot, reason);
    }
    end_reload(service, RELOAD_REFUSED, reason);
}

/* What a dry run finds is for who asked alone. */
static void log_findings(const struct reloads *reloads, enum log_level level)
{
    if (!reloads->is_dry)
        event_lines_said(level, &reloads->said);
}

/* What changes is told once it is sure to happen, and in front of "reloaded". Also that nothing does: the files that
 * the configuration names may say something new all the same. @return true when it is being applied */
static bool replace(struct service *service, struct snapshot *snapshot, const struct worker_count *count)
{
    struct reloads *reloads = &service->reloads;
    struct error error = {0};

    changes_describe(service->snapshot, snapshot, count, &reloads->changes); /* both are there only now */
    if (!reloads->is_dry && take_over(service, snapshot, &error) == 0) {
        event_lines_changes(&reloads->changes);
        return true;
    }
    snapshot_unref(snapshot);
    if (reloads->is_dry)
        end_reload(service, RELOAD_LOOKED_AT, NULL);
    else
        refuse(service, error.text);
    return false;
}

static void refuse_stopping(struct service *service)
{
    end_reload(service, RELOAD_REFUSED, "this Portico is stopping");
}

/* Of what was read, also when it was refused. */
static void renew_files(struct service *service, struct candidate *candidate, bool is_accepted)
{
    if (!candidate->is_dry)
        renewal_take(&service->renewal, &candidate->files, is_accepted, candidate->since);
    named_files_fini(&candidate->files);
}

static void on_counted(void *owner, const struct worker_count *count)
{
    struct service *service = owner;
    struct candidate candidate = service->candidate;

    service->candidate = (struct candidate){0};
    if (service->is_stopping) {
        snapshot_unref(candidate.snapshot);
        named_files_fini(&candidate.files);
        refuse_stopping(service);
    } else {
        const bool is_accepted = replace(service, candidate.snapshot, count);

        renew_files(service, &candidate, is_accepted);
    }
    service_reload(service);
}

void service_forget_candidate(struct service *service)
{
    struct candidate *candidate = &service->candidate;

    census_forget(candidate->census);
    snapshot_unref(candidate->snapshot);
    named_files_fini(&candidate->files);
    *candidate = (struct candidate){0};
}

/* Ends at once, or when all workers have applied it. */
static void begin_reload(struct service *service)
{
    struct reloads *reloads = &service->reloads;
    struct candidate candidate = {.since = file_watch_now(), .is_dry = reloads->is_dry};

    if (!reloads->is_dry)
        manager_reloading(service->manager);
    if (load_snapshot(&service->origin, service->keys, &reloads->said, &candidate.files,
                      &candidate.snapshot) < 0) {
        log_findings(reloads, LOG_ERROR);
        renew_files(service, &candidate, false);
        refuse(service, "the configuration has errors");
        return;
    }
    log_findings(reloads, LOG_WARN);
    candidate.census =
        census_begin(service->loop, service->workers, service->workers_count, on_counted, service);
    service->candidate = candidate;
}

bool service_is_reloading(const struct service *service)
{
    return service->applying > 0 || service->candidate.census;
}

void service_reload(struct service *service)
{
    while (!service_is_reloading(service) && !upgrade_is_under_way(service->upgrade)) {
        if (service->is_upgrade_due)
            service_upgrade_next(service);
        else if (!reloads_next(&service->reloads))
            break;
        else if (service->is_handed_over)
            end_reload(service, RELOAD_REFUSED, "another process has taken the place of this one: ask again");
        else if (service->is_stopping)
            refuse_stopping(service);
        else
            begin_reload(service);
    }
}

void service_files_changed(void *owner, const char *path)
{
    struct service *service = owner;

    log_event(LOG_INFO, "files_changed", "first=%s", log_quote(slice_str(path)));
    service->reloads.is_signalled = true;
    service_reload(service);
}
