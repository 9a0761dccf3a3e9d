/** A seed for what is random in a test: another one each time, printed, and PORTICO_TEST_SEED repeats a run. */
#ifndef TESTS_SIM_SEED_H
#define TESTS_SIM_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline uint64_t seed_roll(void)
{
    const char *given = getenv("PORTICO_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 1000003;

    fprintf(stderr, "sim: PORTICO_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

#endif
