/** What GET /status of the admin socket answers. docs/running.md says what the members mean. */
#ifndef CONTROL_STATUS_H
#define CONTROL_STATUS_H

#include <stdbool.h>
#include <time.h>

#include "base/text.h"

struct drain_watch;
struct listen_set;
struct origin;
struct reloads;
struct snapshot;
struct warden;
struct worker_count;

/** Of the running process; lent. */
struct status_facts {
    time_t started_at, loaded_at;
    uint64_t uptime_ms;
    const struct origin *origin;
    const char *file; /* absolute path of the configuration; NULL: there is none */
    const struct snapshot *snapshot;
    const struct listen_set *listens;
    const struct warden *warden;
    const struct reloads *reloads;
    unsigned workers;
    unsigned draining; /* workers that wait for connections to end, as the process stops */
    bool is_stopping;
    bool is_applying; /* a reload */
    int predecessor;  /* process that drains, whose place this one took; 0: none */
    const struct worker_count *count;
    const struct drain_watch *drain_watch;
};

/** Adds the JSON. On the main thread, as the warden is read. */
void status_write(const struct status_facts *facts, struct text *out);

#endif
