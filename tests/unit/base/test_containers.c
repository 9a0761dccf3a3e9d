#include <criterion/criterion.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/queue.h"

Test(queue, bytes_leave_in_the_order_in_which_they_came)
{
    struct queue queue = {0};
    char out[40000];
    size_t in = 0, gone = 0;

    while (gone < sizeof(out)) {
        char bytes[97];

        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)((in + i) % 251);
        queue_add(&queue, slice_of(bytes, sizeof(bytes)));
        in += sizeof(bytes);
        if (queue_len(&queue) > 3000) {
            struct slice held = slice_head(queue_peek(&queue), 2777);

            for (size_t i = 0; i < held.len; i++, gone++)
                cr_assert_eq((unsigned char)held.data[i], gone % 251);
            queue_drop(&queue, held.len);
        }
    }
    queue_fini(&queue);
}

Test(queue, owns_no_memory_while_it_is_empty)
{
    struct queue queue = {0};

    queue_add(&queue, SLICE("abc"));
    cr_expect_not_null(queue.data);
    queue_drop(&queue, 3);
    cr_expect_null(queue.data);
    cr_expect_eq(queue_len(&queue), 0);
}

Test(map, finds_each_of_many_and_nothing_else)
{
    enum { COUNT = 50000 };
    struct map map = {0};
    struct arena arena = {0};

    for (uint32_t i = 0; i < COUNT; i++)
        cr_assert_eq(map_put(&map, arena_printf(&arena, "host-%u.test", i), i), i);
    cr_expect_eq(map.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        cr_assert_eq(map_get(&map, arena_printf(&arena, "host-%u.test", i)), i);
        cr_assert_eq(map_get(&map, arena_printf(&arena, "host-%u.text", i)), MAP_NONE);
    }
    map_fini(&map);
    arena_fini(&arena);
}

Test(map, keeps_the_first_value_of_a_key)
{
    struct map map = {0};

    cr_expect_eq(map_get(&map, SLICE("a")), MAP_NONE);
    cr_expect_eq(map_put(&map, SLICE("a"), 1), 1);
    cr_expect_eq(map_put(&map, SLICE("a"), 2), 1);
    cr_expect_eq(map_get(&map, SLICE("a")), 1);
    map_fini(&map);
}

Test(arena, copies_stand_by_themselves_and_large_ones_fit)
{
    struct arena arena = {0};
    char bytes[] = "abc";
    struct slice copy = arena_copy(&arena, slice_of(bytes, 3));
    char *large = arena_alloc(&arena, 100000);

    bytes[0] = 'x';
    memset(large, 1, 100000);
    cr_expect(slice_eq(copy, SLICE("abc")));
    cr_expect_eq(copy.data[3], '\0');
    arena_reset(&arena);
    cr_expect_leq(arena.total, 4096);
    arena_fini(&arena);
}

Test(map, with_room_for_more_moves_nothing)
{
    struct map map = {0};
    const struct map_entry *entries;

    map_put(&map, SLICE("first"), 7);
    map_reserve(&map, 1000);
    entries = map.entries;
    cr_expect_eq(map_get(&map, SLICE("first")), 7);
    for (uint32_t i = 0; i < 1000; i++) {
        static char names[1000][8];

        snprintf(names[i], sizeof(names[i]), "%u", i);
        map_put(&map, slice_str(names[i]), i);
    }
    cr_expect_eq(map.entries, entries);
    cr_expect_eq(map_get(&map, SLICE("999")), 999);
    map_fini(&map);
}

Test(arena, text_of_any_length_is_whole_and_ends_with_nul)
{
    struct arena arena = {0};

    for (int len = 0; len < 600; len++) {
        const struct slice printed = arena_printf(&arena, "%0*d", len, 0);
        const struct slice joined = arena_join(&arena, (struct slice[]){printed, SLICE(""), printed}, 3);

        cr_assert_eq(printed.len, strlen(printed.data));
        cr_assert_eq(printed.len, (size_t)(len ? len : 1));
        cr_assert_eq(joined.len, 2 * printed.len);
        cr_assert_eq(joined.len, strlen(joined.data));
        cr_assert(slice_eq(slice_from(joined, printed.len), printed));
    }
    arena_fini(&arena);
}
