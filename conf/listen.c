#include "conf/listen.h"

/* Digits without a leading zero: 0443 would be a second way to write a key. */
static bool read_port(struct slice text, uint16_t *out)
{
    uint64_t port;

    if (!slice_to_u64(text, UINT16_MAX, &port) || port == 0 || text.data[0] == '0')
        return false;
    *out = (uint16_t)port;
    return true;
}

void listen_map(struct reader *reader, const struct place *place, const struct field *field,
                const struct node *node, void *out)
{
    struct conf *conf = reader->conf;

    if (node->kind != NODE_MAP) {
        if (node->kind != NODE_NULL)
            reader_refuse(reader, field, node, NULL, NULL);
        return;
    }
    conf->listens = arena_zeroed(&conf->arena, node->count / 2 * sizeof(*conf->listens));
    for (uint32_t i = 0; i < node->count; i += 2) {
        const struct node *key = node->items[i];
        struct conf_listen *listen = &conf->listens[conf->listens_count];
        struct place inner = {.outer = place, .title = section_row(SECTION_listen)->title, .name = key->text};

        if (read_port(key->text, &listen->port)) {
            listen->mark = key->mark;
            reader_section(reader, &inner, SECTION_listen, node->items[i + 1], listen);
            conf->listens_count++;
        } else {
            diagnostics_error(reader->diagnostics, key->mark,
                              "a key of \"listen\" must be a port from 1 to 65535, not \"%.*s\"",
                              FMT_SLICE(slice_head(key->text, 200)));
        }
    }
}
