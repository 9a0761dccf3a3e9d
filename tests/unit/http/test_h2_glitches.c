#include <criterion/criterion.h>

#include "base/macro.h"
#include "http/h2_glitches.h"
#include "http/h2_scan.h"

enum { START_MS = 1000 };

/* @return how many can be spent at once */
static int spend_all(struct h2_glitches *glitches, enum h2_glitch glitch, uint64_t now_ms)
{
    int count = 0;

    while (count < 100000 && h2_glitches_spend(glitches, glitch, now_ms))
        count++;
    return count;
}

/* As the session counts a reset of what runs: its frame, and what it does. */
static int reset_all(struct h2_glitches *glitches, uint64_t now_ms)
{
    int count = 0;

    while (h2_glitches_spend(glitches, H2_GLITCH_RST_FRAME, now_ms) &&
           h2_glitches_spend(glitches, H2_GLITCH_RESET, now_ms))
        count++;
    return count;
}

Test(h2_glitches, hundred_resets_are_allowed_and_not_one_more)
{
    struct h2_glitches glitches = {0};

    cr_expect_eq(reset_all(&glitches, START_MS), 100);
    cr_expect_eq(reset_all(&glitches, START_MS + H2_GLITCH_SPAN_MS - 1), 0);
}

Test(h2_glitches, every_kind_has_an_end)
{
    for (int glitch = 0; glitch < H2_GLITCH_COUNT; glitch++) {
        struct h2_glitches glitches = {0};
        int count = spend_all(&glitches, (enum h2_glitch)glitch, START_MS);

        cr_expect(count >= 50 && count <= H2_GLITCH_POINTS_MAX, "%d: %d", glitch, count);
    }
}

Test(h2_glitches, budget_comes_back_slowly)
{
    struct h2_glitches glitches = {0};
    uint64_t now_ms = START_MS;

    cr_expect_eq(reset_all(&glitches, now_ms), 100);
    glitches.points = 1000; /* what was over the limit does not count against the peer that was spared */
    now_ms += H2_GLITCH_SPAN_MS + H2_GLITCH_SPAN_MS / 2;
    cr_expect_eq(reset_all(&glitches, now_ms), 50);
}

Test(h2_glitches, quiet_peer_has_all_of_it_again)
{
    struct h2_glitches glitches = {0};

    reset_all(&glitches, START_MS);
    cr_expect_eq(reset_all(&glitches, START_MS + 2 * H2_GLITCH_SPAN_MS), 100);
}

Test(h2_glitches, few_of_anything_every_second_never_end)
{
    struct h2_glitches glitches = {0};

    for (uint64_t second = 1; second < 600; second++) {
        for (int i = 0; i < 5; i++)
            cr_assert(h2_glitches_spend(&glitches, H2_GLITCH_RESET, second * 1000), "second %d", (int)second);
    }
}

/* ---- frames in bytes ---- */

#define HEADERS      "\0\0\2\1\4\0\0\0\1ab"
#define OPEN_HEADERS "\0\0\2\1\0\0\0\0\1ab"
#define CONTINUATION "\0\0\1\x9\0\0\0\0\1c"
#define LAST         "\0\0\1\x9\4\0\0\0\1d"
#define EMPTY_LAST   "\0\0\0\x9\4\0\0\0\1"
#define PING         "\0\0\x8\6\0\0\0\0\00012345678"

static unsigned scan_all(struct h2_scan *scan, struct slice bytes, unsigned types[8])
{
    struct h2_frame_head frame;
    unsigned count = 0;

    while (h2_scan_next(scan, &bytes, &frame))
        types[count++] = frame.type;
    cr_expect_eq(bytes.len, 0);
    return count;
}

Test(h2_scan, frames_are_found_however_they_are_cut)
{
    struct slice all = SLICE(PING OPEN_HEADERS CONTINUATION LAST PING);
    static const unsigned want[] = {6, 1, 9, 9, 6};

    for (size_t cut = 0; cut <= all.len; cut++) {
        struct h2_scan scan = {0};
        unsigned types[8], count = scan_all(&scan, slice_head(all, cut), types);

        count += scan_all(&scan, slice_from(all, cut), types + count);
        cr_expect_eq(count, ARRAY_LEN(want), "cut at %zu: %u", cut, count);
        cr_expect_arr_eq(types, want, sizeof(want), "cut at %zu", cut);
    }
}

Test(h2_scan, header_block_is_open_until_its_end_has_come)
{
    const struct {
        struct slice bytes;
        bool is_open;
    } rows[] = {
        {SLICE(HEADERS), false},
        {SLICE("\0\0\2\1\4\0\0\0\1a"), true},
        {SLICE(OPEN_HEADERS), true},
        {SLICE(OPEN_HEADERS LAST), false},
        {SLICE(OPEN_HEADERS CONTINUATION), true},
        {SLICE(OPEN_HEADERS EMPTY_LAST), false},
        {SLICE(PING), false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct h2_scan scan = {0};
        unsigned types[8];

        scan_all(&scan, rows[i].bytes, types);
        cr_expect_eq(scan.is_in_block, rows[i].is_open, "row %zu", i);
    }
}

Test(h2_scan, pieces_of_a_block_are_counted)
{
    struct h2_scan scan = {0};
    unsigned types[8];

    scan_all(&scan, SLICE(OPEN_HEADERS CONTINUATION CONTINUATION), types);
    cr_expect_eq(scan.block_frames, 2);
    scan_all(&scan, SLICE(LAST HEADERS), types);
    cr_expect_eq(scan.block_frames, 0);
}
