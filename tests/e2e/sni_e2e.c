/* Server names that are odd, hello messages that are odder, sessions and hosts that do not belong together: for each
 * it is said what must come of it, by bytes made by hand and, where they can say it, by real clients. */
#include <criterion/criterion.h>
#include <string.h>

#include "e2e/tls_wire.h"

SUITE(sni);

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))
#define EXACTLY(literal)                                                                                     \
    {                                                                                                        \
        literal, sizeof(literal) - 1                                                                         \
    }

/* ---- the gate ---- */

static void play_echo(struct wire *wire, struct backend *backend)
{
    while (WAIT_FOR(!wire_take(wire) || wire->at < wire->length, 20000) && wire->at < wire->length) {
        wire_send_bytes(wire, wire->bytes + wire->at, wire->length - wire->at);
        wire->at = wire->length;
    }
}

/** Names with their own certificates, two that share one, a wildcard, and a pass-through, on one port. */
struct gate {
    struct certificate ca;
    struct backend *web, *other, *vault;
    struct process *portico;
    int port;
};

static struct gate gate_open(const char *more)
{
    struct gate gate = {.ca = authority_make("test authority"),
                        .web = backend_saying("web"),
                        .other = backend_saying("other"),
                        .vault = backend_playing(play_echo),
                        .port = scene_port()};
    struct certificate a = certificate_make(&gate.ca, "ec", "DNS:a.test,DNS:also.test"),
                       b = certificate_make(&gate.ca, "ec", "DNS:b.test"),
                       dev = certificate_make(&gate.ca, "ec", "DNS:*.dev.test");
    const int port = gate.port;

    gate.portico = portico_start(
        "local_ca: false\n"
        "routes:\n"
        "  https://a.test:%d: %d\n  https://also.test:%d: %d\n  https://b.test:%d: %d\n"
        "  https://*.dev.test:%d: %d\n  tls://vault.test:%d: %d\n"
        "certificates: [{cert: %s, key: %s}, {cert: %s, key: %s}, {cert: %s, key: %s}]\n%s",
        port, gate.web->port, port, gate.web->port, port, gate.other->port, port, gate.web->port, port,
        gate.vault->port, a.cert, a.key, b.cert, b.key, dev.cert, dev.key, more);
    return gate;
}

static const char *default_certificate(void)
{
    struct certificate ca = authority_make("fallback authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:fallback.test");

    return scene_text("default_certificate: {cert: %s, key: %s}\n", leaf.cert, leaf.key);
}

static char *curl(const struct gate *gate, const char *name, const char *options)
{
    return sh("curl -sS --max-time 8 --cacert %s --resolve %s:%d:127.0.0.1 %s https://%s:%d/", gate->ca.cert,
              name, gate->port, options, name, gate->port)
        .all;
}

static void expect_honest(const struct gate *gate)
{
    cr_expect_str_eq(curl(gate, "a.test", ""), "web");
    cr_expect_str_eq(hello_try(gate->port, hello_for("vault.test")), "passed");
}

static bool run_says(struct run run, const char *text)
{
    return strstr(run.all, text) != NULL;
}

/* ---- names ---- */

/** Without a default certificate, and with one. In TLS 1.3 the certificate is not seen: "served" then. */
#define SAME(verdict) verdict, verdict
#define UNKNOWN       "alert 112", "fallback.test"
#define NAMELESS      "alert 109", "fallback.test"
#define NOBODYS       SAME("alert 112")
#define LETTERS_10    "aaaaaaaaaa"
#define LETTERS_60    LETTERS_10 LETTERS_10 LETTERS_10 LETTERS_10 LETTERS_10 LETTERS_10
#define LABELS_244    LETTERS_60 "." LETTERS_60 "." LETTERS_60 "." LETTERS_60 "."

static const struct {
    const char *name;
    struct bytes sni;
    const char *alone, *with_default;
} names[] = {
    {"as it stands", EXACTLY("a.test"), SAME("a.test")},
    {"upper case", EXACTLY("A.TEST"), SAME("a.test")},
    {"mixed case", EXACTLY("a.TeSt"), SAME("a.test")},
    {"a trailing dot", EXACTLY("a.test."), SAME("a.test")},
    {"upper case and a dot", EXACTLY("A.TEST."), SAME("a.test")},
    {"another", EXACTLY("b.test"), SAME("b.test")},
    {"of a shared certificate", EXACTLY("ALSO.test"), SAME("a.test")},
    {"under a wildcard", EXACTLY("x.dev.test"), SAME("*.dev.test")},
    {"under a wildcard, with underscore", EXACTLY("_x.DEV.test."), SAME("*.dev.test")},
    {"under a wildcard, a label of 63", EXACTLY(LETTERS_60 "aaa.dev.test"), SAME("*.dev.test")},
    {"under a wildcard, a label of 64", EXACTLY(LETTERS_60 "aaaa.dev.test"), NOBODYS},
    {"under a wildcard route, two labels", EXACTLY("x.y.dev.test"), UNKNOWN},
    {"a wildcard's own name", EXACTLY("dev.test"), UNKNOWN},
    {"passed on", EXACTLY("vault.test"), SAME("passed")},
    {"passed on, in upper case with a dot", EXACTLY("VAULT.TEST."), SAME("passed")},
    {"unknown", EXACTLY("stranger.test"), UNKNOWN},
    {"below one that is known", EXACTLY("x.a.test"), UNKNOWN},
    {"above all that are known", EXACTLY("test"), UNKNOWN},
    {"a known one with a letter more", EXACTLY("aa.test"), UNKNOWN},
    {"a known one with a letter behind", EXACTLY("a.tests"), UNKNOWN},
    {"an A-label", EXACTLY("xn--4ca.test"), UNKNOWN},
    {"a hyphen in front", EXACTLY("-a.test"), UNKNOWN},
    {"254 bytes", EXACTLY(LABELS_244 LETTERS_10), UNKNOWN},
    {"255 bytes", EXACTLY(LABELS_244 LETTERS_10 "a"), UNKNOWN},
    {"256 bytes", EXACTLY(LABELS_244 LETTERS_10 "aa"), NOBODYS},
    {"488 bytes", EXACTLY(LABELS_244 LABELS_244), NOBODYS},
    {"255 bytes in one label", EXACTLY(LETTERS_60 LETTERS_60 LETTERS_60 LETTERS_60 LETTERS_10 "aaaaa"),
     NOBODYS},
    {"IPv4", EXACTLY("127.0.0.1"), NAMELESS},
    {"IPv4 of somebody else", EXACTLY("192.0.2.1"), NAMELESS},
    {"IPv4 with a trailing dot", EXACTLY("127.0.0.1."), NAMELESS},
    {"IPv6", EXACTLY("::1"), NAMELESS},
    {"IPv6 in full", EXACTLY("2001:DB8:0:0:0:0:0:1"), NAMELESS},
    {"IPv4 in IPv6", EXACTLY("::ffff:127.0.0.1"), NAMELESS},
    {"IPv6 in brackets", EXACTLY("[::1]"), NOBODYS},
    {"IPv6 with a zone", EXACTLY("fe80::1%lo"), NOBODYS},
    {"two trailing dots", EXACTLY("a.test.."), NOBODYS},
    {"a leading dot", EXACTLY(".a.test"), NOBODYS},
    {"an empty label", EXACTLY("a..test"), NOBODYS},
    {"a dot", EXACTLY("."), NOBODYS},
    {"two dots", EXACTLY(".."), NOBODYS},
    {"a wildcard", EXACTLY("*.dev.test"), NOBODYS},
    {"a star", EXACTLY("*"), NOBODYS},
    {"a star inside", EXACTLY("a*.test"), NOBODYS},
    {"a blank in front", EXACTLY(" a.test"), NOBODYS},
    {"a blank behind", EXACTLY("a.test "), NOBODYS},
    {"a blank inside", EXACTLY("a. test"), NOBODYS},
    {"a tab", EXACTLY("a.test\t"), NOBODYS},
    {"a line feed", EXACTLY("a.test\n"), NOBODYS},
    {"a line end", EXACTLY("a.test\r\nX: 1"), NOBODYS},
    {"a NUL behind", EXACTLY("a.test\0"), NOBODYS},
    {"a NUL and a name behind", EXACTLY("a.test\0.evil.test"), NOBODYS},
    {"a NUL in front", EXACTLY("\0a.test"), NOBODYS},
    {"a NUL inside", EXACTLY("a\0.test"), NOBODYS},
    {"Latin-1", EXACTLY("\xe4.test"), NOBODYS},
    {"UTF-8", EXACTLY("\xc3\xa4.test"), NOBODYS},
    {"a full-width dot", EXACTLY("a\xef\xbc\x8etest"), NOBODYS},
    {"a byte of all ones", EXACTLY("a.test\xff"), NOBODYS},
    {"a port", EXACTLY("a.test:443"), NOBODYS},
    {"a URL", EXACTLY("https://a.test/"), NOBODYS},
    {"a path", EXACTLY("a.test/"), NOBODYS},
    {"a user", EXACTLY("me@a.test"), NOBODYS},
    {"a list", EXACTLY("a.test,b.test"), NOBODYS},
    {"a percent-encoded dot", EXACTLY("a%2etest"), NOBODYS},
    {"a quoted name", EXACTLY("\"a.test\""), NOBODYS},
    {"a backslash", EXACTLY("a\\.test"), NOBODYS},
};

static const char *expected_in(unsigned version, const char *verdict)
{
    if (version == 0x0303 || strncmp(verdict, "alert", 5) == 0 || strcmp(verdict, "passed") == 0)
        return verdict;
    return "served";
}

/** In both versions. */
static void expect_verdict(int port, struct bytes extensions, const char *expected, const char *row)
{
    static const unsigned versions[] = {0x0303, 0x0304};

    for (size_t i = 0; i < COUNT(versions); i++) {
        const struct hello_terms terms = {.version = versions[i], .extensions = extensions};
        const char *verdict = hello_try(port, hello_make(terms));

        cr_expect_str_eq(verdict, expected_in(versions[i], expected), "%s in %x: %s", row, versions[i],
                         verdict);
    }
}

Test(sni, a_name_is_known_unknown_or_nobodys)
{
    struct gate gate = gate_open("");

    for (size_t i = 0; i < COUNT(names); i++)
        expect_verdict(gate.port, sni_extension(sni_body(0, names[i].sni)), names[i].alone, names[i].name);
    cr_expect(portico_logs(gate.portico, "reason=unknown_sni"));
    expect_honest(&gate);
}

Test(sni, the_default_certificate_is_for_names_alone)
{
    struct gate gate = gate_open(default_certificate());

    for (size_t i = 0; i < COUNT(names); i++)
        expect_verdict(gate.port, sni_extension(sni_body(0, names[i].sni)), names[i].with_default,
                       names[i].name);
    expect_honest(&gate);
}

/* ---- the extension ---- */

#define A_TEST                                                                                               \
    "\x00\x00\x06"                                                                                           \
    "a.test"
#define B_TEST                                                                                               \
    "\x00\x00\x06"                                                                                           \
    "b.test"
#define VAULT                                                                                                \
    "\x00\x00\x0a"                                                                                           \
    "vault.test"

/** Bodies of a server_name extension. */
static const struct {
    const char *name;
    struct bytes body;
} bodies[] = {
    {"empty", EXACTLY("")},
    {"a byte", EXACTLY("\x00")},
    {"an empty list", EXACTLY("\x00\x00")},
    {"a type alone", EXACTLY("\x00\x01\x00")},
    {"half a length", EXACTLY("\x00\x02\x00\x00")},
    {"an empty name", EXACTLY("\x00\x03\x00\x00\x00")},
    {"a list longer than the extension", EXACTLY("\x00\x0a" A_TEST)},
    {"a list shorter than the extension", EXACTLY("\x00\x08" A_TEST)},
    {"a list of 65535", EXACTLY("\xff\xff" A_TEST)},
    {"a name longer than the list", EXACTLY("\x00\x09\x00\x00\x07"
                                            "a.test")},
    {"a name shorter than the list", EXACTLY("\x00\x09\x00\x00\x05"
                                             "a.test")},
    {"a name of 65535", EXACTLY("\x00\x09\x00\xff\xff"
                                "a.test")},
    {"a byte behind the list", EXACTLY("\x00\x09" A_TEST "\x00")},
    {"a name behind the list", EXACTLY("\x00\x09" A_TEST B_TEST)},
    {"the same name twice", EXACTLY("\x00\x12" A_TEST A_TEST)},
    {"two names", EXACTLY("\x00\x12" A_TEST B_TEST)},
    {"a name to end and one to pass on", EXACTLY("\x00\x16" A_TEST VAULT)},
    {"a name to pass on and one to end", EXACTLY("\x00\x16" VAULT A_TEST)},
    {"an unknown type", EXACTLY("\x00\x09\x01\x00\x06"
                                "a.test")},
    {"the last type", EXACTLY("\x00\x09\xff\x00\x06"
                              "a.test")},
    {"a name and one of unknown type", EXACTLY("\x00\x12" A_TEST "\x01\x00\x06"
                                               "b.test")},
    {"one of unknown type and a name", EXACTLY("\x00\x12\x01\x00\x06"
                                               "b.test" A_TEST)},
    {"a name without lengths", EXACTLY("a.test")},
    {"a name without its type", EXACTLY("\x00\x08\x00\x06"
                                        "a.test")},
};

Test(sni, an_extension_that_cannot_be_read_is_no_name)
{
    struct gate gates[] = {gate_open(""), gate_open(default_certificate())};

    for (size_t gate = 0; gate < COUNT(gates); gate++) {
        for (size_t i = 0; i < COUNT(bodies); i++)
            expect_verdict(gates[gate].port, sni_extension(bodies[i].body), "alert 50", bodies[i].name);
        expect_honest(&gates[gate]);
    }
}

#define SNI_A     "\x00\x00\x00\x0b\x00\x09" A_TEST
#define SNI_VAULT "\x00\x00\x00\x0f\x00\x0d" VAULT

static const struct {
    const char *name;
    struct bytes extensions;
    const char *alone, *with_default;
} extensions[] = {
    {"none", EXACTLY(""), NAMELESS},
    {"one", EXACTLY(SNI_A), SAME("a.test")},
    {"one behind others", EXACTLY("\x1a\x1a\x00\x00\x00\x17\x00\x00" SNI_A), SAME("a.test")},
    {"two that say the same", EXACTLY(SNI_A SNI_A), SAME("alert 47")},
    {"two that differ", EXACTLY(SNI_A SNI_VAULT), SAME("alert 47")},
    {"two that differ, the other way", EXACTLY(SNI_VAULT SNI_A), SAME("alert 47")},
    {"two with something between", EXACTLY(SNI_A "\x00\x17\x00\x00" SNI_VAULT), SAME("alert 47")},
    {"one, and ALPN without HTTP", EXACTLY(SNI_A "\x00\x10\x00\x05\x00\x03\x02h3"), SAME("alert 120")},
    {"one, and ALPN twice", EXACTLY(SNI_A "\x00\x10\x00\x05\x00\x03\x02h2\x00\x10\x00\x05\x00\x03\x02h2"),
     SAME("alert 47")},
    {"one, and ALPN that is empty", EXACTLY(SNI_A "\x00\x10\x00\x02\x00\x00"), SAME("alert 50")},
};

Test(sni, of_several_extensions_there_is_one_server_name)
{
    struct gate gates[] = {gate_open(""), gate_open(default_certificate())};

    for (size_t gate = 0; gate < COUNT(gates); gate++) {
        for (size_t i = 0; i < COUNT(extensions); i++)
            expect_verdict(gates[gate].port, extensions[i].extensions,
                           gate ? extensions[i].with_default : extensions[i].alone, extensions[i].name);
        expect_honest(&gates[gate]);
    }
}

/* ---- addresses ---- */

Test(sni, an_addresss_certificate_is_for_those_who_name_nobody)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:address.test,IP:127.0.0.1");
    struct backend *backend = backend_saying("by address");
    int port = scene_port();

    portico_start(
        "local_ca: false\nroutes: {\"https://127.0.0.1:%d\": %d}\ncertificates: [{cert: %s, key: %s}]\n",
        port, backend->port, leaf.cert, leaf.key);
    expect_verdict(port, (struct bytes){0}, "address.test", "no name");
    expect_verdict(port, sni_extension(sni_body(0, bytes_of("127.0.0.1"))), "address.test", "the address");
    expect_verdict(port, sni_extension(sni_body(0, bytes_of("stranger.test"))), "alert 112",
                   "an unknown name");
    expect_verdict(port, sni_extension(sni_body(0, bytes_of("address.test"))), "alert 112",
                   "one without route");
    cr_expect_str_eq(sh("curl -sS --cacert %s https://127.0.0.1:%d/", ca.cert, port).all, "by address");
}

Test(sni, an_addresss_certificate_needs_a_route_for_addresses)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:a.test,IP:127.0.0.1");
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start(
        "local_ca: false\nroutes: {\"https://a.test:%d\": %d}\ncertificates: [{cert: %s, key: %s}]\n", port,
        backend->port, leaf.cert, leaf.key);
    expect_verdict(port, (struct bytes){0}, "alert 109", "no name");
    expect_verdict(port, sni_extension(sni_body(0, bytes_of("stranger.test"))), "alert 112",
                   "an unknown name");
    expect_verdict(port, sni_extension(sni_body(0, bytes_of("a.test"))), "a.test", "the name");
}

/* ---- cuts ---- */

static const char *const cut_names[] = {"a.test", "vault.test"};
static const char *const cut_verdicts[] = {"served", "passed"};

static void send_in_two(struct wire *wire, struct bytes hello, size_t at)
{
    wire_send_bytes(wire, hello.bytes, at - 1);
    wire_drip(wire, hello.bytes + at - 1, 1); /* until all of it is acknowledged */
    wire_send_bytes(wire, hello.bytes + at, hello.count - at);
}

Test(sni, a_hello_in_two_segments_is_one_hello)
{
    struct gate gate = gate_open("");

    for (size_t which = 0; which < COUNT(cut_names); which++) {
        const struct bytes hello = hello_for(cut_names[which]);

        for (size_t at = 1; at < hello.count; at++) {
            struct wire *wire = wire_connect(gate.port);
            const char *verdict;

            send_in_two(wire, hello, at);
            verdict = hello_verdict(wire, hello);
            cr_expect_str_eq(verdict, cut_verdicts[which], "%s cut at %zu: %s", cut_names[which], at,
                             verdict);
            wire_close(wire);
        }
    }
    expect_honest(&gate);
}

Test(sni, a_hello_in_small_records_or_bytes_is_one_hello)
{
    static const size_t steps[] = {1, 2, 3, 64};
    struct gate gate = gate_open("");

    for (size_t which = 0; which < COUNT(cut_names); which++) {
        for (size_t i = 0; i < COUNT(steps); i++) {
            const struct bytes hello = hello_in_records(hello_for(cut_names[which]), steps[i]);
            struct wire *dripped = wire_connect(gate.port);
            const char *verdict = hello_try(gate.port, hello);

            cr_expect_str_eq(verdict, cut_verdicts[which], "%s in records of %zu: %s", cut_names[which],
                             steps[i], verdict);
            wire_drip(dripped, hello.bytes, hello.count);
            verdict = hello_verdict(dripped, hello);
            cr_expect_str_eq(verdict, cut_verdicts[which], "%s in records of %zu, dripped: %s",
                             cut_names[which], steps[i], verdict);
            wire_close(dripped);
        }
    }
    expect_honest(&gate);
}

/* ---- what is no hello ---- */

static const struct {
    const char *name;
    struct bytes bytes;
    const char *verdict;
} garbage[] = {
    {"a record of 16 KiB and a byte", EXACTLY("\x16\x03\x01\x40\x01\x01"), "alert 22"},
    {"a record of 65535", EXACTLY("\x16\x03\x01\xff\xff\x01"), "alert 22"},
    {"an empty record", EXACTLY("\x16\x03\x01\x00\x00"), "alert 50"},
    {"an empty record amid a hello", EXACTLY("\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x00"), "alert 50"},
    {"a HelloRequest", EXACTLY("\x16\x03\x01\x00\x04\x00\x00\x00\x00"), "alert 10"},
    {"a ServerHello", EXACTLY("\x16\x03\x01\x00\x04\x02\x00\x00\x00"), "alert 10"},
    {"a Certificate", EXACTLY("\x16\x03\x03\x00\x04\x0b\x00\x00\x00"), "alert 10"},
    {"a Finished", EXACTLY("\x16\x03\x03\x00\x04\x14\x00\x00\x00"), "alert 10"},
    {"a message of the last type", EXACTLY("\x16\x03\x03\x00\x04\xff\x00\x00\x00"), "alert 10"},
    {"an empty hello", EXACTLY("\x16\x03\x01\x00\x04\x01\x00\x00\x00"), "alert 50"},
    {"a hello of 16 KiB", EXACTLY("\x16\x03\x01\x00\x04\x01\x00\x40\x00"), "alert 50"},
    {"a hello of 16 MiB", EXACTLY("\x16\x03\x01\x00\x04\x01\xff\xff\xff"), "alert 50"},
    {"an alert amid a hello", EXACTLY("\x16\x03\x01\x00\x01\x01\x15\x03\x01\x00\x02\x01\x00"), "alert 10"},
    {"data amid a hello", EXACTLY("\x16\x03\x01\x00\x01\x01\x17\x03\x03\x00\x01x"), "alert 10"},
    {"another version amid a hello", EXACTLY("\x16\x03\x01\x00\x01\x01\x16\x02\x01\x00\x01\x00"), "alert 10"},
    {"text in a record", EXACTLY("\x16\x03\x01\x00\x0eGET / HTTP/1.1"), "alert 10"},
    {"a hello of SSL 2", EXACTLY("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x03\x00\x80"),
     "http 400"},
    {"an SSL 2 hello that offers TLS", EXACTLY("\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10\x01\x00\x80"),
     "http 400"},
    {"an alert first", EXACTLY("\x15\x03\x01\x00\x02\x02\x28"), "http 400"},
    {"a change of ciphers first", EXACTLY("\x14\x03\x03\x00\x01\x01"), "http 400"},
    {"data first", EXACTLY("\x17\x03\x03\x00\x05hello"), "http 400"},
    {"a record of major version 2", EXACTLY("\x16\x02\x00\x00\x04\x01\x00\x00\x00"), "http 400"},
    {"a record of major version 4", EXACTLY("\x16\x04\x00\x00\x04\x01\x00\x00\x00"), "http 400"},
    {"bytes of nothing", EXACTLY("\x7f\x45\x4c\x46\x02\x01\x01\x00"), "http 400"},
    {"zeroes", EXACTLY("\0\0\0\0\0\0\0\0"), "http 400"},
};

Test(sni, what_is_no_hello_ends_the_connection)
{
    struct gate gate = gate_open("");

    for (size_t i = 0; i < COUNT(garbage); i++) {
        const char *verdict = hello_try(gate.port, garbage[i].bytes);

        cr_expect_str_eq(verdict, garbage[i].verdict, "%s: %s", garbage[i].name, verdict);
    }
    cr_expect_eq(gate.web->connections + gate.other->connections + gate.vault->connections, 0);
    expect_honest(&gate);
}

static struct bytes padding(size_t count)
{
    char *extension = scene_alloc(count + 4);

    extension[1] = 21;
    extension[2] = (char)(count >> 8);
    extension[3] = (char)count;
    return (struct bytes){extension, count + 4};
}

Test(sni, the_size_of_a_hello_has_a_limit)
{
    struct gate gate = gate_open("");
    const struct bytes sni = sni_extension(sni_body(0, bytes_of("a.test")));

    expect_verdict(gate.port, bytes_join(sni, padding(15000)), "a.test", "15 KiB");
    expect_verdict(gate.port, bytes_join(sni, padding(16384)), "alert 50", "over 16 KiB");
    expect_verdict(gate.port, bytes_join(padding(30000), sni), "alert 50", "30 KiB, the name last");
    expect_verdict(gate.port, sni_extension(sni_body(0, padding(16000))), "alert 112",
                   "a name of 16,000 bytes");
    expect_honest(&gate);
}

static const struct {
    const char *name;
    struct hello_terms terms;
    const char *verdict;
} terms_rows[] = {
    {"record version 3.0", {.record_version = 0x0300}, "served"},
    {"record version 3.1", {.record_version = 0x0301}, "served"},
    {"record version 3.2", {.record_version = 0x0302}, "served"},
    {"record version 3.3", {.record_version = 0x0303}, "served"},
    {"record version 3.4", {.record_version = 0x0304}, "served"},
    {"record version 3.0, TLS 1.2", {.record_version = 0x0300, .version = 0x0303}, "a.test"},
    {"record version 3.4, TLS 1.2", {.record_version = 0x0304, .version = 0x0303}, "a.test"},
    {"TLS 1.3", {.version = 0x0304}, "served"},
    {"TLS 1.2", {.version = 0x0303}, "a.test"},
    {"TLS 1.1", {.version = 0x0302}, "alert 70"},
    {"TLS 1.0", {.version = 0x0301}, "alert 70"},
    {"SSL 3, which knows no alert for its version",
     {.version = 0x0300, .record_version = 0x0300},
     "alert 40"},
    {"SSL 2.0 inside", {.version = 0x0200}, "alert 50"},
    {"a session id of 32", {.session_id_length = 32}, "served"},
    {"a session id of 32, TLS 1.2", {.version = 0x0303, .session_id_length = 32}, "a.test"}, /* not resumed */
    {"a session id of 33", {.session_id_length = 33}, "alert 50"},
    {"a session id of 255", {.session_id_length = 255}, "alert 50"},
};

Test(sni, versions_below_1_2_are_refused_and_the_records_says_nothing)
{
    struct gate gate = gate_open("");
    const struct bytes sni = sni_extension(sni_body(0, bytes_of("a.test")));

    for (size_t i = 0; i < COUNT(terms_rows); i++) {
        struct hello_terms terms = terms_rows[i].terms;
        const char *verdict;

        terms.extensions = sni;
        verdict = hello_try(gate.port, hello_make(terms));
        cr_expect_str_eq(verdict, terms_rows[i].verdict, "%s: %s", terms_rows[i].name, verdict);
    }
    cr_expect_str_eq(hello_try(gate.port, hello_make((struct hello_terms){.has_no_extensions = true})),
                     "alert 109");
    expect_honest(&gate);
}

Test(sni, bytes_behind_a_hello_in_its_record_are_refused)
{
    struct gate gate = gate_open("");

    for (size_t which = 0; which < COUNT(cut_names); which++) {
        struct bytes hello = bytes_join(hello_for(cut_names[which]), (struct bytes)EXACTLY("\x0b"));

        ((char *)hello.bytes)[4]++;
        cr_expect_str_eq(hello_try(gate.port, hello), "alert 10", "%s", cut_names[which]);
    }
    expect_honest(&gate);
}

/** A second hello after HelloRetryRequest must say what the first one said (RFC 8446 §4.1.2). */
static const char *second_hello(int port, const char *first_name, const char *second_name)
{
    const struct bytes sni = sni_extension(sni_body(0, bytes_of(first_name)));
    const struct bytes first = hello_make((struct hello_terms){.extensions = sni, .has_no_key_share = true});
    const struct bytes second = hello_for(second_name);
    struct wire *wire = wire_connect(port);
    const char *verdict;

    wire_send_bytes(wire, first.bytes, first.count);
    cr_expect_str_eq(hello_verdict(wire, first), "served", "a HelloRetryRequest");
    cr_expect_eq(memcmp(wire_read_bytes(wire, 6), "\x14\x03\x03\x00\x01\x01", 6), 0, "for middleboxes");
    wire_send_bytes(wire, second.bytes, second.count);
    verdict = hello_verdict(wire, second);
    wire_close(wire);
    return verdict;
}

Test(sni, the_second_hello_may_not_change_the_name)
{
    struct gate gate = gate_open("");

    cr_expect_str_eq(second_hello(gate.port, "a.test", "a.test"), "served");
    cr_expect_str_eq(second_hello(gate.port, "a.test", "A.test."), "served", "the same name");
    cr_expect_str_eq(second_hello(gate.port, "a.test", "b.test"), "alert 47");
    cr_expect_str_eq(second_hello(gate.port, "a.test", "vault.test"), "alert 47");
    cr_expect_str_eq(second_hello(gate.port, "a.test", "stranger.test"), "alert 47");
    cr_expect_eq(gate.vault->connections, 0);
    expect_honest(&gate);
}

/** Where first bytes of any kind have a route, TLS that is refused does not become such bytes. */
Test(sni, what_is_refused_does_not_go_to_the_ports_raw_route)
{
    struct certificate ca = authority_make("test authority");
    struct certificate leaf = certificate_make(&ca, "ec", "DNS:a.test");
    struct backend *web = backend_saying("web"), *raw = backend_playing(play_echo);
    int port = scene_port();

    portico_start("local_ca: false\nroutes: {\"https://a.test:%d\": %d, \"tcp://:%d\": %d}\n"
                  "certificates: [{cert: %s, key: %s}]\n",
                  port, web->port, port, raw->port, leaf.cert, leaf.key);
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strncmp(names[i].alone, "alert", 5) == 0)
            expect_verdict(port, sni_extension(sni_body(0, names[i].sni)), names[i].alone, names[i].name);
    }
    for (size_t i = 0; i < COUNT(bodies); i++)
        expect_verdict(port, sni_extension(bodies[i].body), "alert 50", bodies[i].name);
    cr_expect_eq(raw->connections, 0);
    for (size_t i = 0; i < COUNT(garbage); i++) {
        const char *verdict = hello_try(port, garbage[i].bytes);
        const bool is_tls = strncmp(garbage[i].verdict, "alert", 5) == 0;

        cr_expect_str_eq(verdict, is_tls ? garbage[i].verdict : "passed", "%s: %s", garbage[i].name, verdict);
    }
    cr_expect_str_eq(hello_try(port, hello_for("a.test")), "served");
}

/* ---- renegotiation ---- */

Test(sni, renegotiation_is_refused)
{
    struct gate gate = gate_open("");
    struct run run = sh("openssl s_client -connect 127.0.0.1:%d -servername a.test -tls1_2 2>&1"
                        " < <(echo R; exec sleep 8)", /* which ends with s_client */
                        gate.port);

    cr_expect(run_says(run, "RENEGOTIATING"), "%s", run.all);
    cr_expect(run_says(run, "no renegotiation"), "%s", run.all);
    expect_honest(&gate);
}

/* ---- sessions ---- */

struct offer {
    const char *from, *to; /* names; "": none */
    const char *expected;  /* what s_client must say */
};

/** Each session is made by one whole exchange, so that TLS 1.3 has its ticket. */
static void expect_resumption(const struct gate *gate, const struct offer *offer, const char *options)
{
    const int port = gate->port;
    struct run made =
        *offer->from ? tls_get(port, offer->from, scene_text("%s -sess_out session", options))
                     : sh("printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' | openssl"
                          " s_client -connect 127.0.0.1:%d -noservername -ign_eof %s -sess_out session 2>&1",
                          port, options);
    struct run run = tls_probe(port, offer->to, scene_text("%s -sess_in session", options));

    cr_expect(run_says(made, "New, "), "%s with %s: %s", offer->from, options, made.all);
    cr_expect(run_says(run, offer->expected), "from \"%s\" to \"%s\" with %s: %s", offer->from, offer->to,
              options, run.all);
    if (strcmp(offer->expected, "Reused, ") != 0)
        cr_expect_not(run_says(run, "Reused, "), "from \"%s\" to \"%s\" with %s", offer->from, offer->to,
                      options);
    sh("rm -f session");
}

/** TLS 1.3, and 1.2 by ticket. */
static const char *const ticket_options[] = {"-tls1_3", "-tls1_2"};

static void expect_offers(const struct gate *gate, const struct offer *offers, size_t count)
{
    for (size_t version = 0; version < COUNT(ticket_options); version++) {
        for (size_t i = 0; i < count; i++)
            expect_resumption(gate, &offers[i], ticket_options[version]);
    }
}

Test(sni, a_session_goes_on_under_its_own_name_alone)
{
    static const struct offer offers[] = {
        {"a.test", "a.test", "Reused, "},
        {"a.test", "A.TEST", "Reused, "},
        {"a.test", "b.test", "New, "},
        {"a.test", "also.test", "New, "}, /* the same certificate, whose other name may have its own rules */
        {"a.test", "x.dev.test", "New, "},
        {"x.dev.test", "y.dev.test", "New, "},
        {"a.test", "stranger.test", "unrecognized name"},
        {"a.test", "", "alert number 109"},
    };
    struct gate gate = gate_open("");

    expect_offers(&gate, offers, COUNT(offers));
    expect_honest(&gate);
}

Test(sni, a_session_of_the_default_certificate_opens_no_name)
{
    static const struct offer offers[] = {
        {"stranger.test", "stranger.test", "Reused, "},
        {"stranger.test", "a.test", "New, "},
        {"stranger.test", "other.test", "New, "},
        {"stranger.test", "", "New, "},
        {"a.test", "stranger.test", "New, "},
        {"a.test", "", "New, "},
        {"", "", "Reused, "},
        {"", "a.test", "New, "},
    };
    struct gate gate = gate_open(default_certificate());

    expect_offers(&gate, offers, COUNT(offers));
    expect_honest(&gate);
}

/** Sessions by id would need a memory that all workers share: no id is given, and one that is offered (above, among
 *  the versions) is not known. */
Test(sni, no_session_has_an_id)
{
    struct gate gate = gate_open("");

    cr_expect(run_says(tls_get(gate.port, "a.test", "-tls1_2 -no_ticket"), "Session-ID: \n"));
    cr_expect_not(run_says(tls_get(gate.port, "a.test", "-tls1_2"), "Session-ID: \n"),
                  "a ticket's is the client's own");
    expect_honest(&gate);
}

/* ---- the host inside ---- */

/** Sends that over TLS and gives what comes back, to the end. */
static char *tls_say(int port, const char *name, const char *request)
{
    scene_file("request", "%s", request);
    return sh("openssl s_client -quiet -ign_eof -connect 127.0.0.1:%d %s %s <request 2>/dev/null", port,
              *name ? "-servername" : "-noservername", name)
        .out;
}

static int count_of(const char *text, const char *part)
{
    int count = 0;

    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        count++;
    return count;
}

static const struct {
    const char *name, *sni, *target, *host;
    int status;
} hosts[] = {
    {"the name", "a.test", "/", "a.test", 200},
    {"the name in upper case with a dot", "a.test", "/", "A.TEST.", 200},
    {"SNI in upper case", "A.TEST", "/", "a.test", 200},
    {"the certificate's other name", "a.test", "/", "also.test", 200},
    {"the other way round", "also.test", "/", "a.test", 200},
    {"another certificate's name", "a.test", "/", "b.test", 421},
    {"a name that is passed on elsewhere", "a.test", "/", "vault.test", 421},
    {"an unknown name", "a.test", "/", "stranger.test", 421},
    {"an address", "a.test", "/", "127.0.0.1", 421},
    {"a sibling that the wildcard covers", "x.dev.test", "/", "y.dev.test", 200},
    {"deeper than the wildcard covers", "x.dev.test", "/", "y.x.dev.test", 421},
    {"a wildcard from outside", "a.test", "/", "x.dev.test", 421},
    {"another port", "a.test", "/", "a.test:9", 200},
    {"port 65536", "a.test", "/", "a.test:65536", 400},
    {"an empty port", "a.test", "/", "a.test:", 400},
    {"no host at all", "a.test", "/", "", 400},
    {"an https URI", "a.test", "https://a.test/", "a.test", 200},
    {"an https URI, and Host of another", "a.test", "https://a.test/", "b.test", 200}, /* RFC 9112 §3.2.2 */
    {"an https URI of another", "a.test", "https://b.test/", "a.test", 421},
    {"an https URI with a port", "a.test", "https://a.test:8443/", "a.test", 200},
    {"an http URI", "a.test", "http://a.test/", "a.test", 421}, /* RFC 9110 §7.4 */
    {"an HTTP URI in upper case", "a.test", "HTTP://a.test/", "a.test", 421},
    {"an HTTPS URI in upper case", "a.test", "HTTPS://a.test/", "a.test", 200},
    {"a URI of another scheme", "a.test", "ftp://a.test/", "a.test", 400},
};

Test(sni, the_host_must_be_one_that_the_connection_speaks_for)
{
    struct gate gate = gate_open("");

    for (size_t i = 0; i < COUNT(hosts); i++) {
        const char *answer = tls_say(gate.port, hosts[i].sni,
                                     scene_text("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                                                hosts[i].target, hosts[i].host));
        const char *expected = scene_text("HTTP/1.1 %d ", hosts[i].status);

        cr_expect_eq(strncmp(answer, expected, strlen(expected)), 0, "%s: %.60s", hosts[i].name, answer);
    }
    cr_expect_eq(gate.other->requests, 0, "nothing went to another's backend");
    expect_honest(&gate);
}

Test(sni, one_connection_serves_all_names_of_its_certificate)
{
    struct gate gate = gate_open("");
    char *answers = tls_say(gate.port, "a.test",
                            "GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n"
                            "GET /2 HTTP/1.1\r\nHost: also.test\r\n\r\n"
                            "GET /3 HTTP/1.1\r\nHost: b.test\r\n\r\n"
                            "GET /4 HTTP/1.1\r\nHost: A.test:1\r\nConnection: close\r\n\r\n");

    cr_expect_eq(count_of(answers, "HTTP/1.1 200 "), 3, "%s", answers);
    cr_expect_eq(count_of(answers, "HTTP/1.1 421 "), 1, "%s", answers);
    cr_expect_not_null(strstr(backend_seen(gate.web), "GET /4 "), "a 421 does not end the connection");
    cr_expect_eq(gate.other->requests, 0);
    expect_honest(&gate);
}

/** RFC 9110 §7.4: an https resource is not asked for in clear. */
Test(sni, an_https_uri_in_clear_is_misdirected)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    cr_expect_eq(ask(port, "GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n").status, 421);
    cr_expect_eq(backend->requests, 0);
    cr_expect_eq(ask(port, "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n").status, 200);
    assert_honest(port, "a.test", "ok");
}

/* ---- the wrong kind of port ---- */

static const char *const plain_requests[] = {
    "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc",
    "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "FROB / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
};

Test(sni, clear_http_on_a_tls_port_is_told_so)
{
    struct gate gate = gate_open("");

    for (size_t i = 0; i < COUNT(plain_requests); i++) {
        struct wire *wire = wire_connect(gate.port);
        const bool is_head = strncmp(plain_requests[i], "HEAD", 4) == 0;
        struct answer answer;

        wire_send(wire, "%s", plain_requests[i]);
        answer = is_head ? answer_read_head(wire) : answer_read(wire);
        cr_expect_eq(answer.status, 400, "%.20s: %d", plain_requests[i], answer.status);
        cr_expect(is_head || strstr(answer.body, "https://"), "%.20s: %s", plain_requests[i], answer.body);
        cr_expect(wire_sees_end(wire), "%.20s: the connection closes", plain_requests[i]);
        wire_close(wire);
    }
    cr_expect_eq(gate.web->connections, 0);
    expect_honest(&gate);
}

Test(sni, tls_on_a_clear_port_is_refused)
{
    struct backend *backend = backend_saying("ok");
    int port = scene_port();

    portico_start("routes: {\"http://a.test:%d\": %d}\n", port, backend->port);
    cr_expect_str_eq(hello_try(port, hello_for("a.test")), "http 400");
    cr_expect_str_eq(hello_try(port, hello_in_records(hello_for("a.test"), 1)), "http 400");
    cr_expect_neq(sh("curl -sSk --max-time 8 https://127.0.0.1:%d/", port).status, 0);
    cr_expect_eq(backend->connections, 0);
    assert_honest(port, "a.test", "ok");
}
