#include "http/accept.h"

/* What the client thinks of one type: the most specific range that matches decides its q. */
struct liking {
    unsigned thousandths;
    unsigned specificity; /* 0: no range matches; 1: any type; 2: type and any subtype; 3: in full */
    size_t position;      /* of that range in the list */
};

static unsigned specificity_of(struct slice range, struct slice type)
{
    ptrdiff_t slash = slice_find(type, '/');

    if (slice_eq_nocase(range, type))
        return 3;
    if (slice_eq(range, SLICE("*/*")))
        return 1;
    if (slice_ends(range, SLICE("/*")) && range.len == (size_t)slash + 2 &&
        slice_eq_nocase(slice_head(range, (size_t)slash), slice_head(type, (size_t)slash)))
        return 2;
    return 0;
}

/* qvalue: 0 or 1 with up to three decimals (RFC 9110 §12.4.2); anything else counts as 1. */
static unsigned read_qvalue(struct slice text)
{
    unsigned value = 0, weight = 100;

    if (text.len == 0 || text.len > 5 || (text.data[0] != '0' && text.data[0] != '1') ||
        (text.len > 1 && text.data[1] != '.') || text.data[0] == '1')
        return 1000;
    for (size_t i = 2; i < text.len; i++, weight /= 10) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 1000;
        value += weight * (unsigned)(text.data[i] - '0');
    }
    return value;
}

static struct slice cut_at_semicolon(struct slice *rest)
{
    ptrdiff_t at = slice_find(*rest, ';');
    struct slice part = at < 0 ? *rest : slice_head(*rest, (size_t)at);

    *rest = at < 0 ? slice_from(*rest, rest->len) : slice_from(*rest, (size_t)at + 1);
    return slice_trim(part);
}

static unsigned q_of(struct slice parameters)
{
    while (parameters.len) {
        struct slice parameter = cut_at_semicolon(&parameters);

        if (slice_starts_nocase(parameter, SLICE("q=")))
            return read_qvalue(slice_from(parameter, 2));
    }
    return 1000;
}

static struct liking liking_of(const struct fields *request, struct slice type)
{
    struct liking liking = {0};
    size_t position = 0;

    for (size_t i = 0; i < request->count; i++) {
        struct slice list = request->items[i].value, item;

        while (request->items[i].id == FIELD_ACCEPT && slice_next_item(&list, &item)) {
            struct slice range = cut_at_semicolon(&item);
            unsigned specificity = specificity_of(range, type);

            if (specificity > liking.specificity)
                liking = (struct liking){q_of(item), specificity, position};
            position++;
        }
    }
    return liking;
}

static bool is_better(const struct liking *a, const struct liking *b)
{
    if (a->thousandths != b->thousandths)
        return a->thousandths > b->thousandths;
    if (a->specificity != b->specificity)
        return a->specificity > b->specificity;
    return a->position < b->position;
}

size_t accept_choose(const struct fields *request, const struct slice *types, size_t count)
{
    struct liking best = liking_of(request, types[0]);
    size_t chosen = 0;

    for (size_t i = 1; i < count; i++) {
        struct liking liking = liking_of(request, types[i]);

        if (is_better(&liking, &best)) {
            best = liking;
            chosen = i;
        }
    }
    return chosen;
}
