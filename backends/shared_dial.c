#include "backends/shared_dial.h"

#include "base/macro.h"
#include "base/mem.h"
#include "net/loop.h"
#include "tls/tls_stream.h"

static struct slice copy_if_given(struct arena *arena, struct slice text)
{
    return text.data ? arena_copy(arena, text) : text;
}

static void copy_target(struct shared_dial *dial, const struct pool_target *from)
{
    struct pool_target *target = &dial->target;

    *target = *from;
    target->target.name = copy_if_given(&dial->arena, from->target.name);
    target->target.text = copy_if_given(&dial->arena, from->target.text);
    target->server_name = copy_if_given(&dial->arena, from->server_name);
    target->identity = copy_if_given(&dial->arena, from->identity);
    target->tls = tls_client_context_ref(from->tls);
}

static void copy_endpoint(struct shared_dial *dial, const struct endpoint *from)
{
    dial->endpoint = *from;
    dial->endpoint.target = &dial->target;
    dial->endpoint.text = copy_if_given(&dial->arena, from->text);
    dial->endpoint.identity = copy_if_given(&dial->arena, from->identity);
    dial->endpoint.tag = (struct slice){0};
    dial->endpoint.standing = NULL;
    copy_target(dial, from->target);
}

static const struct ip *copy_sources(struct shared_dial *dial, const struct shared_way *way)
{
    size_t bytes = way->sources_count * sizeof(*way->sources);
    struct ip *sources = arena_alloc(&dial->arena, bytes);

    if (bytes)
        memcpy(sources, way->sources, bytes);
    return sources;
}

struct shared_dial *shared_dial_start(struct loop *loop, const struct shared_way *way,
                                      const struct connect_events *on, void *owner)
{
    struct shared_dial *dial = mem_new(struct shared_dial);

    MAGIC_SET(dial, SHARED_DIAL);
    dial->owner = owner;
    copy_endpoint(dial, way->endpoint);
    dial->connect = (struct connect){
        .loop = loop,
        .endpoint = &dial->endpoint,
        .arena = &dial->arena,
        .on = on,
        .owner = dial,
        .timeout_ms = way->timeout_ms,
        .sends_first = true,
        .sources = copy_sources(dial, way),
        .sources_count = way->sources_count,
        .turn = way->turn,
    };
    connect_start(&dial->connect);
    return dial;
}

static void dial_free(void *object)
{
    struct shared_dial *dial = CAST(shared_dial, SHARED_DIAL, object);

    tls_client_context_unref(dial->target.tls);
    arena_fini(&dial->arena);
    mem_free(dial);
}

void shared_dial_end(struct shared_dial *dial)
{
    connect_cancel(&dial->connect);
    list_remove(&dial->link);
    loop_retire(dial->connect.loop, dial, dial_free);
}
