#include "base/suggest.h"

#include "base/macro.h"

/* Longer words are no names of ours, so they get no suggestion. A DNS name just fits. */
enum { WORD_MAX = 255 };

/* The three newest rows of the table of distances; row[i % 3][j] is that of a's first i and b's first j. */
struct rows {
    uint16_t row[3][WORD_MAX + 1];
};

static size_t cell(const struct rows *rows, struct slice a, struct slice b, size_t i, size_t j)
{
    const uint16_t *above = rows->row[(i - 1) % 3], *here = rows->row[i % 3];
    char x = ascii_lower(a.data[i - 1]), y = ascii_lower(b.data[j - 1]);
    size_t least = above[j - 1] + (x != y);

    least = MIN(least, above[j] + 1u);
    least = MIN(least, here[j - 1] + 1u);
    if (i > 1 && j > 1 && x == ascii_lower(b.data[j - 2]) && ascii_lower(a.data[i - 2]) == y)
        least = MIN(least, rows->row[(i - 2) % 3][j - 2] + 1u);
    return least;
}

/* Fills the table row by row until nothing in a row is within the limit. @return the last row, or NULL */
static const uint16_t *last_row(struct rows *rows, struct slice a, struct slice b, size_t limit)
{
    for (size_t j = 0; j <= b.len; j++)
        rows->row[0][j] = (uint16_t)j;
    for (size_t i = 1; i <= a.len; i++) {
        uint16_t *here = rows->row[i % 3];
        size_t least = here[0] = (uint16_t)i;

        for (size_t j = 1; j <= b.len; j++) {
            here[j] = (uint16_t)cell(rows, a, b, i, j);
            least = MIN(least, here[j]);
        }
        if (least > limit)
            return NULL;
    }
    return rows->row[a.len % 3];
}

/* What both begin or end with costs nothing, and most of two host names is that. */
static void trim_common(struct slice *a, struct slice *b)
{
    while (a->len && b->len && ascii_lower(a->data[0]) == ascii_lower(b->data[0])) {
        *a = slice_from(*a, 1);
        *b = slice_from(*b, 1);
    }
    while (a->len && b->len && ascii_lower(a->data[a->len - 1]) == ascii_lower(b->data[b->len - 1])) {
        a->len--;
        b->len--;
    }
}

size_t suggest_distance(struct slice a, struct slice b, size_t limit)
{
    struct rows rows;
    const uint16_t *last;

    trim_common(&a, &b);
    if (a.len > WORD_MAX || b.len > WORD_MAX || MAX(a.len, b.len) - MIN(a.len, b.len) > limit)
        return limit + 1;
    last = last_row(&rows, a, b, limit);
    return last && last[b.len] <= limit ? last[b.len] : limit + 1;
}

/* Is the word the beginning of the candidate but for one slip? "leest" of "least_connections". */
static bool is_beginning(struct slice word, struct slice candidate)
{
    enum { SLIPS = 1 };
    struct rows rows;
    const uint16_t *last;

    if (word.len > WORD_MAX || candidate.len > WORD_MAX)
        return false;
    last = last_row(&rows, word, candidate, SLIPS);
    for (size_t j = 0; last && j <= candidate.len; j++) {
        if (last[j] <= SLIPS)
            return true;
    }
    return false;
}

const char *suggest_nearest(struct slice word, const char *const *candidates)
{
    enum { LETTERS_A_SLIP = 3, SLIPS_MAX = 3, BEGINNING_MIN = 4 };
    size_t limit = MIN(MAX(word.len / LETTERS_A_SLIP, (size_t)1), (size_t)SLIPS_MAX);
    const char *nearest = NULL;

    if (word.len < 2)
        return NULL;
    for (size_t i = 0; candidates[i]; i++) {
        size_t distance = suggest_distance(word, slice_str(candidates[i]), limit);

        if (distance > limit)
            continue;
        nearest = candidates[i];
        if (distance == 0)
            break;
        limit = distance - 1; /* from here on only a nearer one counts */
    }
    for (size_t i = 0; !nearest && word.len >= BEGINNING_MIN && candidates[i]; i++) {
        if (is_beginning(word, slice_str(candidates[i])))
            nearest = candidates[i];
    }
    return nearest;
}
