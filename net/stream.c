#include "net/stream.h"

void stream_own(struct stream *stream, const struct stream_events *on, void *owner)
{
    ASSERT(stream && stream->magic == STREAM_MAGIC);
    stream->on = on;
    stream->owner = owner;
    stream->eof_is_told = false;
    stream->ops->want(stream, false);
}
