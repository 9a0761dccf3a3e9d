#include "http/h2_glitches.h"

#include "base/macro.h"

/* What each costs; a reset of what runs is both a RST_STREAM and a reset. A browser that leaves a page resets 100 requests at once, and may. */
static const uint8_t points_of[H2_GLITCH_COUNT] = {
    [H2_GLITCH_RESET] = 8,   [H2_GLITCH_RST_FRAME] = 2,    [H2_GLITCH_PROVOKED] = 10,
    [H2_GLITCH_HEAD] = 10,   [H2_GLITCH_CONTINUATION] = 2, [H2_GLITCH_EMPTY_DATA] = 5,
    [H2_GLITCH_PING] = 5,    [H2_GLITCH_SETTINGS] = 10,    [H2_GLITCH_PRIORITY] = 1,
    [H2_GLITCH_WINDOW] = 1,  [H2_GLITCH_CLOSED] = 10,      [H2_GLITCH_UNKNOWN] = 2,
    [H2_GLITCH_PADDING] = 1,
};

static void slide(struct h2_glitches *glitches, uint64_t now_ms)
{
    uint64_t passed_ms = now_ms - glitches->began_ms;

    if (passed_ms < H2_GLITCH_SPAN_MS)
        return;
    glitches->before = passed_ms < UINT64_C(2) * H2_GLITCH_SPAN_MS ? glitches->points : 0;
    glitches->points = 0;
    glitches->began_ms = now_ms - passed_ms % H2_GLITCH_SPAN_MS;
}

bool h2_glitches_spend(struct h2_glitches *glitches, enum h2_glitch glitch, uint64_t now_ms)
{
    uint64_t left_ms;

    if (!glitches->began_ms)
        glitches->began_ms = now_ms;
    slide(glitches, now_ms);
    glitches->points += points_of[glitch];
    left_ms = H2_GLITCH_SPAN_MS - (now_ms - glitches->began_ms);
    return glitches->points + glitches->before * left_ms / H2_GLITCH_SPAN_MS <= H2_GLITCH_POINTS_MAX;
}
