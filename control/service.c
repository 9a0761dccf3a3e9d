#include "control/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "backends/warden.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/changes.h"
#include "control/event_lines.h"
#include "control/manager.h"
#include "control/privileges.h"
#include "control/renewal.h"
#include "net/inherited.h"
#include "net/loop.h"
#include "proxy/client_counts.h"
#include "proxy/listen_set.h"
#include "proxy/log_writer.h"
#include "proxy/snapshot.h"
#include "proxy/worker_control.h"

enum { WORKERS_MAX = 1024 }; /* conf/fields.def allows no more */

/* Descriptors that are not connections: libraries, logs, loops, listeners' share. */
enum { FILES_OF_OURS = 32, FILES_A_WORKER = 8 };

struct service {
    struct origin origin;
    struct loop *loop; /* of the main thread */
    struct manager *manager;
    struct renewal renewal;
    struct inherited inherited; /* what the process was started with, until the first set is open */
    struct ticket_keys *keys;
    struct snapshot *snapshot;
    struct listen_set *listens;
    struct listen_set *old_listens; /* while workers still let go of them */
    struct log_writer *access, *events;
    struct client_counts *counts;
    struct warden *warden;
    struct worker **workers;
    unsigned workers_count;
    uint64_t files;
    unsigned applying;  /* workers that have not answered yet */
    unsigned draining;  /* workers that still have connections */
    bool reload_wanted; /* asked for while another one was being applied */
    bool is_stopping, is_aborting;
};

static struct log_channel *events_channel;

static void divert_events(struct slice line)
{
    log_channel_add(events_channel, line);
}

/* ---- start ---- */

static unsigned count_workers(const struct snapshot *snapshot)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (snapshot->workers)
        return MIN(snapshot->workers, (unsigned)WORKERS_MAX);
    return cores < 1 ? 1 : (unsigned)MIN(cores, (long)WORKERS_MAX);
}

/* A connection needs a descriptor in front and one behind. */
static size_t fronts_max(const struct service *service)
{
    uint64_t ours = FILES_OF_OURS + (FILES_A_WORKER + service->listens->count) * service->workers_count;
    uint64_t all = service->snapshot->limits.connections;

    if (all == SETTING_NONE)
        all = service->files > ours + 2 ? (service->files - ours) / 2 : 1;
    return MAX(all / service->workers_count, (uint64_t)1);
}

static int drop_privileges(const struct service *service, struct error *error)
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

static int open_logs(struct service *service, struct error *error)
{
    if (log_writer_open(SLICE("stderr"), &service->events, error) < 0 ||
        log_writer_open(service->snapshot->access_to, &service->access, error) < 0)
        return -1;
    events_channel = log_writer_channel(service->events);
    log_divert(divert_events);
    return 0;
}

static void on_worker_drained_here(void *argument)
{
    struct service *service = argument;

    if (--service->draining == 0)
        loop_stop(service->loop);
    else
        manager_still_draining(service->manager, service->draining, service->workers_count);
}

static void on_worker_drained(void *owner)
{
    struct service *service = owner;

    loop_post(service->loop, on_worker_drained_here, service);
}

static int start_workers(struct service *service, struct error *error)
{
    service->workers = mem_new_n(struct worker *, service->workers_count);
    for (unsigned i = 0; i < service->workers_count; i++) {
        if (worker_new(i, log_writer_channel(service->access), service->counts, service->warden,
                       &service->workers[i], error) < 0)
            return -1;
        worker_on_drained(service->workers[i], on_worker_drained, service);
        if (worker_start(service->workers[i], error) < 0)
            return -1;
    }
    return 0;
}

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

static const struct warden_events WARDEN_EVENTS = {
    .hold = hold_snapshot, .let_go = let_go_of_snapshot, .changed = on_pool_changed};

/* Before any worker sees the snapshot: it begins with what the warden knows already. */
static void watch_pools(struct service *service)
{
    struct snapshot *snapshot = service->snapshot;

    warden_set_secret(service->warden, snapshot->sticky_secret);
    snapshot->rosters = mem_new_n(struct roster *, snapshot->pools_count);
    warden_take(service->warden, snapshot, snapshot->pools, snapshot->pools_count, snapshot->rosters);
}

/* ---- applying a snapshot ---- */

static void reload(struct service *service);

static void on_applied_here(void *argument)
{
    struct service *service = argument;

    if (--service->applying > 0)
        return;
    listen_set_close(TAKE(service->old_listens), service->listens);
    log_event(LOG_INFO, service->snapshot->version == 1 ? "ready" : "reloaded",
              "version=%llu source=%s routes=%zu listeners=%zu workers=%u pid=%d",
              (unsigned long long)service->snapshot->version, log_quote(service->snapshot->source),
              service->snapshot->routes_count, service->listens->count, service->workers_count,
              (int)getpid());
    if (!service->is_stopping)
        manager_serving(service->manager, service->snapshot);
    if (service->reload_wanted)
        reload(service);
}

static void on_applied(void *argument)
{
    struct service *service = argument;

    loop_post(service->loop, on_applied_here, service);
}

static void apply_everywhere(struct service *service)
{
    service->applying = service->workers_count;
    log_set_level((enum log_level)service->snapshot->log_level);
    for (unsigned i = 0; i < service->workers_count; i++)
        worker_apply(service->workers[i], service->snapshot, service->listens, fronts_max(service),
                     on_applied, service);
}

static int take_over(struct service *service, struct snapshot *snapshot, struct error *error)
{
    struct listen_set *listens;
    struct snapshot *before;

    if (snapshot->workers != service->snapshot->workers)
        log_event(LOG_WARN, "reload_needs_restart", "key=workers");
    if (!slice_eq(snapshot->user, service->snapshot->user))
        log_event(LOG_WARN, "reload_needs_restart", "key=user");
    if (listen_set_open(service->listens, NULL, snapshot, service->workers_count, &listens, error) < 0)
        return -1;
    if (!slice_eq(snapshot->access_to, service->snapshot->access_to) &&
        log_writer_reopen(service->access, snapshot->access_to, error) < 0) {
        listen_set_close(listens, service->listens);
        return -1;
    }
    snapshot->version = service->snapshot->version + 1;
    if (warden_set_resolvers(service->warden, snapshot->resolvers, snapshot->resolvers_count, error) < 0) {
        listen_set_close(listens, service->listens);
        return -1;
    }
    before = service->snapshot;
    service->snapshot = snapshot;
    watch_pools(service); /* what it knows of the pools before is still there */
    snapshot_unref(before);
    service->old_listens = service->listens;
    service->listens = listens;
    apply_everywhere(service);
    return 0;
}

static void refuse_reload(struct service *service, const char *reason)
{
    log_event(LOG_ERROR, "reload_refused", "serving=%llu reason=%s",
              (unsigned long long)service->snapshot->version, log_quote(slice_str(reason)));
    manager_refused(service->manager, service->snapshot, reason);
}

/* What changes is told once it is sure to happen, and in front of "reloaded". Also that nothing does: the files that
 * the configuration names may say something new all the same. @return true when it is being applied */
static bool replace(struct service *service, struct snapshot *snapshot)
{
    struct text changes = {0};
    struct error error;
    bool is_accepted;

    changes_describe(service->snapshot, snapshot, &changes); /* both are there only now */
    is_accepted = take_over(service, snapshot, &error) == 0;
    if (is_accepted) {
        event_lines_changes(&changes);
    } else {
        refuse_reload(service, error.text);
        snapshot_unref(snapshot);
    }
    text_fini(&changes);
    return is_accepted;
}

static bool load_anew(struct service *service, struct named_files *files)
{
    struct snapshot *snapshot = NULL;
    struct text said = {0};
    bool is_accepted = false;

    if (load_snapshot(&service->origin, service->keys, &said, files, &snapshot) < 0) {
        event_lines_said(LOG_ERROR, &said);
        refuse_reload(service, "the configuration has errors");
    } else {
        event_lines_said(LOG_WARN, &said);
        is_accepted = replace(service, snapshot);
    }
    text_fini(&said);
    return is_accepted;
}

static void reload(struct service *service)
{
    const int64_t since = file_watch_now();
    struct named_files files = {0};
    bool is_accepted;

    if (service->applying || service->is_stopping) {
        service->reload_wanted = !service->is_stopping;
        return;
    }
    service->reload_wanted = false;
    manager_reloading(service->manager);
    is_accepted = load_anew(service, &files);
    renewal_take(&service->renewal, &files, is_accepted, since);
    named_files_fini(&files);
}

static void on_files_changed(void *owner, const char *path)
{
    struct service *service = owner;

    log_event(LOG_INFO, "files_changed", "first=%s", log_quote(slice_str(path)));
    reload(service);
}

/* ---- signals ---- */

static void stop(struct service *service, int signo)
{
    service->is_stopping = true;
    log_event(LOG_INFO, "draining", "signal=%s", signo == SIGINT ? "SIGINT" : "SIGTERM");
    manager_draining(service->manager, service->snapshot);
    service->draining = service->workers_count;
    for (unsigned i = 0; i < service->workers_count; i++)
        worker_drain(service->workers[i]);
}

static void abort_all(struct service *service)
{
    if (service->is_aborting)
        return;
    service->is_aborting = true;
    log_event(LOG_WARN, "stopping_now", "reason=\"a second signal\"");
    for (unsigned i = 0; i < service->workers_count; i++)
        worker_abort(service->workers[i]);
}

static void reopen_logs(struct service *service)
{
    struct error error;

    if (log_writer_reopen(service->access, service->snapshot->access_to, &error) < 0)
        log_event(LOG_ERROR, "log_reopen_failed", "reason=%s", log_quote(slice_str(error.text)));
    else
        log_event(LOG_INFO, "log_reopened", "to=%s", log_quote(service->snapshot->access_to));
}

static void on_signal(int signo, void *argument)
{
    struct service *service = argument;

    switch (signo) {
    case SIGHUP:
        reload(service);
        break;
    case SIGUSR1:
        reopen_logs(service);
        break;
    default:
        if (service->is_stopping)
            abort_all(service);
        else
            stop(service, signo);
    }
}

static int watch_signals(struct service *service, struct error *error)
{
    static const int SIGNALS[] = {SIGHUP, SIGUSR1, SIGTERM, SIGINT};

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LEN(SIGNALS); i++) {
        if (loop_on_signal(service->loop, SIGNALS[i], on_signal, service, error) < 0)
            return -1;
    }
    return 0;
}

/* ---- all of it ---- */

static void fini(struct service *service)
{
    uint64_t dropped = service->access ? log_writer_dropped(service->access) : 0;

    manager_close(service->manager);
    renewal_fini(&service->renewal);
    warden_close(service->warden);
    for (unsigned i = 0; service->workers && i < service->workers_count; i++) {
        if (service->workers[i])
            worker_free(service->workers[i]);
    }
    mem_free(service->workers);
    listen_set_close(service->old_listens, service->listens);
    listen_set_close(service->listens, NULL);
    if (dropped)
        log_event(LOG_WARN, "access_lines_dropped", "count=%llu", (unsigned long long)dropped);
    log_writer_close(service->access);
    log_divert(NULL);
    log_writer_close(service->events);
    snapshot_unref(service->snapshot);
    client_counts_free(service->counts);
    ticket_keys_free(service->keys);
    if (service->loop)
        loop_free(service->loop); /* runs the last reports to the warden */
    warden_free(service->warden);
    manager_free(service->manager);
    inherited_fini(&service->inherited);
}

static enum exit_code start(struct service *service, struct error *error)
{
    privileges_give_up_new(); /* before any thread: each has its own */
    service->workers_count = count_workers(service->snapshot);
    service->files = privileges_raise_files();
    log_set_level((enum log_level)service->snapshot->log_level);
    if (listen_set_open(NULL, &service->inherited, service->snapshot, service->workers_count,
                        &service->listens, error) < 0)
        return EXIT_PORT;
    inherited_close(&service->inherited);
    if (open_logs(service, error) < 0 || drop_privileges(service, error) < 0 ||
        loop_new(&service->loop, error) < 0 || watch_signals(service, error) < 0)
        return EXIT_WRONG;
    service->warden = warden_new(service->loop, &WARDEN_EVENTS, service);
    if (warden_set_resolvers(service->warden, service->snapshot->resolvers,
                             service->snapshot->resolvers_count, error) < 0 ||
        start_workers(service, error) < 0)
        return EXIT_WRONG;
    watch_pools(service);
    renewal_init(&service->renewal, service->loop, on_files_changed, service);
    manager_watch(service->manager, service->loop, service->workers, service->workers_count);
    return EXIT_FINE;
}

enum exit_code service_run(const struct origin *origin)
{
    const int64_t since = file_watch_now();
    struct service service = {
        .origin = load_settled(origin), .keys = ticket_keys_new(), .counts = client_counts_new()};
    struct named_files files = {0};
    struct text said = {0};
    struct error error = {0};
    enum exit_code code = EXIT_WRONG;

    inherited_find(&service.inherited);
    service.manager = manager_new();
    if (load_snapshot(&service.origin, service.keys, &said, &files, &service.snapshot) < 0)
        service.snapshot = NULL;
    if (said.len)
        fwrite(said.data, 1, said.len, stderr);
    text_fini(&said);
    if (service.snapshot) {
        service.snapshot->version = 1;
        code = start(&service, &error);
    }
    if (code == EXIT_FINE) {
        apply_everywhere(&service);
        renewal_take(&service.renewal, &files, true, since);
        loop_run(service.loop);
        log_event(LOG_INFO, "stopped", "pid=%d", (int)getpid());
    }
    named_files_fini(&files);
    fini(&service);
    if (error.text[0])
        fprintf(stderr, "portico: %s\n", error.text);
    return code;
}
