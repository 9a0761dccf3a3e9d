#include "net/stream.h"

#include <sys/socket.h>

void stream_own(struct stream *stream, const struct stream_events *on, void *owner)
{
    ASSERT(stream && stream->magic == STREAM_MAGIC);
    stream->on = on;
    stream->owner = owner;
    stream->eof_is_told = false;
    stream->ops->want(stream, false);
}

bool stream_has_input(struct stream *stream)
{
    int fd = stream_raw_fd(stream);
    char byte;

    return fd >= 0 && recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) > 0;
}
