#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "control/command.h"
#include "control/options.h"
#include "control/pool_text.h"
#include "proxy/snapshot.h"
#include "proxy/sniff.h"
#include "routing/explain.h"
#include "routing/host.h"
#include "tls/client_hello.h"

enum { HEADERS_MAX = 64, FIRST_BYTES_MAX = 64 * 1024 };

/** What is asked: a URL, or the first bytes of a connection to its port. */
struct question {
    struct origin origin;
    const char *method, *sni, *first_bytes;
    struct slice headers[HEADERS_MAX]; /* "Name: value" */
    size_t headers_count;
    struct ip from;
    /* from the URL */
    enum scheme scheme;
    struct host host;
    uint16_t port;
    struct slice path, query;
};

static bool view_field(const void *context, struct slice name, size_t n, struct slice *value)
{
    const struct question *question = context;

    for (size_t i = 0; i < question->headers_count; i++) {
        ptrdiff_t colon = slice_find(question->headers[i], ':');

        if (!slice_eq_nocase(slice_trim(slice_head(question->headers[i], (size_t)colon)), name) || n-- > 0)
            continue;
        *value = slice_trim(slice_from(question->headers[i], (size_t)colon + 1));
        return true;
    }
    return false;
}

/* scheme://host[:port][/path][?query]: a request's own URL, not a key of the table. */
static int read_url(struct question *question, struct slice url, struct error *error)
{
    static const enum scheme ALL[] = {SCHEME_HTTP, SCHEME_HTTPS, SCHEME_TLS,
                                      SCHEME_TCPS, SCHEME_SSH,   SCHEME_TCP};
    struct slice rest = url, authority;
    size_t end = 0;

    question->scheme = SCHEME_HTTP;
    for (size_t i = 0; i < ARRAY_LEN(ALL); i++) {
        struct slice name = slice_str(scheme_name(ALL[i]));

        if (slice_starts_nocase(url, name) && slice_starts(slice_from(url, name.len), SLICE("://"))) {
            question->scheme = ALL[i];
            rest = slice_from(url, name.len + 3);
        }
    }
    while (end < rest.len && rest.data[end] != '/' && rest.data[end] != '?')
        end++;
    authority = slice_head(rest, end);
    rest = slice_from(rest, end);
    question->port = scheme_default_port(question->scheme);
    if (slice_starts(authority, SLICE(":"))) {
        uint64_t port;

        if (!slice_to_u64(slice_from(authority, 1), UINT16_MAX, &port) || port == 0)
            return error_set(error, "\"%.*s\" has no valid port", FMT_SLICE(url));
        question->port = (uint16_t)port;
    } else if (!host_parse(authority, &question->host)) {
        return error_set(error, "\"%.*s\" is no host[:port]", FMT_SLICE(authority));
    } else if (question->host.has_port) {
        question->port = question->host.port;
    }
    if (question->port == 0)
        return error_set(error, "%s has no default port: name one", scheme_name(question->scheme));
    for (end = 0; end < rest.len && rest.data[end] != '?';)
        end++;
    question->path = end ? slice_head(rest, end) : SLICE("/");
    question->query = end < rest.len ? slice_from(rest, end + 1) : SLICE("");
    return 0;
}

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
    const struct request_view view = {
        .is_tls = question->scheme == SCHEME_HTTPS,
        .host = host_name(&question->host),
        .path = question->path,
        .query = question->query,
        .method = slice_str(question->method ? question->method : "GET"),
        .from = question->from,
        .local = question->from,
        .field = view_field,
        .context = question,
    };
    struct text out = {0};
    struct match match = explain_request(snapshot->table, question->port, &view, &out);

    fputs(out.data ? out.data : "", stdout);
    text_fini(&out);
    return print_found(snapshot, match.result == MATCH_FOUND ? match.route : NULL);
}

static enum exit_code explain_name(const struct question *question, const struct snapshot *snapshot,
                                   struct slice name)
{
    struct tls_identity *identity;
    struct text out = {0};
    struct sni_match match =
        explain_sni(snapshot->table, question->port, name, question->from, question->from, &out);

    fputs(out.data ? out.data : "", stdout);
    text_fini(&out);
    if (match.kind == SNI_HTTPS || match.kind == SNI_TCPS) {
        identity = certificates_find(snapshot->certificates, name);
        printf("certificate: %s\n", identity
                                        ? tls_identity_describe(identity)
                                        : "none covers it, so the handshake is refused (unrecognized_name)");
        if (!identity)
            return EXIT_WRONG;
    }
    if (match.kind == SNI_HTTPS)
        return EXIT_FINE;
    return print_found(snapshot, match.route);
}

static enum exit_code explain_raw(const struct question *question, const struct snapshot *snapshot,
                                  enum scheme scheme)
{
    const struct port_table *port = table_port(snapshot->table, question->port);
    const struct route *route = port ? port_table_raw(port, scheme, question->from, question->from) : NULL;

    if (!port)
        printf("port %u: no route names it\n", question->port);
    else if (!route)
        printf("port %u: no %s route takes it\n", question->port, scheme_name(scheme));
    else
        printf("route %s://:%u (line %u)\n", scheme_name(scheme), question->port, route->line);
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

static enum exit_code explain(const struct question *question, const struct snapshot *snapshot)
{
    static unsigned char bytes[FIRST_BYTES_MAX];
    struct error error;
    enum exit_code code;
    size_t len;

    if (question->first_bytes) {
        if (read_hex(question->first_bytes, bytes, &len, &error) == 0)
            return explain_bytes(question, snapshot, slice_of(bytes, len));
        fprintf(stderr, "portico: %s\n", error.text);
        return EXIT_USAGE;
    }
    switch (question->scheme) {
    case SCHEME_HTTP:
        return explain_http(question, snapshot);
    case SCHEME_HTTPS:
        code = explain_name(question, snapshot,
                            question->sni ? slice_str(question->sni) : host_name(&question->host));
        return code == EXIT_FINE ? explain_http(question, snapshot) : code;
    case SCHEME_TLS:
    case SCHEME_TCPS:
        return explain_name(question, snapshot,
                            question->sni ? slice_str(question->sni) : host_name(&question->host));
    default:
        return explain_raw(question, snapshot, question->scheme);
    }
}

static bool read_options(int argc, char **argv, struct question *question)
{
    static const struct option OPTIONS[] = {
        {"method", required_argument, NULL, 'm'},      {"header", required_argument, NULL, 'h'},
        {"from", required_argument, NULL, 'f'},        {"sni", required_argument, NULL, 's'},
        {"first-bytes", required_argument, NULL, 'b'}, {0}};
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "c:", OPTIONS, NULL)) != -1) {
        if (option == 'c')
            question->origin.path = optarg;
        else if (option == 'm')
            question->method = optarg;
        else if (option == 's')
            question->sni = optarg;
        else if (option == 'b')
            question->first_bytes = optarg;
        else if (option == 'f' && ip_parse(slice_str(optarg), &question->from))
            continue;
        else if (option == 'h' && question->headers_count < HEADERS_MAX &&
                 slice_find(slice_str(optarg), ':') > 0)
            question->headers[question->headers_count++] = slice_str(optarg);
        else
            return false;
    }
    return optind == argc - 1;
}

enum exit_code command_explain(int argc, char **argv)
{
    struct question question = {.from = {.family = 4, .bytes = {127, 0, 0, 1}}};
    struct snapshot *snapshot;
    struct text said = {0};
    struct error error;
    enum exit_code code;

    if (!read_options(argc, argv, &question))
        return command_usage("explain");
    if (read_url(&question, slice_str(argv[optind]), &error) < 0) {
        fprintf(stderr, "portico: %s\n", error.text);
        return EXIT_USAGE;
    }
    if (load_snapshot(&question.origin, NULL, &said, NULL, &snapshot) < 0) {
        fputs(said.data, stderr);
        text_fini(&said);
        return EXIT_WRONG;
    }
    text_fini(&said);
    code = explain(&question, snapshot);
    snapshot_unref(snapshot);
    return code;
}
