#include "conf/certificate.h"

#include "conf/value.h"

static void read_one(struct reader *reader, const struct place *place, const struct field *field,
                     const struct node *node)
{
    struct conf *conf = reader->conf;
    struct conf_certificate *certificate = &conf->certificates[conf->certificates_count];
    struct place inner = {.outer = place, .title = section_row(SECTION_certificate)->title};

    if (node->kind == NODE_MAP)
        reader_section(reader, &inner, SECTION_certificate, node, certificate);
    else if (node->kind == NODE_SCALAR)
        value_file(reader, place, field, node, &certificate->path);
    else
        reader_refuse(reader, field, node, NULL, NULL);
    if (certificate->cert.text.data || certificate->path.text.data)
        conf->certificates_count++;
}

void certificate_list(struct reader *reader, const struct place *place, const struct field *field,
                      const struct node *node, void *out)
{
    uint32_t count = node_item_count(node);

    if (node->kind == NODE_NULL)
        return;
    reader->conf->certificates =
        arena_zeroed(&reader->conf->arena, count * sizeof(*reader->conf->certificates));
    for (uint32_t i = 0; i < count; i++)
        read_one(reader, place, field, node_item(node, i));
}
