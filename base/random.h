/** Numbers that look random, for choices and ids: quick, repeatable from a seed, and no secret (xorshift128+,
 *  Vigna 2017). Its state lies in the owner's memory; one thread at a time. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t a, b; /* not both zero */
};

/** Every bit of *x* moves about half of those that come out (the end of splitmix64); never the same for two *x*. */
static inline uint64_t random_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

/** Any seed will do, small ones that follow each other as well. */
static inline struct random random_of(uint64_t seed)
{
    const uint64_t golden = 0x9e3779b97f4a7c15ULL;

    return (struct random){random_mix(seed + golden), random_mix(seed + 2 * golden)};
}

static inline uint64_t random_next(struct random *random)
{
    uint64_t a = random->a, b = random->b;

    random->a = b;
    a ^= a << 23;
    random->b = a ^ b ^ (a >> 17) ^ (b >> 26);
    return random->b + b;
}

/** @return 0..n-1, each as likely as n / 2^32 allows; 0 when n is 0 */
static inline uint32_t random_below(struct random *random, uint32_t n)
{
    return (uint32_t)(((random_next(random) >> 32) * n) >> 32); /* the upper bits are the better ones */
}

#endif
