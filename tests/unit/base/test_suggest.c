#include "base/suggest.h"

#include <criterion/criterion.h>

#include "base/macro.h"

static const char *const WORDS[] = {
    "http",  "https", "tls", "tcps", "ssh", "tcp", "health", "round_robin", "least_connections",
    "local", NULL};

Test(suggest, nearest_known_word_is_found)
{
    static const struct {
        const char *name, *word, *nearest;
    } cases[] = {
        {"swapped letters", "helath", "health"},
        {"one left out", "htps", "https"},
        {"one too many", "httpss", "https"},
        {"other case", "HTTPS", "https"},
        {"two slips in a long word", "raund_robbin", "round_robin"},
        {"a beginning", "least", "least_connections"},
        {"a beginning with a slip", "leest", "least_connections"},
        {"three letters, one slip", "tsl", "tls"},
        {"nothing near", "gopher", NULL},
        {"two slips in three letters", "ftp", NULL},
        {"one letter", "h", NULL},
        {"none", "", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *nearest = suggest_nearest(slice_str(cases[i].word), WORDS);

        if (cases[i].nearest)
            cr_assert_str_eq(nearest ? nearest : "(none)", cases[i].nearest, "%s", cases[i].name);
        else
            cr_assert_null(nearest, "%s: %s", cases[i].name, nearest);
    }
}

Test(suggest, distance_counts_slips_up_to_the_limit)
{
    static const struct {
        const char *a, *b;
        size_t limit, distance;
    } cases[] = {
        {"", "", 3, 0},       {"abc", "abc", 0, 0},        {"abc", "abd", 3, 1},
        {"abc", "acb", 3, 1}, {"abc", "ab", 3, 1},         {"ab", "abc", 3, 1},
        {"", "abc", 3, 3},    {"kitten", "sitting", 9, 3}, {"kitten", "sitting", 2, 3},
        {"abc", "xyz", 1, 2}, {"ABC", "abc", 3, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cr_assert_eq(suggest_distance(slice_str(cases[i].a), slice_str(cases[i].b), cases[i].limit),
                     cases[i].distance, "%s / %s", cases[i].a, cases[i].b);
}

Test(suggest, words_too_long_get_no_suggestion)
{
    char word[1000];

    memset(word, 'a', sizeof(word));
    cr_assert_null(suggest_nearest(slice_of(word, sizeof(word)), WORDS));
    cr_assert_eq(suggest_distance(slice_of(word, 300), slice_of(word, 304), 3), 4);
    word[0] = word[299] = 'b';
    cr_assert_eq(suggest_distance(slice_of(word, 300), slice_of(word + 1, 299), 3), 1);
    cr_assert_eq(suggest_distance(slice_of(word, 300), slice_of(word + 300, 300), 3), 4);
}
