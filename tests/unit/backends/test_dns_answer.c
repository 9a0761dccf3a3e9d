#include "backends/dns_answer.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/macro.h"
#include "base/text.h"

/* The bytes of answers. A name is written as it is on the wire: its labels with their lengths. */

#define HEAD(answers) "\x12\x34\x81\x80\x00\x01\x00" answers "\x00\x00\x00\x00"
#define QUESTION                                                                                             \
    "\x03"                                                                                                   \
    "app"                                                                                                    \
    "\x04"                                                                                                   \
    "test"                                                                                                   \
    "\x00"                                                                                                   \
    "\x00\x01\x00\x01"
#define SELF           "\xc0\x0c"
#define A_60           "\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04"
#define SRV_60(len)    "\x00\x21\x00\x01\x00\x00\x00\x3c\x00" len
#define CNAME_5(len)   "\x00\x05\x00\x01\x00\x00\x00\x05\x00" len
#define BYTES(literal) slice_of("" literal, sizeof(literal) - 1)

static struct dns_answer answer;

static void finish(void)
{
    dns_answer_fini(&answer);
}

TestSuite(dns_answer, .fini = finish);

/* A copy without a byte to spare, so that a sanitizer sees what is read beyond. */
static int read_copy(struct slice bytes, enum dns_type type)
{
    char *copy = malloc(bytes.len ? bytes.len : 1);
    int rc;

    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    dns_answer_fini(&answer);
    rc = dns_answer_read(slice_of(copy, bytes.len), type, &answer);
    free(copy);
    return rc;
}

static int compare_ips(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct ip));
}

Test(dns_answer, address_behind_an_alias_that_stands_last)
{
    cr_assert_eq(
        read_copy(BYTES(HEAD("\x02") QUESTION "\x01"
                                              "b"
                                              "\x00" A_60 "\x0a\x00\x00\x01" SELF CNAME_5("\x03") "\x01"
                                                                                                  "B"
                                                                                                  "\x00"),
                  DNS_A),
        0);
    cr_assert_eq(answer.ips_count, 1);
    cr_assert_eq(answer.ips[0].family, 4);
    cr_assert_eq(answer.ips[0].bytes[3], 1);
    cr_assert_eq(answer.ttl_s, 5);
}

Test(dns_answer, record_of_another_name_or_type_or_class_says_nothing)
{
    cr_assert_eq(read_copy(BYTES(HEAD("\x01") QUESTION "\x01"
                                                       "b"
                                                       "\x00" A_60 "\x0a\x00\x00\x01"),
                           DNS_A),
                 0);
    cr_assert_not(dns_answer_has_records(&answer));
    cr_assert_eq(read_copy(BYTES(HEAD("\x01") QUESTION SELF A_60 "\x0a\x00\x00\x01"), DNS_AAAA), 0);
    cr_assert_not(dns_answer_has_records(&answer));
    cr_assert_eq(read_copy(BYTES(HEAD("\x01") QUESTION SELF "\x00\x01\x00\x03\x00\x00\x00\x3c\x00\x04"
                                                            "\x0a\x00\x00\x01"),
                           DNS_A),
                 0);
    cr_assert_not(dns_answer_has_records(&answer));
}

Test(dns_answer, service_with_its_host_in_lower_case)
{
    cr_assert_eq(read_copy(BYTES(HEAD("\x01") QUESTION SELF SRV_60("\x0b") "\x00\x01\x00\x02\x1f\x90"
                                                                           "\x01"
                                                                           "B" SELF),
                           DNS_SRV),
                 -1, "bytes of the data are left");
    cr_assert_eq(read_copy(BYTES(HEAD("\x01") QUESTION SELF SRV_60("\x0a") "\x00\x01\x00\x02\x1f\x90"
                                                                           "\x01"
                                                                           "B" SELF),
                           DNS_SRV),
                 0);
    cr_assert_eq(answer.services_count, 1);
    cr_assert_str_eq(answer.services[0].host, "b.app.test");
    cr_assert_eq(answer.services[0].priority, 1);
    cr_assert_eq(answer.services[0].weight, 2);
    cr_assert_eq(answer.services[0].port, 8080);
}

Test(dns_answer, host_with_odd_bytes_is_useless)
{
    cr_assert_eq(read_copy(BYTES(HEAD("\x01") QUESTION SELF SRV_60("\x0b") "\x00\x01\x00\x02\x1f\x90"
                                                                           "\x03"
                                                                           "a/b"
                                                                           "\x00"),
                           DNS_SRV),
                 0);
    cr_assert_eq(answer.services_count, 0);
    cr_assert(answer.has_useless);
}

Test(dns_answer, ttl_beyond_31_bits_is_none)
{
    cr_assert_eq(read_copy(BYTES(HEAD("\x01") QUESTION SELF "\x00\x01\x00\x01\x80\x00\x00\x00\x00\x04"
                                                            "\x0a\x00\x00\x01"),
                           DNS_A),
                 0);
    cr_assert_eq(answer.ttl_s, 0);
}

Test(dns_answer, malformed_ones_are_refused)
{
    static const struct {
        const char *what;
        struct slice bytes;
    } ROWS[] = {
        {"nothing", {"", 0}},
        {"a question", {"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" QUESTION, 12 + 14}},
        {"an error", {"\x12\x34\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00" QUESTION, 12 + 14}},
        {"no question", {"\x12\x34\x81\x80\x00\x00\x00\x00\x00\x00\x00\x00", 12}},
        {"fewer records than said", {HEAD("\x02") QUESTION SELF A_60 "\x0a\x00\x00\x01", 12 + 14 + 16}},
        {"an IPv4 address of three bytes",
         {HEAD("\x01") QUESTION SELF "\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x03"
                                     "\x0a\x00\x00",
          12 + 14 + 15}},
        {"data beyond the end", {HEAD("\x01") QUESTION SELF A_60 "\x0a\x00\x00", 12 + 14 + 15}},
        {"a pointer forward", {HEAD("\x01") QUESTION "\xc0\x1c" A_60 "\x0a\x00\x00\x01", 12 + 14 + 16}},
        {"a pointer to itself", {HEAD("\x01") QUESTION "\xc0\x1a" A_60 "\x0a\x00\x00\x01", 12 + 14 + 16}},
        {"an alias of itself", {HEAD("\x01") QUESTION SELF CNAME_5("\x02") SELF, 12 + 14 + 14}},
        {"a reserved kind of label",
         {HEAD("\x01") QUESTION "\x80\x0c" A_60 "\x0a\x00\x00\x01", 12 + 14 + 16}},
    };

    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        cr_assert_eq(read_copy(ROWS[i].bytes, DNS_A), -1, "%s", ROWS[i].what);
        cr_assert_not(dns_answer_has_records(&answer), "%s", ROWS[i].what);
        cr_assert_null(answer.ips, "%s", ROWS[i].what);
    }
}

Test(dns_answer, cut_anywhere_is_refused)
{
    const struct slice whole =
        BYTES(HEAD("\x02") QUESTION SELF CNAME_5("\x04") "\x01"
                                                         "b" SELF "\x01"
                                                         "b" SELF A_60 "\x0a\x00\x00\x01");

    cr_assert_eq(read_copy(whole, DNS_A), 0);
    cr_assert_eq(answer.ips_count, 1);
    for (size_t len = 0; len < whole.len; len++)
        cr_assert_eq(read_copy(slice_head(whole, len), DNS_A), -1, "%zu bytes", len);
}

/* Servers turn their answers round from question to question: what is kept must not go round with them. */
Test(dns_answer, of_too_many_addresses_the_same_are_kept_in_any_order)
{
    enum { COUNT = DNS_IPS_MAX + 44 };
    struct text ways[2] = {{0}, {0}};
    struct ip kept[DNS_IPS_MAX];

    for (int way = 0; way < 2; way++) {
        text_add(&ways[way], BYTES("\x12\x34\x81\x80\x00\x01\x01\x2c\x00\x00\x00\x00" QUESTION));
        for (int i = 0; i < COUNT; i++) {
            const int at = way ? COUNT - 1 - i : i;
            const char address[] = {10, 0, (char)(at >> 8), (char)at};

            text_add(&ways[way], BYTES(SELF A_60));
            text_add(&ways[way], slice_of(address, sizeof(address)));
        }
        cr_assert_eq(read_copy(text_slice(&ways[way]), DNS_A), 0);
        cr_assert_eq(answer.ips_count, DNS_IPS_MAX);
        qsort(answer.ips, answer.ips_count, sizeof(*answer.ips), compare_ips);
        if (way == 0)
            memcpy(kept, answer.ips, sizeof(kept));
        text_fini(&ways[way]);
    }
    cr_expect_eq(memcmp(kept, answer.ips, sizeof(kept)), 0);
}

Test(dns_answer, names_are_at_most_253_bytes)
{
    char label[64 + 1] = "\x3f", text[260];

    cr_assert(dns_name_is_valid(SLICE("a")));
    cr_assert(dns_name_is_valid(SLICE("_http._tcp.app")));
    memset(label + 1, 'a', 63);
    cr_assert(dns_name_is_valid(slice_of(label + 1, 63)));
    memset(text, 'a', sizeof(text));
    cr_assert_not(dns_name_is_valid(slice_of(text, 64)));
    for (size_t i = 63; i < sizeof(text); i += 64)
        text[i] = '.';
    cr_assert(dns_name_is_valid(slice_of(text, 253)));
    cr_assert_not(dns_name_is_valid(slice_of(text, 254)));
    cr_assert_not(dns_name_is_valid(slice_of(text, 0)));
}
