#include "proxy/worker.h"

#include "backends/acquire.h"
#include "base/log.h"
#include "net/listener.h"

/* Answers may still be on their way out of streams that nobody owns any more; those end within 10 s. */
enum { LAST_WORDS_MS = 20 };

void worker_tell_when_drained(struct worker *worker)
{
    if (!worker->is_draining || worker->fronts_count > 0 || !worker->on_drained ||
        timer_is_armed(&worker->last_accepts) || !list_is_empty(&worker->listeners))
        return;
    if (loop_has_endings(worker->loop) && !worker->is_aborting) {
        loop_arm(worker->loop, &worker->last_words, LAST_WORDS_MS);
        return;
    }
    loop_cancel(worker->loop, &worker->last_words);
    loop_cancel(worker->loop, &worker->idle_grace);
    loop_cancel(worker->loop, &worker->drain_deadline);
    loop_cancel(worker->loop, &worker->drain_tunnels_deadline);
    back_office_close(worker->office);
    worker->on_drained(worker->owner);
    worker->on_drained = NULL;
}

static void pause_accepting(struct worker *worker)
{
    LIST_EACH(&worker->listeners, link)
        listener_pause(CONTAINER_OF(link, struct worker_listener, link)->listener);
}

void worker_front_added(struct worker *worker, struct link *front)
{
    list_push_back(&worker->fronts, front);
    if (++worker->fronts_count < worker->fronts_max || worker->is_full)
        return;
    worker->is_full = true;
    log_event(LOG_WARN, "accept_paused", "worker=%u connections=%zu", worker->index, worker->fronts_count);
    pause_accepting(worker);
}

/* Well below the limit before accepting goes on, so that it does not flutter. */
static bool has_room(const struct worker *worker)
{
    return worker->fronts_count + worker->fronts_max / 16 < worker->fronts_max;
}

static void accept_again(struct worker *worker)
{
    worker->is_full = false;
    LIST_EACH(&worker->listeners, link)
        listener_resume(CONTAINER_OF(link, struct worker_listener, link)->listener);
}

void worker_front_removed(struct worker *worker, struct link *front)
{
    list_remove(front);
    worker->fronts_count--;
    if (worker->is_full && has_room(worker))
        accept_again(worker);
    worker_tell_when_drained(worker);
}

void worker_listeners_changed(struct worker *worker)
{
    if (!worker->is_full)
        return;
    if (has_room(worker))
        accept_again(worker);
    else
        pause_accepting(worker);
}

uint64_t worker_id(struct worker *worker)
{
    return random_next(&worker->random);
}
