/** An assertion for places that are passed a million times: Criterion reports each of its own that holds. */
#ifndef TESTS_SIM_MUST_H
#define TESTS_SIM_MUST_H

#include <criterion/criterion.h>

#define MUST(promise, ...)                                                                                   \
    do {                                                                                                     \
        if (!(promise))                                                                                      \
            cr_assert_fail("not " #promise ": " __VA_ARGS__);                                                \
    } while (0)

#endif
