#include "http/h2_memory.h"

#include <stdbool.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "http/h2_pages.h"

/* Larger than all else that a new session allocates. */
enum { FRAME_BUFFER_MIN_BYTES = 16384 };

static _Thread_local struct {
    void *buffer;
    size_t size;
    unsigned users;
    bool
        is_making; /* a session is being made: its one large allocation is the buffer, of a page is the table */
} shared;

static void *take_shared(size_t size)
{
    if (!shared.buffer) {
        shared.buffer = mem_alloc(size);
        shared.size = size;
    }
    if (size > shared.size)
        return mem_alloc(size);
    shared.users++;
    return shared.buffer;
}

static void drop_shared(void)
{
    if (--shared.users > 0)
        return;
    mem_free(TAKE(shared.buffer));
}

static void *on_malloc(size_t size, void *user_data)
{
    if (shared.is_making && size >= FRAME_BUFFER_MIN_BYTES)
        return take_shared(size);
    return mem_alloc(size);
}

static void *on_calloc(size_t count, size_t size, void *user_data)
{
    struct h2_memory *memory = user_data;

    if (!shared.is_making || count * size != H2_PAGE_BYTES || memory->table || !h2_pages_are_here())
        return mem_zeroed(count, size);
    memory->table = h2_pages_take();
    return memory->table;
}

static void on_free(void *object, void *user_data)
{
    struct h2_memory *memory = user_data;

    if (object && object == shared.buffer)
        drop_shared();
    else if (object && object == memory->table)
        h2_pages_give(TAKE(memory->table));
    else
        mem_free(object);
}

static size_t size_of_ours(const void *object, const struct h2_memory *memory)
{
    if (object == shared.buffer)
        return shared.size;
    return object == memory->table ? H2_PAGE_BYTES : 0;
}

static void *on_realloc(void *old, size_t size, void *user_data)
{
    size_t ours = old ? size_of_ours(old, user_data) : 0;
    void *larger;

    if (!old)
        return on_malloc(size, user_data);
    if (!ours)
        return mem_resize(old, size);
    if (size <= ours)
        return old;
    larger = mem_alloc(size);
    memcpy(larger, old, ours);
    on_free(old, user_data);
    return larger;
}

nghttp2_session *h2_memory_server_new(struct h2_memory *memory, const nghttp2_session_callbacks *callbacks,
                                      void *user_data, const nghttp2_option *options)
{
    nghttp2_mem mem = {.mem_user_data = memory,
                       .malloc = on_malloc,
                       .free = on_free,
                       .calloc = on_calloc,
                       .realloc = on_realloc};
    nghttp2_session *session = NULL;
    int rc;

    shared.is_making = true;
    rc = nghttp2_session_server_new3(&session, callbacks, user_data, options, &mem);
    shared.is_making = false;
    ASSERT(rc == 0); /* memory never fails to come */
    return session;
}

void h2_memory_rest(const struct h2_memory *memory)
{
    if (memory->table)
        h2_pages_rest(memory->table);
}
