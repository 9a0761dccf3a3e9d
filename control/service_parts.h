/** What the files of the service share. For them alone: service.c begins and ends it, service_reload.c has snapshots
 *  take each other's place, service_upgrade.c processes, service_admin.c answers the admin socket. All of it on the main thread. */
#ifndef CONTROL_SERVICE_PARTS_H
#define CONTROL_SERVICE_PARTS_H

#include <time.h>

#include "control/admin_api.h"
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
struct snapshot;
struct ticket_keys;
struct warden;
struct warden_events;
struct takeover;
struct upgrade;
struct upgrade_wish;
struct worker;

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
    unsigned leaving;          /* workers that may still listen */
    struct reloads reloads;
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
/** All that are asked for, one after the other. */
void service_reload(struct service *service);
void service_files_changed(void *owner, const char *path);

void service_make_upgrade(struct service *service);
/** @param wish  of who wants it; NULL: a signal */
void service_upgrade(struct service *service, struct upgrade_wish *wish);
/** One that is due, and may begin now. */
void service_upgrade_next(struct service *service);
/** What the process before this one has for it. */
int service_take_over(struct service *service, struct error *error) NODISCARD;
/** All workers have applied the first snapshot. */
void service_is_ready(struct service *service);
/** All workers take nothing new any more, and leave the listening sockets as they are to another process. */
void service_leave(struct service *service);

/** Before privileges are dropped. A default place that cannot be had is only warned of. */
int service_open_admin(struct service *service, struct error *error) NODISCARD;
int service_serve_admin(struct service *service, struct error *error) NODISCARD;
extern const struct admin_office SERVICE_OFFICE;

#endif
