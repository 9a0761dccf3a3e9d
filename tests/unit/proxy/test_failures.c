#include "proxy/failures.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void add(struct failures *failures, uint64_t id, const char *detail)
{
    struct failure *failure = failures_add(failures);

    failure->id = id;
    failure->status = 502;
    failure_say(failure, FAILURE_DETAIL, slice_str(detail));
}

Test(failures, the_last_ones_are_kept)
{
    struct failures failures = {0};

    cr_expect_null(failures_find(&failures, 0), "an empty place is none of id 0");
    for (uint64_t id = 1; id <= FAILURES_MAX + 3; id++)
        add(&failures, id, id % 2 ? "odd" : "even");
    cr_expect_null(failures_find(&failures, 3));
    cr_assert_not_null(failures_find(&failures, 4));
    cr_expect_str_eq(failures_find(&failures, 4)->texts[FAILURE_DETAIL].data, "even");
    cr_expect_str_eq(failures_find(&failures, FAILURES_MAX + 3)->texts[FAILURE_DETAIL].data, "odd",
                     "and nothing of what was in its place");
    failures_fini(&failures);
}

Test(failures, texts_are_cut_and_copies_are_their_own)
{
    struct failures failures = {0};
    struct failure copy = {0};
    char *very_long = calloc(1, 5001);

    memset(very_long, 'x', 5000);
    add(&failures, 7, very_long);
    failure_copy(&copy, failures_find(&failures, 7));
    failures_fini(&failures);
    cr_expect_eq(copy.texts[FAILURE_DETAIL].len, 1024);
    cr_expect_eq(copy.id, 7);
    failure_fini(&copy);
    free(very_long);
}
