#include "base/queue.h"

#include "base/macro.h"
#include "base/mem.h"

/* Small enough for malloc's own cache of blocks: a head that waits for its body costs nearly nothing. */
enum { FIRST_CAP = 1024, QUEUE_MAX = 1u << 30 };

char *queue_reserve(struct queue *queue, size_t len)
{
    size_t held = queue_len(queue);

    ASSERT(len <= QUEUE_MAX - queue->end);
    if (queue->end + len <= queue->cap)
        return queue->data + queue->end;
    if (held + len <= queue->cap && queue->begin >= queue->cap / 2) {
        memmove(queue->data, queue->data + queue->begin, held);
    } else {
        size_t cap = MAX((size_t)queue->cap, (size_t)FIRST_CAP);
        char *data;

        while (cap < held + len)
            cap *= 2;
        data = mem_alloc(cap);
        if (held)
            memcpy(data, queue->data + queue->begin, held);
        mem_free(queue->data);
        queue->data = data;
        queue->cap = (uint32_t)cap;
    }
    queue->begin = 0;
    queue->end = (uint32_t)held;
    return queue->data + queue->end;
}

void queue_filled(struct queue *queue, size_t len)
{
    queue->end += (uint32_t)len;
    ASSERT(queue->end <= queue->cap);
}

void queue_add(struct queue *queue, struct slice bytes)
{
    if (bytes.len == 0)
        return;
    memcpy(queue_reserve(queue, bytes.len), bytes.data, bytes.len);
    queue_filled(queue, bytes.len);
}

void queue_drop(struct queue *queue, size_t n)
{
    ASSERT(n <= queue_len(queue));
    queue->begin += (uint32_t)n;
    if (queue->begin == queue->end)
        queue_fini(queue);
}

void queue_fini(struct queue *queue)
{
    mem_free(queue->data);
    *queue = (struct queue){0};
}
