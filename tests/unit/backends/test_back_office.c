#include "backends/back_office.h"

#include <stdio.h>

#include "unit/backends/offices.h"

static struct worker_endpoint *use(struct office *office, const char *identity)
{
    return back_office_use(office->back, slice_str(identity));
}

Test(back_office, knows_an_endpoint_by_its_identity)
{
    struct office *office = office_new();
    char identity[] = "10.0.0.1:80";
    struct worker_endpoint *first = use(office, identity), *other = use(office, "10.0.0.1:80 v1");

    identity[0] = 'x'; /* it was copied */
    cr_assert_eq(use(office, "10.0.0.1:80"), first, "pools share it");
    cr_assert_neq(other, first);
    cr_assert_neq(other->slot, first->slot);
    cr_assert_eq(back_office_endpoints(office->back), 2);
    back_office_unuse(first);
    back_office_unuse(first);
    cr_assert_eq(use(office, "10.0.0.1:80"), first, "it is kept for a while without users");
    back_office_unuse(first);
    back_office_unuse(other);
    office_free(office);
}

Test(back_office, addresses_that_come_and_go_do_not_pile_up)
{
    struct office *office = office_new();
    struct worker_endpoint *stays = use(office, "10.0.0.1:80");
    uint32_t slot = stays->slot, highest = 0;
    size_t most = 0;

    for (size_t i = 0; i < 20000; i++) {
        char identity[32];
        struct worker_endpoint *passing;

        snprintf(identity, sizeof(identity), "10.1.%zu.%zu:80", i / 250, i % 250);
        passing = use(office, identity);
        cr_assert_neq(passing->slot, slot, "it is in use");
        cr_assert_eq(back_office_in_use(office->back)[passing->slot], 0);
        highest = MAX(highest, passing->slot);
        back_office_unuse(passing);
        most = MAX(most, back_office_endpoints(office->back));
    }
    cr_assert_lt(most, 1000);
    cr_assert_lt(highest, 1000, "slots are used again");
    cr_assert_eq(use(office, "10.0.0.1:80"), stays);
    cr_assert_eq(stays->slot, slot);
    back_office_unuse(stays);
    back_office_unuse(stays);
    office_free(office);
}

/* Those in use are many; tidying must neither lose one nor mix them up. */
Test(back_office, finds_everyone_after_tidying)
{
    enum { KEPT = 700, PASSING = 3000 };
    static struct worker_endpoint *kept[KEPT];
    struct office *office = office_new();
    char identity[32];

    for (size_t i = 0; i < KEPT; i++) {
        snprintf(identity, sizeof(identity), "kept %zu", i);
        kept[i] = use(office, identity);
        back_office_in_use(office->back)[kept[i]->slot] = (uint32_t)i + 1;
    }
    for (size_t i = 0; i < PASSING; i++) {
        snprintf(identity, sizeof(identity), "passing %zu", i);
        back_office_unuse(use(office, identity));
    }
    for (size_t i = 0; i < KEPT; i++) {
        snprintf(identity, sizeof(identity), "kept %zu", i);
        cr_assert_eq(use(office, identity), kept[i], "%zu", i);
        cr_assert_eq(back_office_in_use(office->back)[kept[i]->slot], i + 1);
        back_office_unuse(kept[i]);
        back_office_unuse(kept[i]);
    }
    cr_assert_lt(back_office_endpoints(office->back), KEPT + 600);
    office_free(office);
}

Test(back_office, seeds_are_never_the_same)
{
    struct office *office = office_new();
    uint64_t first = back_office_seed(office->back);

    for (size_t i = 0; i < 1000; i++)
        cr_assert_neq(back_office_seed(office->back), first);
    office_free(office);
}

Test(back_office, that_was_closed_keeps_no_connection_at_endpoints_that_come_later)
{
    struct office *office = office_new();
    struct worker_endpoint *before = use(office, "before"), *after;

    cr_assert(!before->idle.is_closed);
    back_office_close(office->back);
    after = use(office, "after");
    cr_assert(before->idle.is_closed && after->idle.is_closed);
    back_office_unuse(before);
    back_office_unuse(after);
    office_free(office);
}
