/** What the files of the service share. For them alone: service.c begins and ends it, service_reload.c has snapshots
 *  take each other's place, service_upgrade.c processes, service_admin.c answers the admin socket. All of it on the main thread. */
#ifndef CONTROL_SERVICE_PARTS_H
#define CONTROL_SERVICE_PARTS_H

#include <time.h>

#include "control/admin_api.h"
#include "control/drain_watch.h"
#include "control/load.h"
#include "control/reload.h"
#include "control/renewal.h"
#include "net/inherited.h"

struct admin;
struct admin_socket;
struct client_counts;
struct listen_set;
struct log_writer;
struct manager;
struct named_files;
struct snapshot;
struct ticket_keys;
struct warden;
struct warden_events;
struct takeover;
struct upgrade;
struct upgrade_wish;
struct worker;

/** A configuration that was read and is fine, while it is counted whom it affects. */
struct candidate {
    struct snapshot *snapshot;
    struct named_files files;
    int64_t since; /* file_watch_now() before it was read */
    bool is_dry;
    struct census *census; /* NULL: there is no candidate */
};

struct service {
    struct origin origin;
    struct loop *loop; /* of the main thread */
    struct manager *manager;
    struct renewal renewal;
    struct inherited inherited; /* what the process was started with, until the first set is open */
    struct ticket_keys *keys;
    struct snapshot *snapshot;
    struct listen_set *listens;
    struct listen_set *old_listens; /* until all workers have applied what comes after them */
    struct listen_set *leaving;     /* newest first: while workers still accept what is under way there */
    struct log_writer *access, *events;
    struct client_counts *counts;
    struct warden *warden;
    struct worker **workers;
    unsigned workers_count;
    uint64_t files;
    unsigned applying; /* workers that have not answered yet */
    unsigned draining; /* workers that still have connections */
    bool is_stopping, is_aborting;
    bool is_handed_over;       /* it stops because another process has taken its place */
    bool is_given_up;          /* it stops because it did not come to take another one's */
    struct launcher *launcher; /* until the upgrade has it */
    struct upgrade *upgrade;
    struct upgrade_wish *wish; /* of who waits for it; NULL: nobody */
    bool is_upgrade_due;       /* asked for, and begins when the reload is applied */
    struct takeover *takeover; /* NULL: a start like any other */
    unsigned handing_over;     /* workers that may still listen */
    struct reloads reloads;
    struct candidate candidate;
    struct drain_watch drain_watch;
    struct admin_socket *admin_socket; /* NULL: there was no place for one */
    struct admin *admin;
    struct admin_office office;
    char *file; /* of the configuration; NULL: there is none */
    time_t started_at, loaded_at;
    uint64_t started_us;
};

extern const struct warden_events SERVICE_WARDEN_EVENTS;
/** Before any worker sees the snapshot: it begins with what the warden knows already. */
void service_watch_pools(struct service *service);
/** The snapshot that is there becomes every worker's. */
void service_apply(struct service *service);
/** Workers accept for a while what is under way on the sockets of that set, which is taken. */
void service_say_farewell(struct service *service, struct listen_set *leaving);
/** After the loop has run for the last time. */
void service_close_leaving(struct service *service);
/** Whether one is under way: counted, or being applied. */
bool service_is_reloading(const struct service *service);
/** All that are asked for, one after the other, and an upgrade that is due. */
void service_reload(struct service *service);
/** What is being counted for is given up, without a word. */
void service_forget_candidate(struct service *service);
void service_files_changed(void *owner, const char *path);

void service_make_upgrade(struct service *service);
/** @param wish  of who wants it; NULL: a signal */
void service_upgrade(struct service *service, struct upgrade_wish *wish);
/** The one that is due, which may begin now. */
void service_upgrade_next(struct service *service);
/** What the process before this one has for it. */
int service_take_over(struct service *service, struct error *error) NODISCARD;
/** All workers have applied the first snapshot. */
void service_is_ready(struct service *service);
/** All workers take nothing new any more, and leave the listening sockets as they are to another process. */
void service_leave(struct service *service);

/** The access log anew, or elsewhere; on failure the old one stays. */
int service_open_log(struct service *service, struct slice to, struct error *error) NODISCARD;

/** Adds to the reason why a snapshot's ports cannot be opened, where it is what was given up at the start. */
void service_explain_ports(const struct snapshot *snapshot, struct error *error);

/** Before privileges are dropped. A default place that cannot be had is only warned of. */
int service_open_admin(struct service *service, struct error *error) NODISCARD;
int service_serve_admin(struct service *service, struct error *error) NODISCARD;
extern const struct admin_office SERVICE_OFFICE;

/** Becomes the user of `user:`, and gives up what a running Portico does not need; with `sandbox: off` the first alone.
 *  With ports, logs and the admin socket open, and before any thread is there. */
int service_confine(struct service *service, const struct named_files *files, struct error *error) NODISCARD;

#endif
