#include "net/resolve.h"

#include <netdb.h>
#include <uv.h>

#include "base/map.h"
#include "base/mem.h"
#include "net/loop.h"

/* A name has one answer, at most one lookup under way, and any number of questions that wait. An answer is
 * told to each of them in a call of its own at the end of the turn, so that any of these calls may ask,
 * cancel or end the resolver. */

enum {
    FRESH_MS = 5000,
    FRESH_FAILURE_MS = 1000,
    STALE_MS = 5 * 60 * 1000,
    TIDY_AT = 1024, /* names; then old ones go */
    ADDRESSES_MAX = 64,
};

struct name {
    struct resolver *resolver;
    struct slice text;
    struct link waiting; /* of struct resolve */
    struct lookup *lookup;
    struct address *addresses;
    size_t count;
    const char *reason;   /* why there are no addresses */
    uint64_t asked_ms;    /* the last answer or failure; 0: none yet */
    uint64_t answered_ms; /* the last answer */
};

/* Lives until libuv is done with it, which may be after the resolver's end. */
struct lookup {
    uv_getaddrinfo_t uv;
    struct loop *loop;
    struct name *name; /* NULL: nobody cares any more */
};

struct resolve {
    struct link link;
    struct pending told;
    struct name *name;
    resolve_done *done;
    void *owner;
};

struct resolver {
    struct loop *loop;
    struct map index; /* of names */
    struct name **names;
    size_t count, cap;
};

struct resolver *resolver_new(struct loop *loop)
{
    struct resolver *resolver = mem_new(struct resolver);

    resolver->loop = loop;
    return resolver;
}

static void object_free(void *object)
{
    mem_free(object);
}

static void name_free(void *object)
{
    struct name *name = object;

    mem_free((char *)name->text.data);
    mem_free(name->addresses);
    mem_free(name);
}

static void resolve_end(struct resolve *resolve)
{
    list_remove(&resolve->link);
    loop_undefer(&resolve->told);
    loop_retire(resolve->name->resolver->loop, resolve, object_free);
}

void resolve_cancel(struct resolve *resolve)
{
    resolve_end(resolve);
}

static void name_end(struct name *name)
{
    while (!list_is_empty(&name->waiting))
        resolve_end(LIST_FIRST(&name->waiting, struct resolve, link));
    if (name->lookup) {
        name->lookup->name = NULL;
        uv_cancel((uv_req_t *)&name->lookup->uv);
    }
    loop_retire(name->resolver->loop, name, name_free); /* its addresses may be lent right now */
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return;
    for (size_t i = 0; i < resolver->count; i++)
        name_end(resolver->names[i]);
    map_fini(&resolver->index);
    mem_free(resolver->names);
    loop_retire(resolver->loop, resolver, object_free);
}

/* Names. */

static bool is_stale(const struct name *name)
{
    return name->answered_ms == 0 || loop_now_ms(name->resolver->loop) - name->answered_ms > STALE_MS;
}

/* The names of configurations past would pile up otherwise. */
static void tidy(struct resolver *resolver)
{
    size_t kept = 0;

    map_fini(&resolver->index);
    resolver->index = (struct map){0};
    for (size_t i = 0; i < resolver->count; i++) {
        struct name *name = resolver->names[i];

        if (is_stale(name) && !name->lookup && list_is_empty(&name->waiting)) {
            name_end(name);
            continue;
        }
        map_put(&resolver->index, name->text, (uint32_t)kept);
        resolver->names[kept++] = name;
    }
    resolver->count = kept;
}

static struct name *name_find(struct resolver *resolver, struct slice text)
{
    uint32_t at = map_get(&resolver->index, text);

    return at == MAP_NONE ? NULL : resolver->names[at];
}

static struct name *name_add(struct resolver *resolver, struct slice text)
{
    struct name *name = mem_new(struct name);

    if (resolver->count && resolver->count % TIDY_AT == 0)
        tidy(resolver);
    name->resolver = resolver;
    name->text = slice_of(mem_string(text), text.len);
    list_init(&name->waiting);
    mem_grow((void **)&resolver->names, &resolver->cap, resolver->count + 1, sizeof(*resolver->names));
    map_put(&resolver->index, name->text, (uint32_t)resolver->count);
    resolver->names[resolver->count++] = name;
    return name;
}

static bool is_fresh(const struct name *name)
{
    uint64_t fresh_ms = name->count ? FRESH_MS : FRESH_FAILURE_MS;

    return name->asked_ms && loop_now_ms(name->resolver->loop) - name->asked_ms < fresh_ms;
}

/* Lookups. */

static const char *reason_of(int status)
{
    switch (status) {
    case UV_EAI_NONAME:
        return gai_strerror(EAI_NONAME);
    case UV_EAI_AGAIN:
        return gai_strerror(EAI_AGAIN);
    case UV_EAI_FAIL:
        return gai_strerror(EAI_FAIL);
    default:
        return uv_strerror(status);
    }
}

static void take_answer(struct name *name, const struct addrinfo *list)
{
    name->addresses = mem_resize(name->addresses, ADDRESSES_MAX * sizeof(*name->addresses));
    name->count = 0;
    for (const struct addrinfo *at = list; at && name->count < ADDRESSES_MAX; at = at->ai_next) {
        struct sockaddr_storage found = {0};

        memcpy(&found, at->ai_addr, MIN((size_t)at->ai_addrlen, sizeof(found)));
        name->addresses[name->count] = address_from_sockaddr(&found);
        address_set_port(&name->addresses[name->count++], 0);
    }
    name->addresses = mem_resize(name->addresses, name->count * sizeof(*name->addresses));
    name->answered_ms = name->asked_ms;
}

static void take_failure(struct name *name, const char *reason)
{
    if (name->count && !is_stale(name))
        return;
    name->count = 0;
    name->reason = reason;
}

static void tell_waiting(struct name *name)
{
    LIST_EACH(&name->waiting, item)
        loop_defer(name->resolver->loop, &CONTAINER_OF(item, struct resolve, link)->told);
}

static void on_looked_up(uv_getaddrinfo_t *uv, int status, struct addrinfo *list)
{
    struct lookup *lookup = uv->data;
    struct name *name = lookup->name;

    loop_refresh(lookup->loop);
    if (name) {
        name->lookup = NULL;
        name->asked_ms = loop_now_ms(lookup->loop);
        if (status == 0 && list)
            take_answer(name, list);
        else
            take_failure(name, status ? reason_of(status) : "no address");
        tell_waiting(name);
    }
    uv_freeaddrinfo(list);
    mem_free(lookup);
}

static void look_up(struct name *name)
{
    struct loop *loop = name->resolver->loop;
    struct lookup *lookup = mem_new(struct lookup);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int rc;

    lookup->uv.data = lookup;
    lookup->loop = loop;
    lookup->name = name;
    rc = uv_getaddrinfo(loop_uv(loop), &lookup->uv, on_looked_up, name->text.data, NULL, &hints);
    if (rc == 0) {
        name->lookup = lookup;
        return;
    }
    mem_free(lookup);
    name->asked_ms = loop_now_ms(loop);
    take_failure(name, reason_of(rc));
    tell_waiting(name);
}

/* Questions. */

static void on_told(struct pending *pending)
{
    struct resolve *resolve = CONTAINER_OF(pending, struct resolve, told);
    struct name *name = resolve->name;

    resolve_end(resolve);
    resolve->done(resolve->owner, name->count ? name->addresses : NULL, name->count,
                  name->count ? NULL : name->reason);
}

struct resolve *resolve_start(struct resolver *resolver, struct slice text, resolve_done *done, void *owner)
{
    struct resolve *resolve = mem_new(struct resolve);
    struct name *name = name_find(resolver, text);

    if (!name)
        name = name_add(resolver, text);
    resolve->name = name;
    resolve->done = done;
    resolve->owner = owner;
    resolve->told.run = on_told;
    list_push_back(&name->waiting, &resolve->link);
    if (is_fresh(name))
        loop_defer(resolver->loop, &resolve->told);
    else if (!name->lookup)
        look_up(name);
    return resolve;
}

const struct address *resolve_cached(struct resolver *resolver, struct slice text, size_t *count)
{
    struct name *name = name_find(resolver, text);

    if (!name || !name->count || !is_fresh(name))
        return NULL;
    *count = name->count;
    return name->addresses;
}
