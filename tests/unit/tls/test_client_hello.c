#include <criterion/criterion.h>
#include <openssl/ssl.h>

#include "base/text.h"
#include "tls/client_hello.h"

/* What OpenSSL's own client says first. */
static struct text openssl_hello(const char *name, int max_version, bool with_alpn)
{
    static const unsigned char alpn[] = "\x02h2\x08http/1.1";
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    BIO *out = BIO_new(BIO_s_mem());
    struct text hello = {0};
    char *data;
    long len;

    SSL_set_max_proto_version(ssl, max_version);
    if (name)
        SSL_set_tlsext_host_name(ssl, name);
    if (with_alpn)
        SSL_set_alpn_protos(ssl, alpn, sizeof(alpn) - 1);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), out);
    cr_assert_lt(SSL_connect(ssl), 0);
    len = BIO_get_mem_data(out, &data);
    cr_assert_gt(len, 50);
    text_add(&hello, slice_of(data, (size_t)len));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return hello;
}

static void add_number(struct text *text, size_t value, size_t width)
{
    while (width--)
        text_add_char(text, (char)(value >> 8 * width));
}

/* A hello by hand: *extensions* as they stand on the wire, or NULL data for none at all. */
static struct text message_of(struct slice extensions)
{
    struct text body = {0}, message = {0};

    add_number(&body, 0x0303, 2);
    for (int i = 0; i < 32; i++)
        text_add_char(&body, (char)i);
    add_number(&body, 0, 1);
    add_number(&body, 4, 2);
    add_number(&body, 0x0a0a1301, 4); /* GREASE first (RFC 8701) */
    add_number(&body, 0x0100, 2);
    if (extensions.data) {
        add_number(&body, extensions.len, 2);
        text_add(&body, extensions);
    }
    add_number(&message, 1, 1);
    add_number(&message, body.len, 3);
    text_add(&message, text_slice(&body));
    text_fini(&body);
    return message;
}

/* Puts the message into records of *step* bytes. */
static struct text records_of(struct slice message, size_t step)
{
    struct text wire = {0};

    while (message.len) {
        struct slice part = slice_head(message, step);

        add_number(&wire, 0x160301, 3);
        add_number(&wire, part.len, 2);
        text_add(&wire, part);
        message = slice_from(message, part.len);
    }
    return wire;
}

static struct text wire_of(struct slice extensions)
{
    struct text message = message_of(extensions);
    struct text wire = records_of(text_slice(&message), 16384);

    text_fini(&message);
    return wire;
}

static struct text sni_extension(struct slice name)
{
    struct text extension = {0};

    add_number(&extension, 0, 2);
    add_number(&extension, name.len + 5, 2);
    add_number(&extension, name.len + 3, 2);
    add_number(&extension, 0, 1);
    add_number(&extension, name.len, 2);
    text_add(&extension, name);
    return extension;
}

static enum client_hello_state read_once(struct slice wire, struct client_hello *hello)
{
    *hello = (struct client_hello){0};
    return client_hello_read(hello, wire);
}

static void expect_shop(const struct client_hello *hello, const char *how)
{
    cr_expect_eq(hello->state, CLIENT_HELLO_DONE, "%s", how);
    cr_expect(hello->has_name && hello->has_alpn && hello->offers_h2 && hello->offers_http1, "%s", how);
    cr_expect_str_eq(hello->name, "shop.example.com", "%s", how);
    cr_expect_eq(hello->name_len, strlen("shop.example.com"), "%s", how);
}

Test(client_hello, of_openssl_is_read_at_once_and_needs_no_memory)
{
    struct text wire = openssl_hello("Shop.EXAMPLE.com.", TLS1_3_VERSION, true);
    struct client_hello hello;

    read_once(text_slice(&wire), &hello);
    expect_shop(&hello, "whole");
    cr_expect(hello.offers_tls13);
    cr_expect_null(hello.at.message);
    text_fini(&wire);
}

Test(client_hello, of_tls12_only_offers_no_tls13)
{
    struct text wire = openssl_hello("a.test", TLS1_2_VERSION, false);
    struct client_hello hello;

    cr_expect_eq(read_once(text_slice(&wire), &hello), CLIENT_HELLO_DONE);
    cr_expect(hello.has_name && !hello.has_alpn && !hello.offers_tls13 && !hello.offers_h2);
    text_fini(&wire);
}

Test(client_hello, split_at_any_byte_is_the_same)
{
    struct text wire = openssl_hello("shop.example.com", TLS1_3_VERSION, true);

    for (size_t at = 0; at < wire.len; at++) {
        struct client_hello hello = {0};

        cr_expect_eq(client_hello_read(&hello, slice_of(wire.data, at)), CLIENT_HELLO_MORE, "at %zu", at);
        client_hello_read(&hello, text_slice(&wire));
        expect_shop(&hello, "split");
        client_hello_fini(&hello);
    }
    text_fini(&wire);
}

Test(client_hello, byte_by_byte_is_the_same)
{
    struct text wire = openssl_hello("shop.example.com", TLS1_3_VERSION, true);
    struct client_hello hello = {0};

    for (size_t len = 1; len < wire.len; len++)
        cr_assert_eq(client_hello_read(&hello, slice_of(wire.data, len)), CLIENT_HELLO_MORE, "at %zu", len);
    client_hello_read(&hello, text_slice(&wire));
    expect_shop(&hello, "byte by byte");
    client_hello_fini(&hello);
    text_fini(&wire);
}

Test(client_hello, in_many_records_is_the_same)
{
    struct text wire = openssl_hello("shop.example.com", TLS1_3_VERSION, true);

    for (size_t step = 1; step < 64; step++) {
        struct text cut = records_of(slice_from(text_slice(&wire), 5), step);
        struct client_hello hello = {0};

        for (size_t len = 1; len <= cut.len; len++)
            client_hello_read(&hello, slice_of(cut.data, len));
        expect_shop(&hello, "many records");
        client_hello_fini(&hello);
        text_fini(&cut);
    }
    text_fini(&wire);
}

Test(client_hello, what_follows_its_record_is_left_alone)
{
    struct text wire = openssl_hello("shop.example.com", TLS1_3_VERSION, true);
    struct client_hello hello;

    text_add(&wire, SLICE("\x17\x03\x03 anything"));
    read_once(text_slice(&wire), &hello);
    expect_shop(&hello, "followed");
    text_fini(&wire);
}

Test(client_hello, first_bytes_tell_what_it_is)
{
    static const struct {
        const char *name;
        struct slice wire;
        enum client_hello_state state;
        enum tls_alert alert;
    } cases[] = {
        {"nothing yet", {"", 0}, CLIENT_HELLO_MORE},
        {"one byte of a record", {"\x16", 1}, CLIENT_HELLO_MORE},
        {"two bytes of a record", {"\x16\x03", 2}, CLIENT_HELLO_MORE},
        {"HTTP", {"GET / HTTP/1.1\r\n", 16}, CLIENT_HELLO_NOT_TLS},
        {"SSH", {"SSH-2.0-x", 9}, CLIENT_HELLO_NOT_TLS},
        {"SSLv2 hello", {"\x80\x2e\x01\x03\x01", 5}, CLIENT_HELLO_NOT_TLS},
        {"an alert", {"\x15\x03\x01\x00\x02", 5}, CLIENT_HELLO_NOT_TLS},
        {"record of another major version", {"\x16\x02", 2}, CLIENT_HELLO_NOT_TLS},
        {"empty record", {"\x16\x03\x01\x00\x00", 5}, CLIENT_HELLO_BAD, TLS_ALERT_DECODE_ERROR},
        {"record over 16 KiB", {"\x16\x03\x01\x40\x01", 5}, CLIENT_HELLO_BAD, TLS_ALERT_RECORD_OVERFLOW},
        {"ServerHello", {"\x16\x03\x01\x00\x04\x02", 6}, CLIENT_HELLO_BAD, TLS_ALERT_UNEXPECTED_MESSAGE},
        {"message over 16 KiB",
         {"\x16\x03\x01\x00\x04\x01\x00\x40\x00", 9},
         CLIENT_HELLO_BAD,
         TLS_ALERT_DECODE_ERROR},
        {"message of 16 MiB",
         {"\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9},
         CLIENT_HELLO_BAD,
         TLS_ALERT_DECODE_ERROR},
        {"alert after a part",
         {"\x16\x03\x01\x00\x01\x01\x15", 7},
         CLIENT_HELLO_BAD,
         TLS_ALERT_UNEXPECTED_MESSAGE},
        {"empty record after a part",
         {"\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x00", 11},
         CLIENT_HELLO_BAD,
         TLS_ALERT_DECODE_ERROR},
        {"no room for a body",
         {"\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9},
         CLIENT_HELLO_BAD,
         TLS_ALERT_DECODE_ERROR},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client_hello hello;

        cr_expect_eq(read_once(cases[i].wire, &hello), cases[i].state, "%s", cases[i].name);
        cr_expect_eq(hello.alert, cases[i].alert, "%s: %d", cases[i].name, hello.alert);
        client_hello_fini(&hello);
    }
}

Test(client_hello, name_is_checked)
{
    static char long_name[300], long_label[64];
    static const struct {
        const char *name;
        struct slice sni;
        const char *expect; /* NULL: BAD; "": no name */
    } cases[] = {
        {"plain", {"a.example", 9}, "a.example"},
        {"one label", {"localhost", 9}, "localhost"},
        {"upper case", {"A.ExAmPlE", 9}, "a.example"},
        {"trailing dot", {"a.example.", 10}, "a.example"},
        {"underscore", {"_a.example", 10}, "_a.example"},
        {"255 bytes", {long_name, 255}, long_name},
        {"IPv4", {"192.0.2.1", 9}, ""},
        {"IPv4 with a trailing dot", {"192.0.2.1.", 10}, ""},
        {"IPv6", {"2001:db8::1", 11}, ""},
        {"label of 64", {long_label, 64}, NULL},
        {"256 bytes", {long_name + 1, 256}, NULL},
        {"empty", {"", 0}, NULL},
        {"a dot", {".", 1}, NULL},
        {"two trailing dots", {"a..", 3}, NULL},
        {"empty label", {"a..b", 4}, NULL},
        {"leading dot", {".a", 2}, NULL},
        {"NUL inside", {"a.example\0.b", 12}, NULL},
        {"NUL at the end", {"a.example\0", 10}, NULL},
        {"blank", {"a example", 9}, NULL},
        {"line feed", {"a\nb", 3}, NULL},
        {"slash", {"a/b", 3}, NULL},
        {"star", {"*.a", 3}, NULL},
        {"colon", {"a:443", 5}, NULL},
        {"UTF-8", {"\xc3\xa9.example", 10}, NULL},
    };

    memset(long_label, 'a', sizeof(long_label));
    memset(long_name, 'a', sizeof(long_name));
    for (size_t dot = 63; dot < sizeof(long_name); dot += 64)
        long_name[dot] = '.';
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text extension = sni_extension(cases[i].sni);
        struct text wire = wire_of(text_slice(&extension));
        struct client_hello hello;
        enum client_hello_state state = read_once(text_slice(&wire), &hello);

        cr_expect_eq(state, cases[i].expect ? CLIENT_HELLO_DONE : CLIENT_HELLO_BAD, "%s", cases[i].name);
        if (!cases[i].expect)
            cr_expect_eq(hello.alert, cases[i].sni.len ? TLS_ALERT_UNRECOGNIZED_NAME : TLS_ALERT_DECODE_ERROR,
                         "%s", cases[i].name);
        if (cases[i].expect) {
            cr_expect_eq(hello.has_name, cases[i].expect[0] != '\0', "%s", cases[i].name);
            cr_expect_eq(strncmp(hello.name, cases[i].expect, hello.name_len + 1) != 0, hello.name_len == 255,
                         "%s", cases[i].name);
        }
        client_hello_fini(&hello);
        text_fini(&wire);
        text_fini(&extension);
    }
}

Test(client_hello, extensions_are_checked)
{
#define SNI_A "\x00\x00\x00\x06\x00\x04\x00\x00\x01\x61"
#define CASE(name, literal, alert)                                                                           \
    {                                                                                                        \
        name, {literal, sizeof(literal) - 1}, alert                                                          \
    }
    enum { IS_DONE = 0 };
    static const struct {
        const char *name;
        struct slice extensions;
        int alert;
    } cases[] = {
        {"none at all", {NULL, 0}, IS_DONE},
        CASE("an empty list", "", IS_DONE),
        CASE("GREASE", "\x1a\x1a\x00\x00" SNI_A "\x2a\x2a\x00\x01\x00", IS_DONE),
        CASE("two server names", SNI_A SNI_A, TLS_ALERT_ILLEGAL_PARAMETER),
        CASE("a cut extension", "\x00\x00\x00\x06\x00\x04\x00", TLS_ALERT_DECODE_ERROR),
        CASE("a byte too many", SNI_A "\x00", TLS_ALERT_DECODE_ERROR),
        CASE("empty server_name", "\x00\x00\x00\x00", TLS_ALERT_DECODE_ERROR),
        CASE("empty list of names", "\x00\x00\x00\x02\x00\x00", TLS_ALERT_DECODE_ERROR),
        CASE("two names in one list", "\x00\x00\x00\x0a\x00\x08\x00\x00\x01\x61\x00\x00\x01\x62",
             TLS_ALERT_DECODE_ERROR),
        CASE("a name of unknown type", "\x00\x00\x00\x06\x00\x04\x01\x00\x01\x61", TLS_ALERT_DECODE_ERROR),
        CASE("bytes behind the names", "\x00\x00\x00\x07\x00\x04\x00\x00\x01\x61\x00",
             TLS_ALERT_DECODE_ERROR),
        CASE("ALPN", "\x00\x10\x00\x05\x00\x03\x02h2", IS_DONE),
        CASE("empty ALPN list", "\x00\x10\x00\x02\x00\x00", TLS_ALERT_DECODE_ERROR),
        CASE("empty protocol", "\x00\x10\x00\x03\x00\x01\x00", TLS_ALERT_DECODE_ERROR),
        CASE("cut protocol", "\x00\x10\x00\x04\x00\x02\x02h", TLS_ALERT_DECODE_ERROR),
        CASE("two ALPNs", "\x00\x10\x00\x05\x00\x03\x02h2\x00\x10\x00\x05\x00\x03\x02h2",
             TLS_ALERT_ILLEGAL_PARAMETER),
        CASE("odd versions", "\x00\x2b\x00\x04\x03\x03\x04\x03", TLS_ALERT_DECODE_ERROR),
        CASE("versions", "\x00\x2b\x00\x03\x02\x03\x04", IS_DONE),
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct text wire = wire_of(cases[i].extensions);
        struct client_hello hello;

        cr_expect_eq(read_once(text_slice(&wire), &hello),
                     cases[i].alert ? CLIENT_HELLO_BAD : CLIENT_HELLO_DONE, "%s", cases[i].name);
        if (cases[i].alert)
            cr_expect_eq((int)hello.alert, cases[i].alert, "%s: %d", cases[i].name, hello.alert);
        client_hello_fini(&hello);
        text_fini(&wire);
    }
}

Test(client_hello, with_bytes_behind_it_in_its_record_is_bad_at_any_split)
{
    struct text message = message_of(SLICE(SNI_A));
    struct text wire;

    text_add_char(&message, 'x');
    wire = records_of(text_slice(&message), 16384);
    for (size_t at = 0; at < wire.len; at++) {
        struct client_hello hello = {0};

        client_hello_read(&hello, slice_of(wire.data, at));
        cr_expect_eq(client_hello_read(&hello, text_slice(&wire)), CLIENT_HELLO_BAD, "at %zu", at);
        client_hello_fini(&hello);
    }
    text_fini(&wire);
    text_fini(&message);
}

Test(client_hello, padded_by_tiny_records_past_the_limit_is_bad)
{
    struct text extension = {0}, message, wire;
    struct client_hello hello;

    add_number(&extension, 21, 2);
    add_number(&extension, 12000, 2);
    for (int i = 0; i < 12000; i++)
        text_add_char(&extension, '\0');
    message = message_of(text_slice(&extension));
    wire = records_of(text_slice(&message), 1);
    cr_expect_gt(wire.len, (size_t)CLIENT_HELLO_WIRE_MAX);
    cr_expect_eq(read_once(text_slice(&wire), &hello), CLIENT_HELLO_BAD);
    client_hello_fini(&hello);
    text_fini(&wire);
    wire = records_of(text_slice(&message), 16384);
    cr_expect_eq(read_once(text_slice(&wire), &hello), CLIENT_HELLO_DONE);
    client_hello_fini(&hello);
    text_fini(&wire);
    text_fini(&message);
    text_fini(&extension);
}
