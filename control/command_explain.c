#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/command.h"
#include "control/options.h"
#include "control/pool_text.h"
#include "control/question.h"
#include "proxy/snapshot.h"
#include "proxy/sniff.h"
#include "tls/client_hello.h"

enum { FIRST_BYTES_MAX = 64 * 1024 };

/** What the command line says: a URL, or the first bytes of a connection to its port. */
struct inquiry {
    struct origin origin;
    struct question question;
    const char *first_bytes;
};

static void print_pool(const struct pool *pool)
{
    struct text out = {0};

    if (pool_text_has_name(pool))
        text_printf(&out, "pool %.*s\n", FMT_SLICE(pool->key));
    for (size_t i = 0; i < pool->count; i++) {
        text_add(&out, i ? SLICE("or to ") : SLICE("goes to "));
        pool_text_target(&pool->targets[i], &out);
        text_add_char(&out, '\n');
    }
    fputs(out.data, stdout);
    text_clear(&out);
    pool_text_options(pool, &out);
    if (out.len)
        printf("with %.*s\n", FMT_SLICE(slice_head(text_slice(&out), out.len - 1)));
    text_fini(&out);
}

static void print_action(const struct snapshot *snapshot, const struct route *route)
{
    const struct action *action = &snapshot->actions[route->number];

    switch (action->kind) {
    case ACTION_PROXY:
        print_pool(action->pool);
        return;
    case ACTION_REDIRECT:
        if (action->redirect_to_https)
            printf("is redirected (%d) to https\n", action->status);
        else
            printf("is redirected (%d) to %.*s\n", action->status, FMT_SLICE(action->location));
        return;
    case ACTION_RESPOND:
        printf("is answered with %d\n", action->status);
        return;
    }
}

static enum exit_code print_found(const struct snapshot *snapshot, const struct route *route)
{
    if (!route)
        return EXIT_WRONG;
    print_action(snapshot, route);
    return EXIT_FINE;
}

static enum exit_code explain_http(const struct question *question, const struct snapshot *snapshot)
{
    struct text out = {0};
    struct match match = question_request(question, snapshot->table, &out);

    fputs(out.data ? out.data : "", stdout);
    text_fini(&out);
    return print_found(snapshot, match.result == MATCH_FOUND ? match.route : NULL);
}

/* Who sends no name is shown a certificate for the address that was dialled. */
static bool print_certificate(const struct question *question, const struct snapshot *snapshot,
                              struct slice name)
{
    bool is_address = name.len == 0 && question->host.is_ip;
    struct tls_identity *identity =
        certificates_find(snapshot->certificates, is_address ? host_name(&question->host) : name);

    printf("certificate: %s\n", identity ? tls_identity_describe(identity)
                                         : "none covers it, so the handshake is refused (unrecognized_name)");
    return identity != NULL;
}

static enum exit_code explain_name(const struct question *question, const struct snapshot *snapshot,
                                   struct slice name)
{
    struct text out = {0};
    struct sni_match match = question_hello(question, snapshot->table, name, &out);

    fputs(out.data ? out.data : "", stdout);
    text_fini(&out);
    if ((match.kind == SNI_HTTPS || match.kind == SNI_TCPS) && !print_certificate(question, snapshot, name))
        return EXIT_WRONG;
    if (match.kind == SNI_HTTPS)
        return EXIT_FINE;
    return print_found(snapshot, match.route);
}

static enum exit_code explain_raw(const struct question *question, const struct snapshot *snapshot,
                                  enum scheme scheme)
{
    struct text out = {0};
    const struct route *route = question_raw(question, snapshot->table, scheme, &out);

    fputs(out.data, stdout);
    text_fini(&out);
    return print_found(snapshot, route);
}

static int read_hex(const char *text, unsigned char *out, size_t *len, struct error *error)
{
    *len = 0;
    for (; *text; text += 2) {
        char pair[3] = {text[0], text[1], '\0'}, *end;

        out[(*len)++] = (unsigned char)strtoul(pair, &end, 16);
        if (end != pair + 2 || *len == FIRST_BYTES_MAX)
            return error_set(error, "--first-bytes wants pairs of hex digits, %d bytes at most",
                             FIRST_BYTES_MAX - 1);
    }
    return 0;
}

static enum exit_code explain_hello(const struct question *question, const struct snapshot *snapshot,
                                    struct slice bytes)
{
    struct client_hello hello = {0};
    enum client_hello_state state = client_hello_read(&hello, bytes);
    enum exit_code code = EXIT_WRONG;

    if (state == CLIENT_HELLO_DONE) {
        printf("first bytes: a ClientHello for \"%.*s\"\n", (int)hello.name_len, hello.name);
        code = explain_name(question, snapshot, slice_of(hello.name, hello.name_len));
    } else {
        puts(state == CLIENT_HELLO_MORE
                 ? "first bytes: the beginning of a ClientHello; its name is not there yet"
                 : "first bytes: a malformed ClientHello, refused with an alert");
    }
    client_hello_fini(&hello);
    return code;
}

/* What a connection's first bytes lead to, by the same look at them as live traffic. */
static enum exit_code explain_bytes(const struct question *question, const struct snapshot *snapshot,
                                    struct slice bytes)
{
    switch (sniff_first_bytes(bytes)) {
    case SNIFF_TLS:
        return explain_hello(question, snapshot, bytes);
    case SNIFF_HTTP:
        puts("first bytes: an HTTP request");
        return explain_http(question, snapshot);
    case SNIFF_SSH:
        puts("first bytes: SSH");
        return explain_raw(question, snapshot, SCHEME_SSH);
    case SNIFF_MORE:
        puts("first bytes: too few to tell; the connection waits for more, or timeouts.sniff");
        return explain_raw(question, snapshot, SCHEME_TCP);
    case SNIFF_OTHER:
        puts("first bytes: neither TLS nor HTTP nor SSH");
        return explain_raw(question, snapshot, SCHEME_TCP);
    }
    return EXIT_WRONG;
}

static enum exit_code explain_url(const struct question *question, const struct snapshot *snapshot)
{
    enum exit_code code;

    switch (question->scheme) {
    case SCHEME_HTTP:
        return explain_http(question, snapshot);
    case SCHEME_HTTPS:
        code = explain_name(question, snapshot, question_name(question));
        return code == EXIT_FINE ? explain_http(question, snapshot) : code;
    case SCHEME_TLS:
    case SCHEME_TCPS:
        return explain_name(question, snapshot, question_name(question));
    default:
        return explain_raw(question, snapshot, question->scheme);
    }
}

static enum exit_code explain(const struct inquiry *inquiry, const struct snapshot *snapshot)
{
    static unsigned char bytes[FIRST_BYTES_MAX];
    struct error error;
    size_t len;

    if (!inquiry->first_bytes)
        return explain_url(&inquiry->question, snapshot);
    if (read_hex(inquiry->first_bytes, bytes, &len, &error) == 0)
        return explain_bytes(&inquiry->question, snapshot, slice_of(bytes, len));
    fprintf(stderr, "portico: %s\n", error.text);
    return EXIT_USAGE;
}

static bool read_options(int argc, char **argv, struct inquiry *inquiry)
{
    static const struct option OPTIONS[] = {
        {"method", required_argument, NULL, 'm'},      {"header", required_argument, NULL, 'h'},
        {"from", required_argument, NULL, 'f'},        {"sni", required_argument, NULL, 's'},
        {"first-bytes", required_argument, NULL, 'b'}, {0}};
    struct question *question = &inquiry->question;
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "c:", OPTIONS, NULL)) != -1) {
        if (option == 'c')
            inquiry->origin.path = optarg;
        else if (option == 'm')
            question->method = optarg;
        else if (option == 's')
            question->sni = optarg;
        else if (option == 'b')
            inquiry->first_bytes = optarg;
        else if (option == 'f' && ip_parse(slice_str(optarg), &question->from))
            continue;
        else if (option == 'h' && question->headers_count < QUESTION_HEADERS_MAX &&
                 slice_find(slice_str(optarg), ':') > 0)
            question->headers[question->headers_count++] = slice_str(optarg);
        else
            return false;
    }
    return optind == argc - 1;
}

enum exit_code command_explain(int argc, char **argv)
{
    struct inquiry inquiry = {.question = question_plain()};
    struct snapshot *snapshot;
    struct text said = {0};
    struct error error;
    enum exit_code code;

    if (!read_options(argc, argv, &inquiry))
        return command_usage("explain");
    if (question_read(&inquiry.question, slice_str(argv[optind]), &error) < 0) {
        fprintf(stderr, "portico: %s\n", error.text);
        return EXIT_USAGE;
    }
    if (load_snapshot(&inquiry.origin, NULL, &said, NULL, &snapshot) < 0) {
        fputs(said.data, stderr);
        text_fini(&said);
        return EXIT_WRONG;
    }
    text_fini(&said);
    code = explain(&inquiry, snapshot);
    snapshot_unref(snapshot);
    return code;
}
