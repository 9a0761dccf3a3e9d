#include "backends/places.h"

#include <pthread.h>

#include "base/mem.h"
#include "net/loop.h"

struct places {
    atomic_uint refs;
    uint64_t max;          /* connections an endpoint */
    pthread_mutex_t mutex; /* of the line */
    struct link line;      /* of place_waiters, longest first */
    atomic_uint waiting;
};

/* Who gives back looks for who waits before and after; who begins to wait says so first and then looks for a place. One of
 * the two sees the other, as all of that is sequentially consistent. */

/* In the line it has a reference of its own, which becomes the message's. */
struct place_waiter {
    struct link link;
    struct places *places;
    struct loop *loop;
    unsigned refs;        /* its own thread's, as all that follows */
    bool is_in_line;      /* or about to be woken */
    struct place granted; /* written by who wakes it, under the mutex */
    void (*wake)(void *owner, struct place *place);
    void *owner; /* NULL: it has ended */
};

struct places *places_new(uint64_t max)
{
    struct places *places = mem_new(struct places);

    atomic_init(&places->refs, 1);
    places->max = max;
    pthread_mutex_init(&places->mutex, NULL);
    list_init(&places->line);
    return places;
}

void places_ref(struct places *places)
{
    atomic_fetch_add_explicit(&places->refs, 1, memory_order_relaxed);
}

void places_unref(struct places *places)
{
    if (!places || atomic_fetch_sub_explicit(&places->refs, 1, memory_order_acq_rel) > 1)
        return;
    pthread_mutex_destroy(&places->mutex);
    mem_free(places);
}

bool places_are_taken(const struct places *places, const struct standing *standing)
{
    return atomic_load(&standing->in_use) >= places->max;
}

bool places_are_wanted(const struct places *places)
{
    return atomic_load(&places->waiting) > 0;
}

bool place_take(struct place *place, struct places *places, struct standing *standing)
{
    if (atomic_fetch_add(&standing->in_use, 1) >= places->max) {
        atomic_fetch_sub(&standing->in_use, 1);
        return false;
    }
    places_ref(places);
    *place = (struct place){places, standing_ref(standing)};
    return true;
}

static void waiter_unref(struct place_waiter *waiter)
{
    if (--waiter->refs > 0)
        return;
    places_unref(waiter->places);
    mem_free(waiter);
}

static void on_woken(void *argument)
{
    struct place_waiter *waiter = argument;
    struct place place = waiter->granted;

    waiter->is_in_line = false;
    if (waiter->owner)
        waiter->wake(waiter->owner, &place);
    place_give_back(&place);
    waiter_unref(waiter);
}

/* Posted under the mutex: who ends waits for it, and its loop ends later still. @return false: nobody waits */
static bool grant(const struct place *place)
{
    struct places *places = place->places;
    struct place_waiter *first = NULL;

    pthread_mutex_lock(&places->mutex);
    if (!list_is_empty(&places->line)) {
        first = LIST_FIRST(&places->line, struct place_waiter, link);
        list_remove(&first->link);
        atomic_fetch_sub(&places->waiting, 1);
        first->granted = *place;
        loop_post(first->loop, on_woken, first);
    }
    pthread_mutex_unlock(&places->mutex);
    return first != NULL;
}

static void place_end(struct place *place)
{
    standing_unref(place->standing);
    places_unref(place->places);
}

void place_give_back(struct place *place)
{
    struct place given = *place, again;

    if (!given.places)
        return;
    *place = (struct place){0};
    if (places_are_wanted(given.places) && grant(&given))
        return;
    atomic_fetch_sub(&given.standing->in_use, 1);
    if (places_are_wanted(given.places) && place_take(&again, given.places, given.standing))
        place_give_back(&again);
    place_end(&given);
}

struct place_waiter *place_waiter_new(struct places *places, struct loop *loop,
                                      void (*wake)(void *owner, struct place *place), void *owner)
{
    struct place_waiter *waiter = mem_new(struct place_waiter);

    places_ref(places);
    *waiter = (struct place_waiter){.places = places, .loop = loop, .refs = 1, .wake = wake, .owner = owner};
    return waiter;
}

bool place_waiter_join(struct place_waiter *waiter)
{
    struct places *places = waiter->places;

    if (waiter->is_in_line)
        return false;
    waiter->is_in_line = true;
    waiter->refs++;
    pthread_mutex_lock(&places->mutex);
    list_push_back(&places->line, &waiter->link);
    atomic_fetch_add(&places->waiting, 1);
    pthread_mutex_unlock(&places->mutex);
    return true;
}

bool place_waiter_take_turn(struct place_waiter *waiter)
{
    struct places *places = waiter->places;
    bool is_first;

    pthread_mutex_lock(&places->mutex);
    is_first =
        !list_is_empty(&places->line) && LIST_FIRST(&places->line, struct place_waiter, link) == waiter;
    if (is_first) {
        list_remove(&waiter->link);
        atomic_fetch_sub(&places->waiting, 1);
    }
    pthread_mutex_unlock(&places->mutex);
    if (!is_first)
        return false;
    waiter->is_in_line = false;
    waiter_unref(waiter);
    return true;
}

/* @return false: somebody is about to wake it */
static bool leave_line(struct place_waiter *waiter)
{
    struct places *places = waiter->places;
    bool was_there;

    pthread_mutex_lock(&places->mutex);
    was_there = link_is_in_list(&waiter->link);
    list_remove(&waiter->link);
    if (was_there)
        atomic_fetch_sub(&places->waiting, 1);
    pthread_mutex_unlock(&places->mutex);
    return was_there;
}

void place_waiter_free(struct place_waiter *waiter)
{
    if (!waiter)
        return;
    waiter->owner = NULL;
    if (waiter->is_in_line && leave_line(waiter))
        waiter_unref(waiter);
    waiter_unref(waiter);
}
