#include "conf/expectation.h"

static void read_one(struct reader *reader, const struct field *field, const struct node *key,
                     const struct node *value)
{
    struct conf *conf = reader->conf;
    struct conf_text route;

    if (value->kind != NODE_SCALAR || value->text.len == 0)
        diagnostics_error(reader->diagnostics, key->mark,
                          "\"%.*s\" needs the key of the route that it must take, such as "
                          "https://shop.example.com/",
                          FMT_SLICE(slice_head(key->text, 200)));
    else if (reader_text(reader, field, value, &route))
        conf->expectations[conf->expectations_count++] =
            (struct conf_expectation){.url = {.text = key->text, .mark = key->mark}, .route = route};
}

void expectation_map(struct reader *reader, const struct place *place, const struct field *field,
                     const struct node *node, void *out)
{
    struct conf *conf = reader->conf;

    if (node->kind != NODE_MAP) {
        if (node->kind != NODE_NULL)
            reader_refuse(reader, field, node, NULL, NULL);
        return;
    }
    conf->expectations = arena_zeroed(&conf->arena, node->count / 2 * sizeof(*conf->expectations));
    for (uint32_t i = 0; i < node->count; i += 2)
        read_one(reader, field, node->items[i], node->items[i + 1]);
}
