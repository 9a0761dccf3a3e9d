#include "net/loop.h"

#include <uv.h>

#include "base/mem.h"

struct offload {
    uv_work_t uv;
    struct loop *loop;
    void (*work)(void *argument);
    void (*done)(void *argument);
    void *argument;
};

static void on_work(uv_work_t *uv)
{
    struct offload *offload = uv->data;

    offload->work(offload->argument);
}

static void on_work_done(uv_work_t *uv, int status)
{
    struct offload *offload = uv->data;

    loop_refresh(offload->loop);
    offload->done(offload->argument);
    mem_free(offload);
}

void loop_offload(struct loop *loop, void (*work)(void *argument), void (*done)(void *argument),
                  void *argument)
{
    struct offload *offload = mem_new(struct offload);

    *offload = (struct offload){.loop = loop, .work = work, .done = done, .argument = argument};
    offload->uv.data = offload;
    uv_queue_work(loop_uv(loop), &offload->uv, on_work, on_work_done);
}
