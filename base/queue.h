/** Bytes that wait: what a consumer left over, what a socket did not take yet.
 *  Contiguous, so that all of it can be lent as one slice; owns no memory while it is empty. */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stdint.h>

#include "base/slice.h"

/** In the owner's memory; all zero is an empty queue. */
struct queue {
    char *data;
    uint32_t begin, end, cap; /* idle connections have two of these each: no more than is needed */
};

static inline size_t queue_len(const struct queue *queue)
{
    return queue->end - queue->begin;
}

/** Lends all of it, until the next change. */
static inline struct slice queue_peek(const struct queue *queue)
{
    /* No arithmetic on NULL, which an empty queue has. */
    return slice_of(queue->data ? queue->data + queue->begin : NULL, queue_len(queue));
}

/** Copies bytes in at the end. They must not lie in this queue. */
void queue_add(struct queue *queue, struct slice bytes);
/** Room for at least *len* bytes at the end; write there, then queue_filled(). */
char *queue_reserve(struct queue *queue, size_t len);
void queue_filled(struct queue *queue, size_t len);
/** Drops the first *n* bytes; frees the memory when none is left. */
void queue_drop(struct queue *queue, size_t n);
void queue_fini(struct queue *queue);

#endif
