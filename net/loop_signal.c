#include "net/loop.h"

#include <uv.h>

#include "base/mem.h"

struct signal_watch {
    uv_signal_t uv;
    struct loop_guest guest;
    struct loop *loop;
    void (*on_signal)(int signo, void *argument);
    void *argument;
};

static void on_signal_arrived(uv_signal_t *uv, int signo)
{
    struct signal_watch *watch = uv->data;

    loop_refresh(watch->loop);
    watch->on_signal(signo, watch->argument);
}

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void on_leave(struct loop_guest *guest)
{
    struct signal_watch *watch = CONTAINER_OF(guest, struct signal_watch, guest);

    loop_no_guest(guest);
    uv_close((uv_handle_t *)&watch->uv, on_closed);
}

int loop_on_signal(struct loop *loop, int signo, void (*on_signal)(int signo, void *argument), void *argument,
                   struct error *error)
{
    struct signal_watch *watch = mem_new(struct signal_watch);
    int rc;

    watch->loop = loop;
    watch->on_signal = on_signal;
    watch->argument = argument;
    watch->uv.data = watch;
    watch->guest.leave = on_leave; /* by loop_free() */
    uv_signal_init(loop_uv(loop), &watch->uv);
    uv_unref((uv_handle_t *)&watch->uv);
    loop_guest(loop, &watch->guest);
    rc = uv_signal_start(&watch->uv, on_signal_arrived, signo);
    if (rc < 0)
        return error_set(error, "signal %d cannot be handled: %s", signo, uv_strerror(rc));
    return 0;
}
