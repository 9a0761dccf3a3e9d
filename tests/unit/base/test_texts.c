#include <criterion/criterion.h>
#include <stdio.h>

#include "base/digits.h"
#include "base/error.h"
#include "base/ip.h"
#include "base/text.h"
#include "base/utf8.h"

Test(slice, numbers_are_digits_and_nothing_else)
{
    static const char *const BAD[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1_0", "18446744073709551616", "99"};
    uint64_t value = 7;

    cr_expect(slice_to_u64(SLICE("18446744073709551615"), UINT64_MAX, &value));
    cr_expect_eq(value, UINT64_MAX);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        value = 7;
        cr_expect_not(slice_to_u64(slice_str(BAD[i]), i + 1 < ARRAY_LEN(BAD) ? UINT64_MAX : 98, &value), "%s",
                      BAD[i]);
        cr_expect_eq(value, 7);
    }
}

Test(slice, list_items_are_trimmed_and_empty_ones_skipped)
{
    struct slice rest = SLICE(" a ,, b\t,c,"), item;

    cr_expect(slice_next_item(&rest, &item) && slice_eq(item, SLICE("a")));
    cr_expect(slice_next_item(&rest, &item) && slice_eq(item, SLICE("b")));
    cr_expect(slice_next_item(&rest, &item) && slice_eq(item, SLICE("c")));
    cr_expect_not(slice_next_item(&rest, &item));
}

Test(digits, print_as_printf_does)
{
    static const uint64_t VALUES[] = {0, 9, 10, 99, 100, 101, 999, 1000, 65535, 1234567890, UINT64_MAX};
    char ours[DIGITS_MAX + 1], theirs[DIGITS_MAX + 1], hex[HEX64_LEN + 1] = "";

    for (size_t i = 0; i < ARRAY_LEN(VALUES); i++) {
        ours[digits_write(VALUES[i], ours)] = '\0';
        snprintf(theirs, sizeof(theirs), "%llu", (unsigned long long)VALUES[i]);
        cr_expect_str_eq(ours, theirs);
    }
    digits_write_hex64(0x0123456789abcdefULL, hex);
    cr_expect_str_eq(hex, "0123456789abcdef");
}

struct ip_case {
    const char *text, *described; /* NULL: refused */
};

static const struct ip_case IPS[] = {
    {"127.0.0.1", "127.0.0.1"},
    {"255.255.255.255", "255.255.255.255"},
    {"::1", "::1"},
    {"2001:DB8:0:0::1", "2001:db8::1"},
    {"::ffff:192.0.2.1", "192.0.2.1"},
    {"1.2.3", NULL},
    {"1.2.3.4.5", NULL},
    {"01.2.3.4", NULL},
    {"[::1]", NULL},
    {"fe80::1%eth0", NULL},
    {"", NULL},
};

Test(ip, is_read_and_described_in_one_form)
{
    char out[IP_TEXT];

    for (size_t i = 0; i < ARRAY_LEN(IPS); i++) {
        struct ip ip;
        bool is_read = ip_parse(slice_str(IPS[i].text), &ip);

        cr_expect_eq(is_read, IPS[i].described != NULL, "%s", IPS[i].text);
        if (is_read && IPS[i].described)
            cr_expect_str_eq(ip_describe(ip, out), IPS[i].described);
    }
}

Test(cidr, has_what_its_prefix_says)
{
    struct cidr cidr;
    struct ip in, out, other;

    cr_assert(ip_parse(SLICE("10.1.127.255"), &in) && ip_parse(SLICE("10.1.128.0"), &out) &&
              ip_parse(SLICE("::a01:1"), &other));
    cr_assert(cidr_parse(SLICE("10.1.0.0/17"), &cidr));
    cr_expect(cidr_has(&cidr, in));
    cr_expect_not(cidr_has(&cidr, out));
    cr_expect_not(cidr_has(&cidr, other));
    cr_expect_not(cidr_parse(SLICE("10.1.0.1/17"), &cidr), "bits behind the prefix");
    cr_expect_not(cidr_parse(SLICE("10.1.0.0/33"), &cidr));
}

struct utf8_case {
    const char *name;
    struct slice bytes;
    size_t length;
};

static const struct utf8_case CHARACTERS[] = {
    {"ASCII", {"a", 1}, 1},
    {"two bytes", {"\xc3\xa9", 2}, 2},
    {"three bytes", {"\xe2\x82\xac", 3}, 3},
    {"four bytes", {"\xf0\x9f\x99\x82", 4}, 4},
    {"cut off", {"\xe2\x82", 2}, 0},
    {"overlong slash", {"\xc0\xaf", 2}, 0},
    {"a surrogate", {"\xed\xa0\x80", 3}, 0},
    {"beyond Unicode", {"\xf4\x90\x80\x80", 4}, 0},
    {"a tail alone", {"\x80", 1}, 0},
};

Test(utf8, only_what_rfc_3629_allows)
{
    for (size_t i = 0; i < ARRAY_LEN(CHARACTERS); i++)
        cr_expect_eq(utf8_length(CHARACTERS[i].bytes), CHARACTERS[i].length, "%s", CHARACTERS[i].name);
}

Test(text, json_and_html_cannot_be_broken_out_of)
{
    struct text text = {0};

    text_add_json(&text, SLICE("a\"\\\n\x01\xff<"));
    cr_expect_str_eq(text.data, "\"a\\\"\\\\\\u000a\\u0001\xef\xbf\xbd<\"");
    text_clear(&text);
    text_add_html(&text, SLICE("<a href=\"x\">&'"));
    cr_expect_str_eq(text.data, "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    text_fini(&text);
}

Test(error, gains_context_on_its_way_out)
{
    struct error error;

    cr_expect_eq(error_set(&error, "no such file"), -1);
    cr_expect_eq(error_within(&error, "%s", "portico.yaml"), -1);
    cr_expect_str_eq(error.text, "portico.yaml: no such file");
}

static bool eq_nocase_by_bytes(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    }
    return true;
}

/* Every pair of bytes at every place of names of every length: words of eight must see what single bytes show. */
Test(slice, names_are_compared_without_case_of_ascii_letters_alone)
{
    char a[20], b[20];

    memset(a, 'x', sizeof a);
    memset(b, 'X', sizeof b);
    for (size_t len = 1; len <= sizeof a; len++) {
        for (int pair = 0; pair < 256 * 256; pair++) {
            const size_t at = (size_t)pair % len;

            a[at] = (char)pair;
            b[at] = (char)(pair >> 8);
            if (slice_eq_nocase(slice_of(a, len), slice_of(b, len)) != eq_nocase_by_bytes(a, b, len))
                cr_assert_fail("bytes %02x and %02x at %zu of %zu", pair & 255, pair >> 8, at, len);
            a[at] = 'x';
            b[at] = 'X';
        }
    }
    cr_expect(!slice_eq_nocase(SLICE("a"), SLICE("ab")));
}
