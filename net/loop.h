/** One worker's loop: libuv's, plus what every turn of ours needs — a scratch buffer, timers, work that waits
 * for the end of the turn, and the list of objects that end with it.
 *
 *  A turn: libuv polls → sockets' callbacks, timers → pending work → retired objects are freed → poll again.
 *  Owned by its worker's thread; loop_post() and loop_stop() alone may be called from others. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"
#include "base/timer.h"

enum { LOOP_SCRATCH_BYTES = 64 * 1024 };

struct loop;

/** Work for the end of this turn, queued by its owner at most once at a time. */
struct pending {
    struct link link;
    void (*run)(struct pending *pending);
};

int loop_new(struct loop **out, struct error *error) NODISCARD;
/** Only after loop_run() returned and everything on it was closed. Streams that stream_end() left to themselves are cut
 * off. */
void loop_free(struct loop *loop);

/** Runs until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/** Runs what is due now without blocking: for tests. */
void loop_run_once(struct loop *loop);

/** Milliseconds on a monotonic clock, fixed during one turn. */
uint64_t loop_now_ms(const struct loop *loop);
/** Microseconds on the same clock, read now: for stamps in logs. */
uint64_t loop_now_us(void);

struct timer_wheel *loop_timers(struct loop *loop);
static inline void loop_arm(struct loop *loop, struct timer *timer, uint64_t delay_ms)
{
    timer_arm(loop_timers(loop), timer, delay_ms);
}
static inline void loop_cancel(struct loop *loop, struct timer *timer)
{
    timer_cancel(loop_timers(loop), timer);
}

/** The one read buffer (LOOP_SCRATCH_BYTES). What lies in it is valid until the callback that lends it
 * returns. */
char *loop_scratch(struct loop *loop);

/** Runs pending->run once, before this turn ends; a second call before that does nothing, whichever of the
 * three it is. */
void loop_defer(struct loop *loop, struct pending *pending);
/** The same behind all other pending work of this turn: for what gathers what that work brings. */
void loop_defer_last(struct loop *loop, struct pending *pending);
/** Runs it at the end of the next turn, which then follows without waiting: for who had a fair share of this
 * one. */
void loop_defer_next(struct loop *loop, struct pending *pending);
void loop_undefer(struct pending *pending);
/** Counts turns, for shares of one. */
unsigned loop_turn(const struct loop *loop);

/** Frees the object at the end of this turn, so that no callback frees its caller. */
void loop_retire(struct loop *loop, void *object, void (*free_object)(void *object));

/** Are there streams that still end by themselves (stream_end())? For a drain that wants the last bytes out. */
bool loop_has_endings(const struct loop *loop);

/** From any thread: runs call(argument) on the loop's thread, in order. Messages posted after the loop
 * stopped are run by loop_free(). */
void loop_post(struct loop *loop, void (*call)(void *argument), void *argument);

/** Calls on_signal(signo, argument) on this loop for each arrival. Loop of the main thread only. */
int loop_on_signal(struct loop *loop, int signo, void (*on_signal)(int signo, void *argument), void *argument,
                   struct error *error) NODISCARD;

/* From here on for net/ alone. */

/** Of libuv: "1.44.2". */
const char *loop_library_version(void);

struct uv_loop_s;
struct uv_loop_s *loop_uv(struct loop *loop);

/** Takes over libuv's time; each callback from libuv begins with it. */
void loop_refresh(struct loop *loop);

/** What outlives its owner and so must go with the loop: loop_free() calls leave(), which ends with
 *  loop_no_guest(). */
struct loop_guest {
    struct link link;
    void (*leave)(struct loop_guest *guest);
};
void loop_guest(struct loop *loop, struct loop_guest *guest);
void loop_no_guest(struct loop_guest *guest);

/** Place for net/watch's own on this loop; close() is called by loop_free(). */
struct loop_watcher {
    void *object;
    void (*close)(void *object);
};
struct loop_watcher *loop_watcher(struct loop *loop);

#endif
