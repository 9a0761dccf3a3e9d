/** "Did you mean …?": the known word that is nearest to one that nobody knows. Pure. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

#include "base/slice.h"

/** @param candidates  ends with NULL
 *  @return the nearest candidate, the first of several; NULL when none is near: at most one slip of the
 *  fingers in three letters, or the word is the beginning of a candidate but for one slip */
const char *suggest_nearest(struct slice word, const char *const *candidates);

/** Slips between the two: letters added, left out, exchanged, or swapped with the next (optimal string
 *  alignment). Case does not count. @return limit + 1 when there are more than *limit* */
size_t suggest_distance(struct slice a, struct slice b, size_t limit);

#endif
