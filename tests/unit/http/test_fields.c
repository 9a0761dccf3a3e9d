#include <criterion/criterion.h>

#include "base/macro.h"
#include "http/fields.h"

Test(fields, every_known_name_has_its_id_in_any_case)
{
    for (unsigned id = FIELD_OTHER + 1; id < FIELD_ID_COUNT; id++) {
        struct slice name = field_id_name(id);
        char upper[64];

        for (size_t i = 0; i < name.len; i++)
            upper[i] = name.data[i] >= 'a' && name.data[i] <= 'z' ? (char)(name.data[i] - 32) : name.data[i];
        cr_expect_eq(field_id_of(name), id);
        cr_expect_eq(field_id_of(slice_of(upper, name.len)), id);
        cr_expect_eq(field_id_of(slice_head(name, name.len - 1)), FIELD_OTHER, "%.*s", FMT_SLICE(name));
    }
    cr_expect_eq(field_id_of(SLICE("")), FIELD_OTHER);
    cr_expect_eq(field_id_of(SLICE("x-unknown")), FIELD_OTHER);
    cr_expect_eq(field_id_of(SLICE("content_length")), FIELD_OTHER);
}

Test(fields, added_are_found_counted_and_removed)
{
    struct arena arena = {0};
    struct fields fields = {0};

    for (int i = 0; i < 20; i++)
        fields_add(&fields, &arena, SLICE("X-Many"), SLICE(" v "));
    fields_add(&fields, &arena, SLICE("Via"), SLICE("a"));
    fields_add(&fields, &arena, SLICE("VIA"), SLICE("b"));
    cr_expect_eq(fields.count, 22);
    cr_expect(slice_eq(fields.items[0].value, SLICE("v")));
    cr_expect_eq(fields_count(&fields, FIELD_VIA), 2);
    cr_expect(slice_eq(fields_find(&fields, FIELD_VIA)->value, SLICE("a")));
    cr_expect_not_null(fields_find_name(&fields, SLICE("x-mANY")));
    fields_remove_name(&fields, SLICE("x-many"));
    cr_expect_null(fields_find_name(&fields, SLICE("X-Many")));
    fields_remove(&fields, FIELD_VIA);
    cr_expect_eq(fields.count, 0);
    cr_expect_null(fields_find(&fields, FIELD_VIA));
    arena_fini(&arena);
}

Test(fields, names_are_tokens)
{
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        bool is_token = c && strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                    c);

        cr_expect_eq(field_name_is_valid(slice_of(&byte, 1)), is_token, "%d", c);
    }
    cr_expect(!field_name_is_valid(SLICE("")));
}

Test(fields, values_have_no_controls_but_tab)
{
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;

        cr_expect_eq(field_value_is_valid(slice_of(&byte, 1)), (c >= 32 || c == '\t') && c != 127, "%d", c);
    }
    cr_expect(field_value_is_valid(SLICE("")));
}
