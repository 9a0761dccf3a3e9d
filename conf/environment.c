#include "conf/environment.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"

/* More than any value needs; keeps a file that repeats one ${NAME} from growing without bound. */
enum { EXPANDED_MAX_BYTES = 64 * 1024 };

/* The inside of one ${…}. */
struct reference {
    struct slice name, fallback;
    bool has_fallback;
};

static bool is_name(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.data[i]);

        if (!(c >= 'a' && c <= 'z') && c != '_' && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return name.len > 0;
}

static int reference_parse(struct slice inside, struct reference *out, struct error *error)
{
    struct reference reference = {.name = inside};
    ptrdiff_t colon = slice_find(inside, ':');

    if (colon >= 0 && slice_starts(slice_from(inside, (size_t)colon), SLICE(":-"))) {
        reference.name = slice_head(inside, (size_t)colon);
        reference.fallback = slice_from(inside, (size_t)colon + 2);
        reference.has_fallback = true;
    }
    if (!is_name(reference.name))
        return error_set(error, "${%.*s} is neither ${NAME} nor ${NAME:-default}; a literal $ is written $$",
                         FMT_SLICE(slice_head(inside, 80)));
    if (reference.has_fallback && memmem(reference.fallback.data, reference.fallback.len, "${", 2))
        return error_set(error, "the default of ${%.*s} cannot hold another ${…}",
                         FMT_SLICE(slice_head(reference.name, 80)));
    *out = reference;
    return 0;
}

static int add_value(const struct reference *reference, struct text *out, struct error *error)
{
    char *name = mem_string(reference->name);
    const char *value = getenv(name);

    mem_free(name);
    if (value && (*value || !reference->has_fallback)) {
        text_add(out, slice_str(value));
        return 0;
    }
    if (!reference->has_fallback)
        return error_set(error, "%.*s is not set in the environment, and there is no default",
                         FMT_SLICE(slice_head(reference->name, 80)));
    text_add(out, reference->fallback);
    return 0;
}

/* *rest begins with "${". */
static int expand_one(struct slice *rest, struct text *out, struct slice *at, struct error *error)
{
    ptrdiff_t end = slice_find(*rest, '}');
    struct reference reference = {0};

    *at = end < 0 ? *rest : slice_head(*rest, (size_t)end + 1);
    if (end < 0)
        return error_set(error, "${ without a closing }; a literal $ is written $$");
    *rest = slice_from(*rest, at->len);
    if (reference_parse(slice_of(at->data + 2, at->len - 3), &reference, error) < 0 ||
        add_value(&reference, out, error) < 0)
        return -1;
    if (out->len > EXPANDED_MAX_BYTES)
        return error_set(error, "longer than %d KiB with what the environment puts in",
                         EXPANDED_MAX_BYTES / 1024);
    return 0;
}

int environment_expand(struct slice text, struct arena *arena, struct slice *out, struct slice *at,
                       struct error *error)
{
    struct text expanded = {0};
    struct slice rest = text;
    int rc = -1;

    if (slice_find(text, '$') < 0) {
        *out = text;
        return 0;
    }
    while (rest.len) {
        ptrdiff_t dollar = slice_find(rest, '$');
        size_t plain = dollar < 0 ? rest.len : (size_t)dollar;

        text_add(&expanded, slice_head(rest, plain));
        rest = slice_from(rest, plain);
        if (slice_starts(rest, SLICE("${"))) {
            if (expand_one(&rest, &expanded, at, error) < 0)
                goto out;
        } else if (rest.len) {
            rest = slice_from(rest, slice_starts(rest, SLICE("$$")) ? 2 : 1);
            text_add_char(&expanded, '$');
        }
    }
    *out = arena_copy(arena, text_slice(&expanded));
    rc = 0;
out:
    text_fini(&expanded);
    return rc;
}
