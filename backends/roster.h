/** Who is in a pool right now: its targets with their names looked up. Immutable and counted, so that all workers may
 *  read one; where names or addresses change, another one takes its place. */
#ifndef BACKENDS_ROSTER_H
#define BACKENDS_ROSTER_H

#include <stdatomic.h>

#include "backends/pool.h"
#include "base/arena.h"
#include "base/map.h"
#include "net/address.h"

/** What all threads know of one endpoint. The warden writes the state, everyone reads it; it gives the same one to
 *  an endpoint before and after a reload. */
struct standing {
    atomic_uint refs;
    atomic_uchar state;                /* enum standing_state */
    atomic_uint_least64_t up_since_ms; /* loop_now_ms(), which is the same on all loops; 0: from the start */
    atomic_uint_least32_t in_use; /* connections of all workers, kept where the pool has max_connections */
    void *watched_by;             /* the warden's alone, on its thread */
};

enum standing_state {
    STANDING_UP,      /* also: nothing is known yet */
    STANDING_DOWN,    /* the checks say so */
    STANDING_EJECTED, /* requests themselves met failures */
};

struct standing *standing_new(void);
struct standing *standing_ref(struct standing *standing);
void standing_unref(struct standing *standing);

struct endpoint {
    const struct pool_target *target; /* of the snapshot */
    struct address addresses[2];      /* a second one: of the other family, for the same host */
    size_t addresses_count;
    struct slice text;         /* for people: "10.0.0.1:8080", "app:8080 (10.0.0.1)"; NUL-terminated */
    struct slice identity;     /* same text: connections may be shared (address, TLS settings) */
    uint64_t name;             /* a hash of it: struct balance_candidate */
    struct slice tag;          /* of a sticky pool: the cookie's value for it */
    struct standing *standing; /* NULL: nothing can change it (a pool of one without checks and limits) */
    uint32_t weight;
    bool is_backup;
};

struct roster {
    atomic_uint refs;
    uint64_t number; /* no other one ever has it */
    struct arena arena;
    struct endpoint *endpoints;
    size_t count, cap;
    struct map by_tag;      /* sticky pools: index of the endpoint */
    struct places *places;  /* NULL: no max_connections; backends/places.h */
    struct slice why_empty; /* count 0: what the name servers said; NUL-terminated */
    bool is_settled;        /* every name has been answered once, well or not */
};

/** Empty, with one reference; nobody but its maker sees it until it is whole. */
struct roster *roster_new(void);
/** @param addresses  one, or one of each family; copied
 *  @return the endpoint, to be completed (standing, tag, weight); valid until the next one is added */
struct endpoint *roster_add(struct roster *roster, const struct pool_target *target,
                            const struct address *addresses, size_t count);
void roster_ref(struct roster *roster);
/** The last one frees it; from any thread. NULL is fine. */
void roster_unref(struct roster *roster);

/** The address of a target that is no name. @return false: it is a name */
bool pool_target_address(const struct pool_target *target, struct address *out);
/** One target that is no name, and nothing that could change its standing: such a pool needs no warden. */
bool pool_is_fixed(const struct pool *pool);
/** The targets that are no names, with nothing known of their standing. */
struct roster *roster_fixed(const struct pool *pool);

#endif
