#include "control/changes.h"

#include "control/changes_parts.h"

static void collect_listens(const struct snapshot *snapshot, struct change_set *set)
{
    for (size_t i = 0; i < snapshot->listens_count; i++) {
        char text[ADDRESS_TEXT];
        struct slice name =
            arena_copy(&set->arena, slice_str(address_describe(&snapshot->listens[i].address, text)));

        change_set_add(set, name, name, &snapshot->listens[i]);
    }
}

static void changes_of_listens(const struct snapshot *before, const struct snapshot *after, struct text *out)
{
    static const struct change_kind LISTENER = {.noun = "listener"};
    struct change_set was = {0}, is = {0};

    collect_listens(before, &was);
    collect_listens(after, &is);
    change_sets_compare(&was, &is, &LISTENER, out);
    change_set_fini(&was);
    change_set_fini(&is);
}

void changes_describe(const struct snapshot *before, const struct snapshot *after, struct text *out)
{
    size_t len = out->len;

    changes_of_routes(before, after, out);
    changes_of_listens(before, after, out);
    changes_of_certificates(before, after, out);
    changes_of_pools(before, after, out);
    changes_of_settings(before, after, out);
    if (out->len == len)
        text_add_literal(out, "nothing changes\n");
}
