#include "fuzz/account.h"

void account_fields(struct text *text, const struct fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        text_add(text, fields->items[i].name);
        text_add_literal(text, ": ");
        text_add(text, fields->items[i].value);
        text_add_char(text, '\n');
    }
}

static void add_part(struct text *text, const char *name, struct slice part)
{
    text_printf(text, " %s=", name);
    text_add(text, part);
}

void account_head(struct text *text, const struct head *head, bool last)
{
    text_printf(text, "head %u.%u status=%d", head->major, head->minor, head->status);
    add_part(text, "reason", head->reason);
    add_part(text, "method", head->method_text);
    add_part(text, "target", head->target);
    add_part(text, "authority", head->authority);
    add_part(text, "scheme", head->scheme);
    add_part(text, "protocol", head->protocol);
    text_printf(text, " body=%d length=", (int)head->body);
    text_add_u64(text, head->length);
    text_printf(text, " has_length=%d expects=%d ends=%d dropped=%u\n", head->has_length,
                head->expects_continue, head->ends_connection, head->dropped_fields);
    account_fields(text, &head->fields);
    text_add(text, last ? SLICE("\nlast\n") : SLICE("\n"));
}

void account_data(struct text *text, struct slice bytes, bool last)
{
    text_add(text, bytes);
    if (last)
        text_add_literal(text, "\nlast\n");
}

void account_trailers(struct text *text, const struct fields *trailers)
{
    text_add_literal(text, "\ntrailers\n");
    account_fields(text, trailers);
    text_add_literal(text, "last\n");
}
