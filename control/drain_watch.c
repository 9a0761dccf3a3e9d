#include "control/drain_watch.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/manager.h"
#include "net/loop.h"

/* reloaded or stopping → census → told → (a second) → census → … until nothing has a deadline any more */

enum { SECOND_MS = 1000, SECONDS_TEXT = 24 };

static void on_second(struct timer *timer);

void drain_watch_init(struct drain_watch *watch, struct loop *loop, struct manager *manager,
                      struct worker *const *workers, unsigned workers_count)
{
    *watch = (struct drain_watch){
        .loop = loop, .manager = manager, .workers = workers, .workers_count = workers_count};
    timer_init(&watch->timer, on_second);
}

void drain_watch_fini(struct drain_watch *watch)
{
    census_forget(TAKE(watch->census));
    if (watch->loop)
        loop_cancel(watch->loop, &watch->timer);
    mem_free(watch->told);
    watch->told = NULL;
}

static bool has_some(struct load load)
{
    return load.requests + load.tunnels > 0;
}

/* Rounded up: what has a second left has not none. */
static const char *seconds_of(uint64_t left_ms, char out[SECONDS_TEXT])
{
    if (left_ms == TIMER_NEVER)
        snprintf(out, SECONDS_TEXT, "none");
    else
        snprintf(out, SECONDS_TEXT, "%llu", (unsigned long long)(left_ms + SECOND_MS - 1) / SECOND_MS);
    return out;
}

/* ---- older configurations ---- */

static const struct version_count *version_in(const struct worker_count *count, uint64_t version)
{
    for (size_t i = 0; i < count->versions_count; i++) {
        if (count->versions[i].version == version)
            return &count->versions[i];
    }
    return NULL;
}

static bool is_told(const struct drain_watch *watch, uint64_t version)
{
    for (size_t i = 0; i < watch->told_count; i++) {
        if (watch->told[i].version == version)
            return true;
    }
    return false;
}

static void tell_start(struct drain_watch *watch, const struct version_count *version)
{
    char seconds[SECONDS_TEXT];

    log_event(LOG_INFO, "old_version_drains", "version=%llu requests=%zu tunnels=%zu seconds_left=%s",
              (unsigned long long)version->version, version->leaving.requests, version->leaving.tunnels,
              seconds_of(version->left_ms, seconds));
    if (is_told(watch, version->version))
        return;
    mem_grow((void **)&watch->told, &watch->told_cap, watch->told_count + 1, sizeof(*watch->told));
    watch->told[watch->told_count++] = (struct drain_told){version->version, loop_now_ms(watch->loop)};
}

static void tell_starts(struct drain_watch *watch, const struct worker_count *count)
{
    for (size_t i = 0; i < count->versions_count; i++) {
        if (count->versions[i].version < watch->newest && has_some(count->versions[i].leaving))
            tell_start(watch, &count->versions[i]);
    }
}

static void tell_ends(struct drain_watch *watch, const struct worker_count *count)
{
    size_t left = 0;

    for (size_t i = 0; i < watch->told_count; i++) {
        const struct drain_told told = watch->told[i];
        const struct version_count *version = version_in(count, told.version);

        if (version && has_some(version->leaving))
            watch->told[left++] = told;
        else
            log_event(LOG_INFO, "old_version_drained", "version=%llu after_ms=%llu",
                      (unsigned long long)told.version,
                      (unsigned long long)(loop_now_ms(watch->loop) - told.since_ms));
    }
    watch->told_count = left;
}

/* ---- the stop ---- */

static uint64_t left_of(const struct drain_watch *watch, size_t count, uint64_t most_ms)
{
    const uint64_t age_ms = loop_now_ms(watch->loop) - watch->stopping_since_ms;

    if (count == 0)
        return 0;
    if (most_ms == SETTING_NONE)
        return TIMER_NEVER;
    return age_ms >= most_ms ? 0 : most_ms - age_ms;
}

uint64_t drain_watch_left_ms(const struct drain_watch *watch, struct load load)
{
    return MAX(left_of(watch, load.requests, watch->timeouts.drain),
               left_of(watch, load.tunnels, watch->timeouts.drain_tunnels));
}

static void tell_left(struct drain_watch *watch, struct load load)
{
    const uint64_t left_ms = drain_watch_left_ms(watch, load);
    char seconds[SECONDS_TEXT];

    if (!has_some(load))
        return;
    log_event(LOG_INFO, "draining", "left_requests=%zu left_tunnels=%zu seconds_left=%s%s", load.requests,
              load.tunnels, seconds_of(left_ms, seconds),
              left_ms == TIMER_NEVER ? " hint=\"a second signal ends it\"" : "");
    manager_still_draining(watch->manager, load.requests, load.tunnels, seconds);
}

/* ---- each second ---- */

static void on_counted(void *owner, const struct worker_count *count)
{
    struct drain_watch *watch = owner;

    watch->census = NULL;
    if (watch->is_reload)
        tell_starts(watch, count);
    watch->is_reload = false;
    tell_ends(watch, count);
    if (watch->is_stopping)
        tell_left(watch, count->load);
    if (watch->is_stopping || watch->told_count)
        loop_arm(watch->loop, &watch->timer, SECOND_MS);
}

static void look(struct drain_watch *watch)
{
    census_forget(watch->census); /* it was begun before what is to be told */
    loop_cancel(watch->loop, &watch->timer);
    watch->census = census_begin(watch->loop, watch->workers, watch->workers_count, on_counted, watch);
}

static void on_second(struct timer *timer)
{
    look(CONTAINER_OF(timer, struct drain_watch, timer));
}

void drain_watch_reloaded(struct drain_watch *watch, uint64_t version)
{
    watch->newest = version;
    watch->is_reload = true;
    look(watch);
}

void drain_watch_stop(struct drain_watch *watch, const struct timeouts *timeouts)
{
    watch->is_stopping = true;
    watch->stopping_since_ms = loop_now_ms(watch->loop);
    watch->timeouts = *timeouts;
    look(watch);
}
