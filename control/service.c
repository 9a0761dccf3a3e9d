#include "control/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "backends/warden.h"
#include "base/log.h"
#include "base/mem.h"
#include "control/admin.h"
#include "control/admin_socket.h"
#include "control/launcher.h"
#include "control/manager.h"
#include "control/privileges.h"
#include "control/service_parts.h"
#include "control/state.h"
#include "control/takeover.h"
#include "control/upgrade.h"
#include "net/loop.h"
#include "proxy/client_counts.h"
#include "proxy/listen_set.h"
#include "proxy/log_writer.h"
#include "proxy/snapshot.h"
#include "proxy/worker_control.h"

enum { WORKERS_MAX = 1024 }; /* conf/fields.def allows no more */

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

static int open_logs(struct service *service, struct error *error)
{
    if (log_writer_open(SLICE("stderr"), &service->events, error) < 0)
        return -1;
    return log_writer_open(service->snapshot->access_to, &service->access, error);
}

static int start_logs(struct service *service, struct error *error)
{
    if (log_writer_start(service->events, error) < 0 || log_writer_start(service->access, error) < 0)
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

/* ---- signals ---- */

static void stop(struct service *service, int signo)
{
    service->is_stopping = true;
    log_event(LOG_INFO, "draining", "signal=%s", signo == SIGINT ? "SIGINT" : "SIGTERM");
    upgrade_cancel(service->upgrade, "this Portico is stopping");
    manager_draining(service->manager, service->snapshot);
    if (takeover_is_under_way(service->takeover)) { /* the sockets are another process's as well */
        takeover_fail(service->takeover, "the new process was told to stop");
        service_leave(service);
        return;
    }
    service->draining = service->workers_count;
    for (unsigned i = 0; i < service->workers_count; i++)
        worker_drain(service->workers[i]);
    drain_watch_stop(&service->drain_watch, &service->snapshot->timeouts);
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

    if (service_open_log(service, service->snapshot->access_to, &error) < 0)
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
        service_reload(service);
        break;
    case SIGUSR1:
        reopen_logs(service);
        break;
    case SIGUSR2:
        service_upgrade(service, NULL);
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
    static const int SIGNALS[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT};

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

    upgrade_free(service->upgrade);
    takeover_free(service->takeover);
    launcher_free(service->launcher);
    admin_close(service->admin);
    admin_socket_close(service->admin_socket);
    manager_close(service->manager);
    drain_watch_fini(&service->drain_watch);
    service_forget_candidate(service);
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
    service_close_leaving(service);
    warden_free(service->warden);
    manager_free(service->manager);
    inherited_fini(&service->inherited);
    reloads_fini(&service->reloads);
    mem_free(service->file);
}

static enum exit_code start(struct service *service, const struct named_files *files, struct error *error)
{
    privileges_give_up_new(); /* before any thread: each has its own */
    service->workers_count = count_workers(service->snapshot);
    service->files = privileges_raise_files();
    log_set_level((enum log_level)service->snapshot->log_level);
    if (listen_set_open(NULL, NULL, &service->inherited, service->snapshot, service->workers_count,
                        &service->listens, error) < 0)
        return EXIT_PORT;
    inherited_close(&service->inherited);
    if (service_open_admin(service, error) < 0)
        return EXIT_PORT;
    if (open_logs(service, error) < 0 || service_confine(service, files, error) < 0 ||
        start_logs(service, error) < 0 || loop_new(&service->loop, error) < 0 ||
        watch_signals(service, error) < 0)
        return EXIT_WRONG;
    service->warden = warden_new(service->loop, &SERVICE_WARDEN_EVENTS, service);
    if (warden_set_resolvers(service->warden, service->snapshot->resolvers,
                             service->snapshot->resolvers_count, error) < 0 ||
        start_workers(service, error) < 0 || service_serve_admin(service, error) < 0)
        return EXIT_WRONG;
    service_make_upgrade(service);
    service_watch_pools(service);
    renewal_init(&service->renewal, service->loop, service_files_changed, service);
    drain_watch_init(&service->drain_watch, service->loop, service->manager, service->workers,
                     service->workers_count);
    manager_watch(service->manager, service->loop, service->workers, service->workers_count);
    return EXIT_FINE;
}

static void init(struct service *service, const struct origin *origin, struct launcher *launcher)
{
    *service = (struct service){
        .origin = load_settled(origin),
        .keys = ticket_keys_new(),
        .counts = client_counts_new(),
        .file = load_file(origin),
        .started_at = time(NULL),
        .started_us = loop_now_us(),
        .office = SERVICE_OFFICE,
        .launcher = launcher,
    };
    service->office.owner = service;
    state_begin();
    reloads_init(&service->reloads);
}

/* Who waits for this process to take the place of its own is told why it does not. */
static void tell_failure(const struct service *service, const struct text *said, const struct error *error)
{
    struct text reason = {0};

    if (said->len)
        text_printf(&reason, "the configuration has errors:\n%s", said->data);
    takeover_fail(service->takeover, said->len ? reason.data : error->text);
    text_fini(&reason);
}

enum exit_code service_run(const struct origin *origin, struct launcher *launcher)
{
    const int64_t since = file_watch_now();
    struct service service;
    struct named_files files = {0};
    struct text said = {0};
    struct error error = {0};
    enum exit_code code = EXIT_WRONG;

    init(&service, origin, launcher);
    service.takeover = takeover_find();
    inherited_find(&service.inherited);
    service.manager = manager_new();
    if (load_snapshot(&service.origin, service.keys, &said, &files, &service.snapshot) < 0)
        service.snapshot = NULL;
    if (said.len)
        fwrite(said.data, 1, said.len, stderr);
    if (service.snapshot) {
        text_clear(&said); /* warnings */
        service.snapshot->version = 1;
        code = service_take_over(&service, &error) == 0 ? start(&service, &files, &error) : EXIT_WRONG;
    }
    if (code != EXIT_FINE)
        tell_failure(&service, &said, &error);
    text_fini(&said);
    if (code == EXIT_FINE) {
        service_apply(&service);
        renewal_take(&service.renewal, &files, true, since);
        loop_run(service.loop);
        log_event(LOG_INFO, "stopped", "pid=%d", (int)getpid());
        code = service.is_given_up ? EXIT_WRONG : EXIT_FINE;
    }
    named_files_fini(&files);
    fini(&service);
    if (error.text[0])
        fprintf(stderr, "portico: %s\n", error.text);
    return code;
}
