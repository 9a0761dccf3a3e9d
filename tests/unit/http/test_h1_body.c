#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/macro.h"
#include "base/text.h"
#include "http/h1_body.h"

static const struct h1_parse_limits limits = {.head_bytes = 256, .fields = 4, .target_bytes = 64};

/* What came of bytes lent in steps, as a stream would: content, how it ended, what was left over. */
struct outcome {
    struct text content, trailers;
    bool is_over, is_broken;
    size_t used;
};

static void note_trailers(struct outcome *out, const struct fields *trailers)
{
    for (size_t i = 0; i < trailers->count; i++)
        text_printf(&out->trailers, "%.*s=%.*s;", FMT_SLICE(trailers->items[i].name),
                    FMT_SLICE(trailers->items[i].value));
}

/* Takes what the lent bytes hold; @return what was left of them */
static struct slice take_lent(struct h1_body *body, struct outcome *out, struct slice lent)
{
    static struct h1_piece piece;

    for (;;) {
        switch (h1_body_next(body, &lent, &piece, &limits)) {
        case H1_STEP_DATA:
            text_add(&out->content, piece.data);
            if (!piece.last)
                continue;
            break;
        case H1_STEP_TRAILERS:
            note_trailers(out, &piece.trailers);
            break;
        case H1_STEP_END:
            break;
        case H1_STEP_BROKEN:
            cr_expect_not_null(piece.detail);
            out->is_broken = true;
            break;
        case H1_STEP_MORE:
            return lent;
        }
        out->is_over = true;
        return lent;
    }
}

static struct outcome decode(enum h1_framing framing, uint64_t length, struct slice bytes, size_t first,
                             size_t step)
{
    struct outcome out = {0};
    struct h1_body body;

    h1_body_begin(&body, framing, length);
    for (size_t len = first; !out.is_over; len += step) {
        struct slice lent = slice_from(slice_head(bytes, len), out.used);
        char *copy = malloc(lent.len + 1);
        struct slice rest;

        memcpy(copy, lent.data, lent.len);
        rest = take_lent(&body, &out, slice_of(copy, lent.len));
        out.used += lent.len - rest.len;
        free(copy);
        if (len >= bytes.len)
            break;
    }
    return out;
}

struct body_case {
    const char *name;
    struct slice bytes;
    const char *content; /* NULL: broken */
    const char *trailers;
    size_t behind; /* bytes that belong to what follows */
};

#define BODY(name, text, content, trailers, behind)                                                          \
    {                                                                                                        \
        name, {text, sizeof(text) - 1}, content, trailers, behind                                            \
    }
#define BROKEN(name, text) BODY(name, text, NULL, "", 0)
#define END                "0\r\n\r\n"

static const struct body_case cases[] = {
    BODY("empty", END, "", "", 0),
    BODY("one chunk", "5\r\nhello\r\n" END, "hello", "", 0),
    BODY("two chunks", "5\r\nhello\r\n1\r\n!\r\n" END, "hello!", "", 0),
    BODY("hexadecimal in both cases", "a\r\n0123456789\r\nB\r\n0123456789a\r\n" END, "01234567890123456789a",
         "", 0),
    BODY("leading zeros", "0005\r\nhello\r\n0000\r\n\r\n", "hello", "", 0),
    BODY("sixteen digits", "0000000000000005\r\nhello\r\n" END, "hello", "", 0),
    BODY("content that looks like framing", "7\r\n\r\n0\r\n\r\n\r\n" END, "\r\n0\r\n\r\n", "", 0),
    BODY("what follows stays", "5\r\nhello\r\n" END "GET / HTTP/1.1", "hello", "", 14),
    BODY("extension", "5;a=b\r\nhello\r\n0;c\r\n\r\n", "hello", "", 0),
    BODY("quoted extension", "5;a=\"b;c \\\" d\"\r\nhello\r\n" END, "hello", "", 0),
    BODY("blanks in an extension", "5; a = b\r\nhello\r\n" END, "hello", "", 0),
    BODY("trailer", "5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n", "hello", "X-Sum=7;", 0),
    BODY("two trailers and more", "0\r\nA: 1\r\nB:\r\n\r\nX", "", "A=1;B=;", 1),
    BODY("forbidden trailers are dropped",
         "0\r\nHost: a\r\nContent-Length: 5\r\nX_Y: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "", "", 0),
    BODY("allowed beside forbidden ones", "0\r\nSet-Cookie: a\r\nA: 1\r\nCookie: b\r\n\r\n", "", "A=1;", 0),
    BROKEN("no size", "\r\n"),
    BROKEN("not hexadecimal", "g\r\n"),
    BROKEN("minus", "-1\r\n"),
    BROKEN("plus", "+1\r\n"),
    BROKEN("0x", "0x5\r\nhello\r\n" END),
    BROKEN("blank in front", " 5\r\nhello\r\n" END),
    BROKEN("blank behind", "5 \r\nhello\r\n" END),
    BROKEN("tab behind", "5\t;a\r\nhello\r\n" END),
    BROKEN("underscore", "1_0\r\n"),
    BROKEN("seventeen digits", "00000000000000005\r\nhello\r\n" END),
    BROKEN("overflow", "10000000000000000\r\n"),
    BROKEN("bare LF behind the size", "5\nhello\r\n" END),
    BROKEN("bare CR behind the size", "5\rhello\r\n" END),
    BROKEN("CR CR LF behind the size", "5\r\r\nhello\r\n" END),
    BROKEN("bare LF behind the data", "5\r\nhello\n" END),
    BROKEN("bare CR behind the data", "5\r\nhello\r0\r\n\r\n"),
    BROKEN("nothing behind the data", "5\r\nhello0\r\n\r\n"),
    BROKEN("longer than its size", "5\r\nhello!\r\n" END),
    BROKEN("LF in an extension", "5;a\nb\r\nhello\r\n" END),
    BROKEN("CR in an extension", "5;a\rb\r\nhello\r\n" END),
    BROKEN("NUL in an extension", "5;a\0\r\nhello\r\n" END),
    BROKEN("LF in a quoted extension", "5;a=\"\n\"\r\nhello\r\n" END),
    BROKEN("CR LF in a quoted extension", "5;a=\"\r\n0\r\n\r\n"),
    BROKEN("escaped CR in a quoted extension", "5;a=\"\\\r\n\"\r\nhello\r\n" END),
    BROKEN("brackets in an extension", "5;[a]\r\nhello\r\n" END),
    BROKEN("bare LF ends the trailers", "0\r\nA: b\n\r\n\r\n"),
    BROKEN("bare CR in a trailer", "0\r\nA: b\rc\r\n\r\n"),
    BROKEN("trailer without a colon", "0\r\nA\r\n\r\n"),
    BROKEN("blank before a trailer's colon", "0\r\nA : b\r\n\r\n"),
    BROKEN("trailer without a name", "0\r\n: b\r\n\r\n"),
    BROKEN("folded trailer", "0\r\nA: b\r\n c\r\n\r\n"),
    BROKEN("NUL in a trailer", "0\r\nA: \0\r\n\r\n"),
    BROKEN("a request instead of the end", "0\r\nGET / HTTP/1.1\r\n\r\n"),
};

static void check(const struct body_case *c, struct outcome out, size_t at)
{
    if (c->content) {
        cr_expect(out.is_over && !out.is_broken, "%s: cut at %zu: not over", c->name, at);
        cr_expect(slice_eq(text_slice(&out.content), slice_str(c->content)), "%s: cut at %zu: content %.*s",
                  c->name, at, FMT_SLICE(text_slice(&out.content)));
        cr_expect(slice_eq(text_slice(&out.trailers), slice_str(c->trailers)), "%s: cut at %zu: trailers",
                  c->name, at);
        cr_expect_eq(out.used + c->behind, c->bytes.len, "%s: cut at %zu: used %zu", c->name, at, out.used);
    } else {
        cr_expect(out.is_broken, "%s: cut at %zu: not refused", c->name, at);
    }
    text_fini(&out.content);
    text_fini(&out.trailers);
}

Test(h1_body, chunks_have_one_meaning_however_they_are_cut)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct body_case *c = &cases[i];

        check(c, decode(H1_CHUNKED, 0, c->bytes, c->bytes.len, 1), 0);
        check(c, decode(H1_CHUNKED, 0, c->bytes, 1, 1), 1);
        for (size_t at = 1; at < c->bytes.len; at++)
            check(c, decode(H1_CHUNKED, 0, c->bytes, at, c->bytes.len), at);
    }
}

Test(h1_body, known_length_is_counted)
{
    struct outcome out = decode(H1_COUNTED, 5, SLICE("hello, world"), 3, 20);

    cr_expect(out.is_over);
    cr_expect_eq(out.used, 5);
    cr_expect(slice_eq(text_slice(&out.content), SLICE("hello")));
    text_fini(&out.content);
}

Test(h1_body, open_end_takes_everything)
{
    struct outcome out = decode(H1_OPEN, 0, SLICE("hello, world"), 3, 20);

    cr_expect(!out.is_over);
    cr_expect_eq(out.used, 12);
    text_fini(&out.content);
}

Test(h1_body, last_chunk_behind_the_data_is_one_step)
{
    struct slice bytes = SLICE("5\r\nhello\r\n" END);
    static struct h1_piece piece;
    struct h1_body body;

    h1_body_begin(&body, H1_CHUNKED, 0);
    cr_assert_eq(h1_body_next(&body, &bytes, &piece, &limits), H1_STEP_DATA);
    cr_expect(piece.last);
    cr_expect_eq(bytes.len, 0);
}

static bool is_refused(const char *before, char filler, size_t count)
{
    struct text text = {0};
    struct outcome out;

    text_add(&text, slice_str(before));
    for (size_t i = 0; i < count; i++)
        text_add_char(&text, filler);
    out = decode(H1_CHUNKED, 0, text_slice(&text), text.len, 1);
    text_fini(&text);
    text_fini(&out.content);
    return out.is_broken;
}

Test(h1_body, extensions_and_trailers_are_bounded)
{
    cr_expect(!is_refused("5;", 'a', 1024));
    cr_expect(is_refused("5;", 'a', 1025));
    cr_expect(!is_refused("0\r\nA: ", 'a', 200));
    cr_expect(is_refused("0\r\nA: ", 'a', 256));
    cr_expect(is_refused("0\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\nA:1\r\n\r\n", 'a', 0));
}

Test(h1_body, extension_at_the_limit_may_end_there)
{
    struct text text = {0};
    struct outcome out;

    text_add(&text, SLICE("5;"));
    for (size_t i = 0; i < 1024; i++)
        text_add_char(&text, 'a');
    text_add(&text, SLICE("\r\nhello\r\n" END));
    out = decode(H1_CHUNKED, 0, text_slice(&text), 1, 1);
    cr_expect(out.is_over && !out.is_broken);
    cr_expect(slice_eq(text_slice(&out.content), SLICE("hello")));
    text_fini(&text);
    text_fini(&out.content);
}
