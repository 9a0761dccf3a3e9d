#include "conf/targets.h"

#include "conf/list.h"

bool targets_is_one(const struct node *node)
{
    return node->kind == NODE_SCALAR || (node->kind == NODE_MAP && node_get(node, SLICE("address"), NULL));
}

const struct conf_target *targets_pool(const struct conf_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (slice_starts(targets->items[i].address.text, SLICE("@")))
            return &targets->items[i];
    }
    return NULL;
}

void targets_address(struct reader *reader, const struct place *place, const struct field *field,
                     const struct node *node, void *out)
{
    struct conf_text text;

    if (!reader_text(reader, field, node, &text))
        return;
    if (text.text.len == 0)
        reader_refuse(reader, field, node, NULL, &text);
    else
        *(struct conf_text *)out = text;
}

static void read_one(struct reader *reader, const struct place *place, const struct field *field,
                     const struct node *node, struct conf_targets *targets)
{
    struct place inner = {.outer = place, .title = section_row(SECTION_target)->title};
    struct conf_target target = reader->conf->target;

    if (node->kind == NODE_NULL || node->kind == NODE_LIST)
        reader_refuse(reader, field, node, "a target such as 8080, host:port or unix:/run/app.sock", NULL);
    else
        reader_section(reader, &inner, SECTION_target, node, &target);
    if (target.address.text.len)
        targets->items[targets->count++] = target;
}

static void check_backups(struct reader *reader, const struct node *node, const struct conf_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (!targets->items[i].is_backup)
            return;
    }
    if (targets->count)
        diagnostics_error(reader->diagnostics, node->mark,
                          "every target is a backup: one at least must not be");
}

void targets_read(struct reader *reader, const struct place *place, const struct field *field,
                  const struct node *node, void *out)
{
    struct conf_targets targets = {0};
    uint32_t count = node_item_count(node);

    if (node->kind != NODE_MAP && !list_check(reader, field, node))
        return;
    targets.items = arena_zeroed(&reader->conf->arena, count * sizeof(*targets.items));
    for (uint32_t i = 0; i < count; i++)
        read_one(reader, place, field, node_item(node, i), &targets);
    check_backups(reader, node, &targets);
    *(struct conf_targets *)out = targets;
}
