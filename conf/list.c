#include "conf/list.h"

#include "conf/header.h"

static const char METHOD_NOUN[] = "a method such as GET";
static const char NAME_NOUN[] = "a header field's name";
static const char NETWORK_NOUN[] =
    "a network such as 10.0.0.0/8 (no bits set behind the prefix) or an IP address";
static const char SERVER_NOUN[] =
    "an IP address, with a port or without, such as 10.0.0.2, 127.0.0.1:5353 or [::1]:53";
static const char ADDRESS_NOUN[] = "an IP address such as 192.0.2.1 or ::1";

bool list_check(struct reader *reader, const struct field *field, const struct node *node)
{
    if (node->kind == NODE_LIST && node->count == 0 && !field->may_be_empty)
        diagnostics_error(reader->diagnostics, node->mark, "\"%s\" is an empty list", field->name);
    else if (node->kind == NODE_NULL || node->kind == NODE_MAP)
        reader_refuse(reader, field, node, NULL, NULL);
    else
        return true;
    return false;
}

/* How one item becomes what is stored. @return false when it is reported as wrong */
struct item_kind {
    size_t size;
    const char *noun;
    bool (*read)(struct reader *reader, const struct field *field, const struct conf_text *text, void *item);
};

/* What all the lists of struct conf look like. */
struct list {
    void *items;
    size_t count;
};

/* [fe80::] is a list with a map in it, {"fe80:": null}: a colon before a bracket ends a key. */
static bool is_cut_address(const struct node *node)
{
    return node->kind == NODE_MAP && node->count == 2 && node->items[1]->kind == NODE_NULL &&
           slice_ends(node->items[0]->text, SLICE(":"));
}

static void refuse_item(struct reader *reader, const struct field *field, const struct node *item,
                        const char *noun)
{
    reader_refuse(reader, field, item, noun, NULL);
    if (is_cut_address(item))
        diagnostics_hint(reader->diagnostics, "a colon at the end makes it a key: put the address in quotes");
}

static void read_list(struct reader *reader, const struct field *field, const struct node *node,
                      const struct item_kind *kind, void *out)
{
    struct list list = {0};
    uint32_t count = node_item_count(node);

    if (!list_check(reader, field, node))
        return;
    list.items = arena_zeroed(&reader->conf->arena, count * kind->size);
    for (uint32_t i = 0; i < count; i++) {
        const struct node *item = node_item(node, i);
        struct conf_text text;

        if (item->kind != NODE_SCALAR)
            refuse_item(reader, field, item, kind->noun);
        else if (reader_text(reader, field, item, &text) &&
                 kind->read(reader, field, &text, (char *)list.items + list.count * kind->size))
            list.count++;
    }
    memcpy(out, &list, sizeof(list));
}

static bool read_method(struct reader *reader, const struct field *field, const struct conf_text *text,
                        void *item)
{
    static const char *const KNOWN[] = {"GET",   "HEAD",    "POST",    "PUT", "DELETE",
                                        "PATCH", "OPTIONS", "CONNECT", NULL};
    bool is_known_in_other_case = false;

    for (const char *const *known = KNOWN; *known; known++)
        is_known_in_other_case |=
            slice_eq_nocase(text->text, slice_str(*known)) && !slice_eq(text->text, slice_str(*known));
    /* Methods are case-sensitive (RFC 9110 §9.1): "get" would never match anything. */
    if (!header_is_token(text->text) || is_known_in_other_case) {
        reader_refuse(reader, field, NULL, METHOD_NOUN, text);
        diagnostics_suggest(reader->diagnostics, text->text, KNOWN);
        return false;
    }
    *(struct conf_text *)item = *text;
    return true;
}

static bool read_name(struct reader *reader, const struct field *field, const struct conf_text *text,
                      void *item)
{
    *(struct conf_text *)item = *text;
    return header_check_name(reader, text->text, text->mark, true);
}

static bool read_network(struct reader *reader, const struct field *field, const struct conf_text *text,
                         void *item)
{
    if (cidr_parse(text->text, item))
        return true;
    reader_refuse(reader, field, NULL, NETWORK_NOUN, text);
    return false;
}

static bool read_address(struct reader *reader, const struct field *field, const struct conf_text *text,
                         void *item)
{
    if (ip_parse(text->text, item))
        return true;
    reader_refuse(reader, field, NULL, ADDRESS_NOUN, text);
    return false;
}

enum { DNS_PORT = 53 };

/* Where the port begins: behind the bracket of an IPv6 address, or the only colon. */
static struct slice cut_port(struct slice *text)
{
    ptrdiff_t end = slice_find(*text, ']'), colon = slice_find(*text, ':');
    struct slice port = {0};

    if (text->len && text->data[0] == '[' && end > 0) {
        port = slice_from(*text, (size_t)end + 1);
        *text = slice_of(text->data + 1, (size_t)end - 1);
    } else if (colon >= 0 && slice_find(slice_from(*text, (size_t)colon + 1), ':') < 0) {
        port = slice_from(*text, (size_t)colon);
        *text = slice_head(*text, (size_t)colon);
    }
    return port;
}

static bool read_server(struct reader *reader, const struct field *field, const struct conf_text *text,
                        void *item)
{
    struct conf_server *server = item;
    struct slice ip = text->text, port = cut_port(&ip);
    uint64_t number = DNS_PORT;
    bool is_fine = port.len == 0 || (slice_starts(port, SLICE(":")) &&
                                     slice_to_u64(slice_from(port, 1), UINT16_MAX, &number) && number);

    if (!is_fine || !ip_parse(ip, &server->ip)) {
        reader_refuse(reader, field, NULL, SERVER_NOUN, text);
        return false;
    }
    server->port = (uint16_t)number;
    return true;
}

void list_methods(struct reader *reader, const struct place *place, const struct field *field,
                  const struct node *node, void *out)
{
    read_list(reader, field, node, &(struct item_kind){sizeof(struct conf_text), METHOD_NOUN, read_method},
              out);
}

void list_names(struct reader *reader, const struct place *place, const struct field *field,
                const struct node *node, void *out)
{
    read_list(reader, field, node, &(struct item_kind){sizeof(struct conf_text), NAME_NOUN, read_name}, out);
}

void list_networks(struct reader *reader, const struct place *place, const struct field *field,
                   const struct node *node, void *out)
{
    read_list(reader, field, node, &(struct item_kind){sizeof(struct cidr), NETWORK_NOUN, read_network}, out);
}

void list_addresses(struct reader *reader, const struct place *place, const struct field *field,
                    const struct node *node, void *out)
{
    read_list(reader, field, node, &(struct item_kind){sizeof(struct ip), ADDRESS_NOUN, read_address}, out);
}

void list_servers(struct reader *reader, const struct place *place, const struct field *field,
                  const struct node *node, void *out)
{
    read_list(reader, field, node, &(struct item_kind){sizeof(struct conf_server), SERVER_NOUN, read_server},
              out);
}
