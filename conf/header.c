#include "conf/header.h"

bool header_is_token(struct slice text)
{
    static const char OTHERS[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < text.len; i++) {
        char c = ascii_lower(text.data[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && (c == '\0' || !strchr(OTHERS, c)))
            return false;
    }
    return text.len > 0;
}

/* Framing and connection fields are written anew for every hop (RFC 9110 §7.6.1, RFC 9112 §6). */
static bool is_of_connection(struct slice name)
{
    static const struct slice NAMES[] = {
        SLICE("connection"), SLICE("content-length"), SLICE("keep-alive"),        SLICE("proxy-connection"),
        SLICE("te"),         SLICE("trailer"),        SLICE("transfer-encoding"), SLICE("upgrade"),
    };

    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (slice_eq_nocase(NAMES[i], name))
            return true;
    }
    return false;
}

bool header_check_name(struct reader *reader, struct slice name, struct mark mark, bool is_edit)
{
    if (!header_is_token(name))
        diagnostics_error(reader->diagnostics, mark, "\"%.*s\" is not a header field's name",
                          FMT_SLICE(slice_head(name, 200)));
    else if (is_edit && is_of_connection(name))
        diagnostics_error(reader->diagnostics, mark,
                          "%.*s belongs to the connection: Portico writes it for each side itself",
                          FMT_SLICE(name));
    else
        return true;
    return false;
}

/* RFC 9110 §5.5, without the obsolete line folding; blanks at the ends would not arrive. */
static bool is_field_value(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return slice_trim(text).len == text.len;
}

static bool is_presence(const struct node *node)
{
    return node->kind == NODE_NULL ||
           (node->kind == NODE_SCALAR && node->is_plain && slice_eq_nocase(node->text, SLICE("true")));
}

static bool read_value(struct reader *reader, const struct field *field, const struct node *node,
                       struct conf_pair *pair)
{
    bool is_header = field->type == FIELD_HEADERS;
    int len = (int)MIN(pair->name.text.len, (size_t)200);

    if (field->may_lack_value && is_presence(node))
        return true;
    if (node->kind != NODE_SCALAR) {
        diagnostics_error(reader->diagnostics, node->mark, "the value of \"%.*s\" must be a text, not %s",
                          len, pair->name.text.data, node_kind_name(node));
        return false;
    }
    if (!reader_text(reader, field, node, &pair->value))
        return false;
    if (is_header && !is_field_value(pair->value.text)) {
        diagnostics_error(
            reader->diagnostics, pair->value.mark,
            "the value of \"%.*s\" has a line break, another control character, or blanks at an end", len,
            pair->name.text.data);
        return false;
    }
    return true;
}

/* One pair a value, so that several fields of one name can be added. */
static void read_pair(struct reader *reader, const struct field *field, const struct node *key,
                      const struct node *value, struct conf_pairs *out)
{
    uint32_t count = field->is_edit ? node_item_count(value) : 1;

    if (field->type == FIELD_HEADERS && !header_check_name(reader, key->text, key->mark, field->is_edit))
        return;
    for (uint32_t i = 0; i < count; i++) {
        struct conf_pair pair = {.name = {.text = key->text, .mark = key->mark}};

        if (read_value(reader, field, field->is_edit ? node_item(value, i) : value, &pair))
            out->items[out->count++] = pair;
    }
}

static size_t count_values(const struct node *map)
{
    size_t count = 0;

    for (uint32_t i = 1; i < map->count; i += 2)
        count += node_item_count(map->items[i]);
    return count;
}

void header_fields(struct reader *reader, const struct place *place, const struct field *field,
                   const struct node *node, void *out)
{
    struct conf_pairs pairs = {0};

    if (node->kind != NODE_MAP) {
        reader_refuse(reader, field, node, NULL, NULL);
        return;
    }
    pairs.items = arena_zeroed(&reader->conf->arena, count_values(node) * sizeof(*pairs.items));
    for (uint32_t i = 0; i < node->count; i += 2)
        read_pair(reader, field, node->items[i], node->items[i + 1], &pairs);
    *(struct conf_pairs *)out = pairs;
}

void header_query(struct reader *reader, const struct place *place, const struct field *field,
                  const struct node *node, void *out)
{
    header_fields(reader, place, field, node, out);
}
