#include "control/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "backends/warden.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/admin.h"
#include "control/admin_api.h"
#include "control/admin_socket.h"
#include "control/changes.h"
#include "control/privileges.h"
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
    const struct origin *origin;
    struct loop *loop; /* of the main thread */
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
    unsigned applying; /* workers that have not answered yet */
    unsigned draining; /* workers that still have connections */
    bool is_stopping, is_aborting;
    struct reloads reloads;
    struct admin_socket *admin_socket; /* NULL: there was no place for one */
    struct admin *admin;
    struct admin_office office;
    char *file; /* of the configuration; NULL: there is none */
    time_t started_at, loaded_at;
    uint64_t started_us;
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

/* What the configuration names must be; the default place may be unfit without anyone's fault. */
static int open_admin(struct service *service, struct error *error)
{
    const struct slice path = service->snapshot->admin;

    if (admin_socket_open(path, service->snapshot->user, &service->admin_socket, error) == 0)
        return 0;
    if (path.data)
        return error_within(error, "admin");
    log_event(LOG_WARN, "admin_unavailable", "reason=%s", log_quote(slice_str(error->text)));
    *error = (struct error){0};
    return 0;
}

static int serve_admin(struct service *service, struct error *error)
{
    if (!service->admin_socket)
        return 0;
    return admin_new(service->loop, admin_socket_fd(service->admin_socket), &service->office, &service->admin,
                     error);
}

static void on_worker_drained_here(void *argument)
{
    struct service *service = argument;

    if (--service->draining == 0)
        loop_stop(service->loop);
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

static const struct warden_events WARDEN_EVENTS = {on_pool_changed};

/* Before any worker sees the snapshot: it begins with what the warden knows already. */
static void watch_pools(struct service *service)
{
    struct snapshot *snapshot = service->snapshot;

    warden_set_secret(service->warden, snapshot->sticky_secret);
    snapshot->rosters = mem_new_n(struct roster *, snapshot->pools_count);
    warden_take(service->warden, snapshot->pools, snapshot->pools_count, snapshot->rosters);
}

/* ---- applying a snapshot ---- */

static void reload(struct service *service);

static void end_reload(struct service *service, enum reload_result result, const char *reason)
{
    reloads_end(&service->reloads, result, service->snapshot->version, reason);
}

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
    service->loaded_at = time(NULL);
    if (service->snapshot->version > 1)
        end_reload(service, RELOAD_APPLIED, NULL);
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
    if (!slice_eq(snapshot->admin, service->snapshot->admin))
        log_event(LOG_WARN, "reload_needs_restart", "key=admin");
    if (listen_set_open(service->listens, snapshot, service->workers_count, &listens, error) < 0)
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

/* Each line of what was said becomes a line of the log. */
static void log_said(enum log_level level, const struct text *said)
{
    struct slice rest = text_slice(said);

    while (rest.len) {
        ptrdiff_t end = slice_find(rest, '\n');
        struct slice line = slice_head(rest, end < 0 ? rest.len : (size_t)end);

        if (line.len)
            log_event(level, "configuration", "%.*s", FMT_SLICE(line));
        rest = slice_from(rest, end < 0 ? line.len : line.len + 1);
    }
}

static void refuse_reload(struct service *service, const char *reason)
{
    if (!service->reloads.is_dry)
        log_event(LOG_ERROR, "reload_refused", "serving=%llu reason=%s",
                  (unsigned long long)service->snapshot->version, log_quote(slice_str(reason)));
    end_reload(service, RELOAD_REFUSED, reason);
}

/* What a dry run finds is for who asked alone. */
static void log_findings(const struct reloads *reloads, enum log_level level)
{
    if (!reloads->is_dry)
        log_said(level, &reloads->said);
}

/* Ends at once, or when all workers have applied it. */
static void begin_reload(struct service *service)
{
    struct reloads *reloads = &service->reloads;
    struct snapshot *snapshot;
    struct error error = {0};

    if (load_snapshot(service->origin, service->keys, &reloads->said, &snapshot) < 0) {
        log_findings(reloads, LOG_ERROR);
        refuse_reload(service, "the configuration has errors");
        return;
    }
    log_findings(reloads, LOG_WARN);
    changes_describe(service->snapshot, snapshot, &reloads->changes);
    if (!reloads->is_dry && take_over(service, snapshot, &error) == 0)
        return;
    snapshot_unref(snapshot);
    if (reloads->is_dry)
        end_reload(service, RELOAD_LOOKED_AT, NULL);
    else
        refuse_reload(service, error.text);
}

/* All that are asked for, one after the other. */
static void reload(struct service *service)
{
    while (!service->applying && reloads_next(&service->reloads)) {
        if (service->is_stopping)
            end_reload(service, RELOAD_REFUSED, "this Portico is stopping");
        else
            begin_reload(service);
    }
}

/* ---- the admin socket ---- */

static void on_admin_reload(void *owner, struct reload *asked)
{
    struct service *service = owner;

    reloads_ask(&service->reloads, asked);
    reload(service);
}

static void on_admin_forget(void *owner, struct reload *asked)
{
    struct service *service = owner;

    reloads_forget(&service->reloads, asked);
}

static struct census *on_admin_census(void *owner, census_done *done, void *argument)
{
    struct service *service = owner;

    return census_begin(service->loop, service->workers, service->workers_count, done, argument);
}

static void on_admin_facts(void *owner, struct status_facts *facts)
{
    const struct service *service = owner;

    facts->started_at = service->started_at;
    facts->loaded_at = service->loaded_at;
    facts->uptime_ms = (loop_now_us() - service->started_us) / 1000;
    facts->origin = service->origin;
    facts->file = service->file;
    facts->snapshot = service->snapshot;
    facts->listens = service->listens;
    facts->warden = service->warden;
    facts->reloads = &service->reloads;
    facts->workers = service->workers_count;
    facts->draining = service->draining;
    facts->is_stopping = service->is_stopping;
    facts->is_applying = service->applying > 0;
}

/* ---- signals ---- */

static void stop(struct service *service, int signo)
{
    service->is_stopping = true;
    log_event(LOG_INFO, "draining", "signal=%s", signo == SIGINT ? "SIGINT" : "SIGTERM");
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
        service->reloads.is_signalled = true;
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

    admin_close(service->admin);
    admin_socket_close(service->admin_socket);
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
    reloads_fini(&service->reloads);
    mem_free(service->file);
}

static enum exit_code start(struct service *service, struct error *error)
{
    privileges_give_up_new(); /* before any thread: each has its own */
    service->workers_count = count_workers(service->snapshot);
    service->files = privileges_raise_files();
    log_set_level((enum log_level)service->snapshot->log_level);
    if (listen_set_open(NULL, service->snapshot, service->workers_count, &service->listens, error) < 0)
        return EXIT_PORT;
    if (open_admin(service, error) < 0)
        return EXIT_PORT;
    if (open_logs(service, error) < 0 || drop_privileges(service, error) < 0 ||
        loop_new(&service->loop, error) < 0 || watch_signals(service, error) < 0)
        return EXIT_WRONG;
    service->warden = warden_new(service->loop, &WARDEN_EVENTS, service);
    if (warden_set_resolvers(service->warden, service->snapshot->resolvers,
                             service->snapshot->resolvers_count, error) < 0 ||
        start_workers(service, error) < 0 || serve_admin(service, error) < 0)
        return EXIT_WRONG;
    watch_pools(service);
    return EXIT_FINE;
}

static void init(struct service *service, const struct origin *origin)
{
    *service = (struct service){
        .origin = origin,
        .keys = ticket_keys_new(),
        .counts = client_counts_new(),
        .file = load_file(origin),
        .started_at = time(NULL),
        .started_us = loop_now_us(),
        .office = {on_admin_reload, on_admin_forget, on_admin_census, on_admin_facts, service},
    };
    reloads_init(&service->reloads);
}

enum exit_code service_run(const struct origin *origin)
{
    struct service service;
    struct text said = {0};
    struct error error = {0};
    enum exit_code code = EXIT_WRONG;

    init(&service, origin);
    if (load_snapshot(origin, service.keys, &said, &service.snapshot) < 0)
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
        loop_run(service.loop);
        log_event(LOG_INFO, "stopped", "pid=%d", (int)getpid());
    }
    fini(&service);
    if (error.text[0])
        fprintf(stderr, "portico: %s\n", error.text);
    return code;
}
