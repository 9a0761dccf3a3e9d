#include "http/h2_spare.h"

#include "base/macro.h"
#include "base/mem.h"
#include "http/h2_session.h"

/* More than the streams of two busy connections; and of a block, more than what requests mostly bring. */
enum { STREAMS_MAX = 256, BLOCK_BYTES_MAX = 16 * 1024 };

static _Thread_local struct {
    unsigned sessions, count;
    struct link streams; /* in order only while there are sessions */
    struct h2_block *block;
} spare;

void h2_spare_enter(void)
{
    if (spare.sessions++ == 0)
        list_init(&spare.streams);
}

void h2_spare_leave(void)
{
    if (--spare.sessions > 0)
        return;
    LIST_EACH(&spare.streams, link)
        h2_stream_free(CONTAINER_OF(link, struct h2_stream, link));
    spare.count = 0;
    h2_block_free(TAKE(spare.block));
}

struct h2_stream *h2_spare_take_stream(void)
{
    struct h2_stream *stream;
    struct arena arena;

    if (list_is_empty(&spare.streams))
        return mem_new(struct h2_stream);
    stream = LIST_FIRST(&spare.streams, struct h2_stream, link);
    list_remove(&stream->link);
    spare.count--;
    arena = stream->arena;
    memset(stream, 0, sizeof(*stream));
    stream->arena = arena;
    return stream;
}

void h2_spare_give_stream(struct h2_stream *stream)
{
    if (spare.count >= STREAMS_MAX) {
        h2_stream_free(stream);
        return;
    }
    arena_reset(&stream->arena);
    list_push_front(&spare.streams, &stream->link);
    spare.count++;
}

struct h2_block *h2_spare_take_block(void)
{
    return spare.block ? TAKE(spare.block) : mem_new(struct h2_block);
}

void h2_spare_give_block(struct h2_block *block)
{
    if (spare.block || (block && block->cap > BLOCK_BYTES_MAX))
        h2_block_free(block);
    else
        spare.block = block;
}
