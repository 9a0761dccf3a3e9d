#include <criterion/criterion.h>

#include "base/macro.h"
#include "http/error_page.h"

static struct arena arena;

static void empty_arena(void)
{
    arena_fini(&arena);
}

TestSuite(error_page, .fini = empty_arena);

static struct answer page_for(const char *accept, struct slice sentence)
{
    struct fields request = {0};

    if (accept)
        fields_add(&request, &arena, SLICE("Accept"), slice_str(accept));
    return error_page_make(&arena, &request, 502, sentence, SLICE("k3f9"));
}

Test(error_page, accept_chooses_the_form)
{
    static const struct {
        const char *name, *accept, *type;
    } cases[] = {
        {"no Accept", NULL, "text/plain; charset=utf-8"},
        {"curl", "*/*", "text/plain; charset=utf-8"},
        {"empty", "", "text/plain; charset=utf-8"},
        {"Firefox", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
         "text/html; charset=utf-8"},
        {"Chrome",
         "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,"
         "application/signed-exchange;v=b3;q=0.7",
         "text/html; charset=utf-8"},
        {"an API client", "application/json", "application/json"},
        {"axios", "application/json, text/plain, */*", "application/json"},
        {"jQuery", "application/json, text/javascript, */*; q=0.01", "application/json"},
        {"q decides", "text/html;q=0.5, application/json;q=0.9", "application/json"},
        {"q=0 forbids", "text/html;q=0, */*", "text/plain; charset=utf-8"},
        {"the specific range wins over the wildcard", "text/*;q=0.9, text/plain;q=0.1",
         "text/html; charset=utf-8"},
        {"three decimals", "text/html;q=0.123, application/json;q=0.124", "application/json"},
        {"in any case", "TEXT/HTML;Q=1, */*;q=0.5", "text/html; charset=utf-8"},
        {"nothing that we have", "image/png", "text/plain; charset=utf-8"},
        {"parameters before q", "text/html;level=1;q=0.1, text/plain;q=0.2", "text/plain; charset=utf-8"},
        {"noise", ";;,,q=,/,*,", "text/plain; charset=utf-8"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer answer = page_for(cases[i].accept, SLICE("gone"));

        cr_expect(slice_eq(answer.content_type, slice_str(cases[i].type)), "%s: %.*s", cases[i].name,
                  FMT_SLICE(answer.content_type));
    }
}

static bool contains(struct slice text, const char *part)
{
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}

Test(error_page, every_form_has_status_sentence_and_id)
{
    static const char *const accepts[] = {"text/plain", "text/html", "application/json"};

    for (size_t i = 0; i < ARRAY_LEN(accepts); i++) {
        struct answer answer = page_for(accepts[i], SLICE("the backend is gone"));

        cr_expect_eq(answer.status, 502);
        cr_expect(contains(answer.body, "502"));
        cr_expect(contains(answer.body, "Bad Gateway"));
        cr_expect(contains(answer.body, "the backend is gone"));
        cr_expect(contains(answer.body, "k3f9"));
        cr_expect(
            slice_eq(fields_find_name(&answer.fields, SLICE("Cache-Control"))->value, SLICE("no-store")));
        cr_expect(slice_eq(fields_find_name(&answer.fields, SLICE("X-Portico-Error"))->value, SLICE("k3f9")));
    }
}

Test(error_page, markup_is_escaped)
{
    cr_expect(contains(page_for("text/html", SLICE("<script>")).body, "&lt;script&gt;"));
    cr_expect(contains(page_for("application/json", SLICE("a\"b")).body, "a\\\"b"));
}

Test(error_page, method_refused_says_which_are_not)
{
    struct answer answer = error_page_make(&arena, NULL, 405, SLICE("no"), SLICE("x"));

    cr_expect_not_null(fields_find_name(&answer.fields, SLICE("Allow")));
}
