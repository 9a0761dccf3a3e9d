#include "net/loop.h"

#include <stdatomic.h>
#include <time.h>
#include <uv.h>

#include "base/mem.h"

/* A turn ends in uv_prepare, right before libuv polls:
 *   pending work, round by round → what asked to be last → … until both are empty → retired objects → poll.
 * Work that is left after ROUNDS (someone keeps deferring) waits for the next turn, as does what was deferred
 * to it on purpose; a uv_idle then keeps the poll from blocking. */

enum { ROUNDS = 64 };

struct retired {
    void *object;
    void (*free_object)(void *object);
};

struct message {
    struct link link;
    void (*call)(void *argument);
    void *argument;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t turn_end;
    uv_idle_t no_wait;
    uv_timer_t alarm;
    uv_async_t wake;

    struct timer_wheel wheel;
    uint64_t alarm_ms; /* when the alarm rings, if it is active */
    unsigned turn;

    struct link pending, last, next; /* of struct pending */
    struct retired *retired;
    size_t retired_count, retired_cap;

    struct link guests; /* of struct loop_guest */
    struct loop_watcher watcher;

    uv_mutex_t mutex; /* guards messages */
    struct link messages;
    atomic_bool is_stopping;

    char scratch[LOOP_SCRATCH_BYTES];
};

/* Time and timers. */

void loop_refresh(struct loop *loop)
{
    loop->wheel.now_ms = MAX(loop->wheel.now_ms, uv_now(&loop->uv));
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->wheel.now_ms;
}

uint64_t loop_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct timer_wheel *loop_timers(struct loop *loop)
{
    return &loop->wheel;
}

static void on_alarm(uv_timer_t *alarm)
{
    struct loop *loop = alarm->data;

    timer_wheel_advance(&loop->wheel, uv_now(&loop->uv));
}

/* Only towards sooner: an alarm that rings too early finds nothing due and costs one wake-up. */
static void set_alarm(struct loop *loop)
{
    uint64_t wait_ms = timer_wheel_wait_ms(&loop->wheel);

    if (wait_ms == UINT64_MAX)
        return;
    if (uv_is_active((uv_handle_t *)&loop->alarm) && loop->alarm_ms <= loop->wheel.now_ms + wait_ms)
        return;
    loop->alarm_ms = loop->wheel.now_ms + wait_ms;
    uv_timer_start(&loop->alarm, on_alarm, wait_ms, 0);
}

/* Pending work. */

static void defer(struct link *list, struct pending *pending)
{
    if (!link_is_in_list(&pending->link))
        list_push_back(list, &pending->link);
}

void loop_defer(struct loop *loop, struct pending *pending)
{
    defer(&loop->pending, pending);
}

void loop_defer_last(struct loop *loop, struct pending *pending)
{
    defer(&loop->last, pending);
}

void loop_defer_next(struct loop *loop, struct pending *pending)
{
    defer(&loop->next, pending);
}

void loop_undefer(struct pending *pending)
{
    list_remove(&pending->link);
}

unsigned loop_turn(const struct loop *loop)
{
    return loop->turn;
}

static void move_all(struct link *to, struct link *from)
{
    while (!list_is_empty(from)) {
        struct link *item = from->next;

        list_remove(item);
        list_push_back(to, item);
    }
}

static void run_round(struct link *list)
{
    struct link round;

    list_init(&round);
    move_all(&round, list);
    while (!list_is_empty(&round)) {
        struct pending *pending = LIST_FIRST(&round, struct pending, link);

        list_remove(&pending->link);
        pending->run(pending);
    }
}

static void run_pending(struct loop *loop)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        if (!list_is_empty(&loop->pending))
            run_round(&loop->pending);
        else if (!list_is_empty(&loop->last))
            run_round(&loop->last);
        else
            return;
    }
}

void loop_retire(struct loop *loop, void *object, void (*free_object)(void *object))
{
    mem_grow((void **)&loop->retired, &loop->retired_cap, loop->retired_count + 1, sizeof(*loop->retired));
    loop->retired[loop->retired_count++] = (struct retired){object, free_object};
}

static void free_retired(struct loop *loop)
{
    for (size_t i = 0; i < loop->retired_count; i++) {
        struct retired retired = loop->retired[i]; /* the array may move: freeing may retire more */

        retired.free_object(retired.object);
    }
    loop->retired_count = 0;
}

static void do_nothing(uv_idle_t *idle)
{
}

static void end_turn(struct loop *loop)
{
    loop_refresh(loop);
    run_pending(loop);
    if (list_is_empty(&loop->pending) &&
        list_is_empty(&loop->last)) /* else what waits may still look at them */
        free_retired(loop);
    move_all(&loop->pending, &loop->next);
    loop->turn++;
    if (list_is_empty(&loop->pending) && list_is_empty(&loop->last))
        uv_idle_stop(&loop->no_wait);
    else
        uv_idle_start(&loop->no_wait, do_nothing);
    set_alarm(loop);
}

static void on_turn_end(uv_prepare_t *turn_end)
{
    end_turn(turn_end->data);
}

/* Other threads. */

void loop_post(struct loop *loop, void (*call)(void *argument), void *argument)
{
    struct message *message = mem_new(struct message);

    message->call = call;
    message->argument = argument;
    uv_mutex_lock(&loop->mutex);
    list_push_back(&loop->messages, &message->link);
    uv_mutex_unlock(&loop->mutex);
    uv_async_send(&loop->wake);
}

static void run_messages(struct loop *loop)
{
    struct link arrived;

    list_init(&arrived);
    uv_mutex_lock(&loop->mutex);
    move_all(&arrived, &loop->messages);
    uv_mutex_unlock(&loop->mutex);
    while (!list_is_empty(&arrived)) {
        struct message *message = LIST_FIRST(&arrived, struct message, link);

        list_remove(&message->link);
        message->call(message->argument);
        mem_free(message);
    }
}

static bool has_messages(struct loop *loop)
{
    bool has;

    uv_mutex_lock(&loop->mutex);
    has = !list_is_empty(&loop->messages);
    uv_mutex_unlock(&loop->mutex);
    return has;
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->is_stopping, true);
    uv_async_send(&loop->wake);
}

static void on_wake(uv_async_t *wake)
{
    struct loop *loop = wake->data;

    loop_refresh(loop);
    run_messages(loop);
    if (atomic_exchange(&loop->is_stopping, false))
        uv_stop(&loop->uv);
}

/* Life. */

static void init_lists(struct loop *loop)
{
    struct link *lists[] = {&loop->pending, &loop->last, &loop->next, &loop->guests, &loop->messages};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        list_init(lists[i]);
}

static int init_handles(struct loop *loop)
{
    loop->turn_end.data = loop->no_wait.data = loop->alarm.data = loop->wake.data = loop;
    uv_prepare_init(&loop->uv, &loop->turn_end);
    uv_idle_init(&loop->uv, &loop->no_wait);
    uv_timer_init(&loop->uv, &loop->alarm);
    uv_prepare_start(&loop->turn_end, on_turn_end);
    uv_unref((uv_handle_t *)&loop->turn_end);
    uv_unref((uv_handle_t *)&loop->no_wait);
    uv_unref((uv_handle_t *)&loop->alarm);
    return uv_async_init(&loop->uv, &loop->wake, on_wake); /* the one handle that keeps loop_run() running */
}

int loop_new(struct loop **out, struct error *error)
{
    struct loop *loop = mem_new(struct loop);
    int rc;

    rc = uv_loop_init(&loop->uv);
    if (rc < 0)
        goto no_loop;
    init_lists(loop);
    rc = init_handles(loop);
    if (rc < 0)
        goto no_handles;
    uv_mutex_init(&loop->mutex);
    timer_wheel_init(&loop->wheel, uv_now(&loop->uv));
    *out = loop;
    return 0;

no_handles:
    uv_close((uv_handle_t *)&loop->turn_end, NULL);
    uv_close((uv_handle_t *)&loop->no_wait, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
no_loop:
    mem_free(loop);
    return error_set(error, "no event loop: %s", uv_strerror(rc));
}

static void send_guests_away(struct loop *loop)
{
    while (!list_is_empty(&loop->guests)) {
        struct loop_guest *guest = LIST_FIRST(&loop->guests, struct loop_guest, link);

        guest->leave(guest);
    }
}

/* What libuv has under way ends in calls here, which may post and retire. */
static void finish_work(struct loop *loop)
{
    uv_unref((uv_handle_t *)&loop->wake);
    do {
        run_messages(loop);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        end_turn(loop);
    } while (has_messages(loop));
}

static void close_handles(struct loop *loop)
{
    if (loop->watcher.object)
        loop->watcher.close(loop->watcher.object);
    uv_close((uv_handle_t *)&loop->no_wait, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->turn_end, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_free(struct loop *loop)
{
    int rc;

    if (!loop)
        return;
    send_guests_away(loop);
    finish_work(loop);
    send_guests_away(loop);
    end_turn(loop);
    close_handles(loop);
    rc = uv_loop_close(&loop->uv);
    ASSERT(rc == 0); /* someone left a handle of libuv's open */
    uv_mutex_destroy(&loop->mutex);
    mem_free(loop->retired);
    mem_free(loop);
}

void loop_run(struct loop *loop)
{
    uv_update_time(&loop->uv);
    loop_refresh(loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    end_turn(loop);
}

void loop_run_once(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    end_turn(loop);
}

char *loop_scratch(struct loop *loop)
{
    return loop->scratch;
}

/* For net/. */

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

void loop_guest(struct loop *loop, struct loop_guest *guest)
{
    list_push_back(&loop->guests, &guest->link);
}

void loop_no_guest(struct loop_guest *guest)
{
    list_remove(&guest->link);
}

struct loop_watcher *loop_watcher(struct loop *loop)
{
    return &loop->watcher;
}

bool loop_has_endings(const struct loop *loop)
{
    return !list_is_empty(&loop->guests);
}

const char *loop_library_version(void)
{
    return uv_version_string();
}
