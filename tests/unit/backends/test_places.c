/* Threads that take and give back; how requests wait is tests/sim_pools' matter. */
#include "backends/places.h"

#include <pthread.h>

#include "unit/backends/offices.h"

enum { THREADS = 2, ROUNDS = 100000, LIMIT = 3, HANDS = 4 };

/* A worker that never has enough: it takes what it can, gives all back, and waits where it got none. */
struct taker {
    struct loop *loop;
    struct places *places;
    struct standing *standing;
    struct place_waiter *waiter;
    struct pending work;
    pthread_t thread;
    size_t taken, waits, wakes;
    uint32_t most;
};

/* Takes it not from the hand, but as one of those that are free again. */
static void on_wake(void *owner, struct place *place)
{
    struct taker *taker = owner;

    taker->wakes++;
    loop_defer(taker->loop, &taker->work);
}

static size_t take_some(struct taker *taker, struct place hands[HANDS])
{
    size_t count = 0;

    while (count < HANDS && place_take(&hands[count], taker->places, taker->standing))
        count++;
    return count;
}

static void on_work(struct pending *work)
{
    struct taker *taker = CONTAINER_OF(work, struct taker, work);
    struct place hands[HANDS];
    size_t count = take_some(taker, hands);

    taker->taken += count;
    taker->most = MAX(taker->most, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        place_give_back(&hands[i]);
    if (taker->taken >= ROUNDS) {
        loop_stop(taker->loop);
    } else if (count == 0 && place_waiter_join(taker->waiter)) {
        taker->waits++;
        if (!places_are_taken(taker->places, taker->standing)) /* one became free just before */
            loop_defer_next(taker->loop, &taker->work);
    } else {
        loop_defer_next(taker->loop, &taker->work);
    }
}

static void *run(void *argument)
{
    struct taker *taker = argument;

    loop_defer(taker->loop, &taker->work);
    loop_run(taker->loop);
    place_waiter_free(taker->waiter);
    loop_free(taker->loop); /* what was posted meanwhile is passed on */
    return NULL;
}

static void taker_init(struct taker *taker, struct places *places, struct standing *standing)
{
    struct error error;

    *taker = (struct taker){.places = places, .standing = standing, .work.run = on_work};
    cr_assert_eq(loop_new(&taker->loop, &error), 0, "%s", error.text);
    taker->waiter = place_waiter_new(places, taker->loop, on_wake, taker);
}

/* The limit is below what one of them can hold, so each is refused again and again. */
Test(places, of_threads_are_never_too_many_and_nobody_waits_for_ever, .timeout = 120)
{
    struct places *places = places_new(LIMIT);
    struct standing *standing = standing_new();
    struct taker takers[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        taker_init(&takers[i], places, standing);
    for (size_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&takers[i].thread, NULL, run, &takers[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(takers[i].thread, NULL);
    for (size_t i = 0; i < THREADS; i++) {
        cr_expect_geq(takers[i].taken, ROUNDS);
        cr_expect_leq(takers[i].most, LIMIT);
    }
    cr_assert_eq(atomic_load(&standing->in_use), 0);
    cr_assert(!places_are_wanted(places));
    cr_assert_eq(atomic_load(&standing->refs), 1);
    standing_unref(standing);
    places_unref(places);
}

/* Two threads hold one place at a time; each counts whom it finds there. */
struct holder {
    struct places *places;
    struct standing *standing;
    atomic_uint *inside, *most;
    pthread_t thread;
};

static void *hold(void *argument)
{
    struct holder *holder = argument;
    struct place place;

    for (size_t held = 0; held < ROUNDS;) {
        unsigned now;

        if (!place_take(&place, holder->places, holder->standing))
            continue;
        now = atomic_fetch_add(holder->inside, 1) + 1;
        if (now > atomic_load(holder->most))
            atomic_store(holder->most, now);
        atomic_fetch_sub(holder->inside, 1);
        place_give_back(&place);
        held++;
    }
    return NULL;
}

Test(places, at_one_time_are_as_many_as_were_allowed, .timeout = 120)
{
    struct places *places = places_new(LIMIT);
    struct standing *standing = standing_new();
    atomic_uint inside = 0, most = 0;
    struct holder holders[LIMIT + 2];

    for (size_t i = 0; i < ARRAY_LEN(holders); i++) {
        holders[i] = (struct holder){places, standing, &inside, &most, 0};
        cr_assert_eq(pthread_create(&holders[i].thread, NULL, hold, &holders[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(holders); i++)
        pthread_join(holders[i].thread, NULL);
    cr_assert_leq(atomic_load(&most), LIMIT);
    cr_assert_eq(atomic_load(&standing->in_use), 0);
    standing_unref(standing);
    places_unref(places);
}

/* --- The line */

struct sleeper {
    struct place_waiter *waiter;
    unsigned wakes;
    bool keeps; /* what it is given */
    struct place place;
};

static void on_sleeper_wake(void *owner, struct place *place)
{
    struct sleeper *sleeper = owner;

    sleeper->wakes++;
    cr_expect_eq(atomic_load(&place->standing->in_use), 1, "it is ours already");
    if (!sleeper->keeps)
        return;
    sleeper->place = *place;
    *place = (struct place){0};
}

struct line {
    struct office *office;
    struct places *places;
    struct standing *standing;
    struct sleeper sleepers[3];
};

static void line_init(struct line *line)
{
    *line = (struct line){.office = office_new(), .places = places_new(1), .standing = standing_new()};
    for (size_t i = 0; i < ARRAY_LEN(line->sleepers); i++)
        line->sleepers[i].waiter =
            place_waiter_new(line->places, line->office->loop, on_sleeper_wake, &line->sleepers[i]);
}

static void line_fini(struct line *line)
{
    for (size_t i = 0; i < ARRAY_LEN(line->sleepers); i++)
        place_waiter_free(line->sleepers[i].waiter);
    cr_expect(!places_are_wanted(line->places));
    cr_expect_eq(atomic_load(&line->standing->refs), 1);
    standing_unref(line->standing);
    places_unref(line->places);
    office_free(line->office);
}

static void give_one(struct line *line)
{
    struct place place;

    cr_assert(place_take(&place, line->places, line->standing));
    place_give_back(&place);
    office_settle(line->office);
}

static void expect_wakes(const struct line *line, unsigned first, unsigned second, unsigned third)
{
    cr_expect_eq(line->sleepers[0].wakes, first, "%u", line->sleepers[0].wakes);
    cr_expect_eq(line->sleepers[1].wakes, second, "%u", line->sleepers[1].wakes);
    cr_expect_eq(line->sleepers[2].wakes, third, "%u", line->sleepers[2].wakes);
}

Test(places, go_to_whoever_has_waited_longest_once)
{
    struct line line;

    line_init(&line);
    line.sleepers[0].keeps = line.sleepers[1].keeps = true;
    cr_assert(place_waiter_join(line.sleepers[1].waiter));
    cr_assert(place_waiter_join(line.sleepers[0].waiter));
    cr_assert(!place_waiter_join(line.sleepers[1].waiter), "it waits already");
    give_one(&line);
    expect_wakes(&line, 0, 1, 0);
    cr_assert(places_are_wanted(line.places));
    cr_assert(places_are_taken(line.places, line.standing));
    place_give_back(&line.sleepers[1].place);
    office_settle(line.office);
    expect_wakes(&line, 1, 1, 0);
    cr_assert(!places_are_wanted(line.places));
    place_give_back(&line.sleepers[0].place);
    office_settle(line.office);
    expect_wakes(&line, 1, 1, 0);
    cr_assert(!places_are_taken(line.places, line.standing));
    cr_assert(place_waiter_join(line.sleepers[1].waiter), "it may wait again");
    line_fini(&line);
}

Test(places, that_are_not_taken_go_to_the_next)
{
    struct line line;

    line_init(&line);
    for (size_t i = 0; i < ARRAY_LEN(line.sleepers); i++)
        cr_assert(place_waiter_join(line.sleepers[i].waiter));
    give_one(&line);
    expect_wakes(&line, 1, 1, 1);
    cr_assert_eq(atomic_load(&line.standing->in_use), 0);
    line_fini(&line);
}

Test(places, the_first_in_line_may_take_its_turn_by_itself)
{
    struct line line;

    line_init(&line);
    cr_assert_not(place_waiter_take_turn(line.sleepers[0].waiter), "nobody waits");
    cr_assert(place_waiter_join(line.sleepers[0].waiter));
    cr_assert(place_waiter_join(line.sleepers[1].waiter));
    cr_assert_not(place_waiter_take_turn(line.sleepers[1].waiter), "another one comes first");
    cr_assert(place_waiter_take_turn(line.sleepers[0].waiter));
    cr_assert(place_waiter_join(line.sleepers[0].waiter), "at the end of the line");
    cr_assert(place_waiter_take_turn(line.sleepers[1].waiter));
    give_one(&line);
    expect_wakes(&line, 1, 0, 0);
    line_fini(&line);
}

Test(places, one_that_ends_passes_on_what_it_was_about_to_be_told)
{
    struct line line;
    struct place place;

    line_init(&line);
    cr_assert(place_waiter_join(line.sleepers[0].waiter));
    cr_assert(place_waiter_join(line.sleepers[1].waiter));
    cr_assert(place_take(&place, line.places, line.standing));
    place_give_back(&place);
    place_waiter_free(line.sleepers[0].waiter);
    line.sleepers[0].waiter = NULL;
    office_settle(line.office);
    expect_wakes(&line, 0, 1, 0);
    line_fini(&line);
}

/* Between the message and its arrival. */
Test(places, one_that_ends_is_not_woken)
{
    struct line line;
    struct place place;

    line_init(&line);
    cr_assert(place_waiter_join(line.sleepers[0].waiter));
    cr_assert(place_waiter_join(line.sleepers[1].waiter));
    cr_assert(place_take(&place, line.places, line.standing));
    place_give_back(&place);
    place_waiter_free(line.sleepers[0].waiter); /* is about to be woken */
    place_waiter_free(line.sleepers[1].waiter); /* is in the line */
    line.sleepers[0].waiter = line.sleepers[1].waiter = NULL;
    office_settle(line.office);
    expect_wakes(&line, 0, 0, 0);
    line_fini(&line);
}
