#include "base/queue.h"

#include "base/macro.h"
#include "base/mem.h"

/* Small enough for malloc's own cache of blocks: a head that waits for its body costs nearly nothing. */
enum { FIRST_CAP = 1024 };

char *queue_reserve(struct queue *queue, size_t len)
{
    size_t held = queue_len(queue);

    if (queue->end + len <= queue->cap)
        return queue->data + queue->end;
    if (held + len <= queue->cap && queue->begin >= queue->cap / 2) {
        memmove(queue->data, queue->data + queue->begin, held);
    } else {
        size_t cap = MAX(queue->cap, (size_t)FIRST_CAP);
        char *data;

        while (cap < held + len)
            cap *= 2;
        data = mem_alloc(cap);
        if (held)
            memcpy(data, queue->data + queue->begin, held);
        mem_free(queue->data);
        queue->data = data;
        queue->cap = cap;
    }
    queue->begin = 0;
    queue->end = held;
    return queue->data + queue->end;
}

void queue_filled(struct queue *queue, size_t len)
{
    queue->end += len;
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
    queue->begin += n;
    if (queue->begin == queue->end)
        queue_fini(queue);
}

void queue_fini(struct queue *queue)
{
    mem_free(queue->data);
    *queue = (struct queue){0};
}
