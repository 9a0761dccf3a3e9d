#include "http/error_page.h"

#include "base/text.h"
#include "http/accept.h"

struct page {
    int status;
    struct slice phrase, sentence, id;
};

static void write_text(struct text *out, const struct page *page)
{
    text_printf(out, "%d %.*s\n%.*s\nid: %.*s\n", page->status, FMT_SLICE(page->phrase),
                FMT_SLICE(page->sentence), FMT_SLICE(page->id));
}

static void write_json(struct text *out, const struct page *page)
{
    text_printf(out, "{\"status\":%d,\"error\":", page->status);
    text_add_json(out, page->phrase);
    text_add_literal(out, ",\"message\":");
    text_add_json(out, page->sentence);
    text_add_literal(out, ",\"id\":");
    text_add_json(out, page->id);
    text_add_literal(out, "}\n");
}

static void write_html(struct text *out, const struct page *page)
{
    text_add_literal(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    text_printf(out, "<title>%d ", page->status);
    text_add_html(out, page->phrase);
    text_add_literal(out,
                     "</title>\n<style>:root{color-scheme:light dark}"
                     "body{font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:15vh auto;padding:0 1em}"
                     "code{font-size:.9em}</style>\n</head>\n<body>\n<h1>");
    text_printf(out, "%d ", page->status);
    text_add_html(out, page->phrase);
    text_add_literal(out, "</h1>\n<p>");
    text_add_html(out, page->sentence);
    text_add_literal(out, "</p>\n<p>id: <code>");
    text_add_html(out, page->id);
    text_add_literal(out, "</code></p>\n</body>\n</html>\n");
}

/* The first is the default. */
static const struct slice kinds[] = {{"text/plain", 10}, {"text/html", 9}, {"application/json", 16}};
static const struct {
    struct slice content_type;
    void (*write)(struct text *out, const struct page *page);
} writers[] = {
    {{"text/plain; charset=utf-8", 25}, write_text},
    {{"text/html; charset=utf-8", 24}, write_html},
    {{"application/json", 16}, write_json},
};

struct answer error_page_make(struct arena *arena, const struct fields *request, int status,
                              struct slice sentence, struct slice id)
{
    const struct page page = {
        .status = status, .phrase = slice_str(status_phrase(status)), .sentence = sentence, .id = id};
    size_t kind = request ? accept_choose(request, kinds, ARRAY_LEN(kinds)) : 0;
    struct answer answer = {.status = status, .content_type = writers[kind].content_type};
    struct text text = {0};

    writers[kind].write(&text, &page);
    answer.body = arena_copy(arena, text_slice(&text));
    text_fini(&text);
    fields_add(&answer.fields, arena, SLICE("Cache-Control"), SLICE("no-store"));
    fields_add(&answer.fields, arena, SLICE("X-Portico-Error"), arena_copy(arena, id));
    if (status == 405) /* RFC 9110 §15.5.6 */
        fields_add(&answer.fields, arena, SLICE("Allow"),
                   SLICE("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    return answer;
}
