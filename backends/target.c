#include "backends/target.h"

#include "base/macro.h"
#include "base/suggest.h"

enum { NAME_MAX_BYTES = 253, LABEL_MAX_BYTES = 63 };

/* sockaddr_un.sun_path with its NUL, on Linux. */
enum { UNIX_PATH_MAX_BYTES = 107 };

static const struct scheme {
    const char *name;
    enum target_protocol protocol;
    bool is_tls;
} SCHEMES[] = {{"http", TARGET_H1, false},
               {"https", TARGET_H1, true},
               {"h2", TARGET_H2, true},
               {"h2c", TARGET_H2, false}};

static int refuse_scheme(struct slice scheme, struct error *error)
{
    const char *names[ARRAY_LEN(SCHEMES) + 1] = {NULL};
    const char *nearest;

    if (slice_eq_nocase(scheme, SLICE("srv")))
        return error_set(error, "SRV records are named without slashes; expected srv:_http._tcp.app");
    for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++)
        names[i] = SCHEMES[i].name;
    nearest = suggest_nearest(scheme, names);
    if (nearest)
        return error_set(error, "a target has no scheme \"%.*s\"; did you mean \"%s\"?", FMT_SLICE(scheme),
                         nearest);
    return error_set(error, "a target has no scheme \"%.*s\"; expected http://, https://, h2c:// or h2://",
                     FMT_SLICE(scheme));
}

static const struct scheme *find_scheme(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++) {
        if (slice_eq_nocase(name, slice_str(SCHEMES[i].name)))
            return &SCHEMES[i];
    }
    return NULL;
}

/* Takes http:// and its like off the front. @param has_scheme  whether one stood there */
static int cut_scheme(struct slice *rest, bool *has_scheme, struct target *target, struct error *error)
{
    ptrdiff_t slash = slice_find(*rest, '/');
    const struct scheme *scheme;
    struct slice name;

    *has_scheme = slash > 0 && rest->data[slash - 1] == ':' &&
                  slice_starts(slice_from(*rest, (size_t)slash), SLICE("//"));
    if (!*has_scheme)
        return 0;
    name = slice_head(*rest, (size_t)slash - 1);
    scheme = find_scheme(name);
    if (!scheme)
        return refuse_scheme(name, error);
    target->protocol = scheme->protocol;
    target->is_tls = scheme->is_tls;
    *rest = slice_from(*rest, (size_t)slash + 2);
    return 0;
}

struct slice target_scheme(const struct target *target)
{
    if (target->protocol == TARGET_H2)
        return target->is_tls ? SLICE("h2://") : SLICE("h2c://");
    return target->is_tls ? SLICE("https://") : SLICE("");
}

static int parse_unix(struct slice path, struct arena *arena, struct target *target, struct error *error)
{
    if (path.len == 0 || path.data[0] != '/')
        return error_set(error, "unix:%.*s is not an absolute path; expected unix:/run/app.sock",
                         FMT_SLICE(path));
    if (path.len > UNIX_PATH_MAX_BYTES)
        return error_set(error, "the path of a unix socket has at most %d bytes; this one has %zu",
                         UNIX_PATH_MAX_BYTES, path.len);
    if (path.data[path.len - 1] == '/')
        return error_set(error, "unix:%.*s is a directory, not a socket", FMT_SLICE(path));
    target->kind = TARGET_UNIX;
    target->name = arena_copy(arena, path);
    return 0;
}

static int parse_port(struct slice digits, uint16_t *out, struct error *error)
{
    uint64_t port;

    if (!slice_to_u64(digits, UINT16_MAX, &port))
        return error_set(error, "port \"%.*s\" is none; expected 1 to 65535", FMT_SLICE(digits));
    if (port == 0)
        return error_set(error, "nothing can be reached on port 0; expected 1 to 65535");
    *out = (uint16_t)port;
    return 0;
}

static bool is_name_char(char c)
{
    c = ascii_lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* A name as DNS or a container's resolver knows them. */
static int check_name(struct slice name, struct error *error)
{
    size_t label = 0;

    if (name.len == 0)
        return error_set(error, "a target needs a host in front of the port");
    if (name.len > NAME_MAX_BYTES)
        return error_set(error, "the host is longer than %d bytes", NAME_MAX_BYTES);
    for (size_t i = 0; i <= name.len; i++) {
        char c = i < name.len ? name.data[i] : '.';

        if ((unsigned char)c >= 0x80)
            return error_set(error, "host \"%.*s\" is not ASCII: write its A-label (xn--…), as DNS does",
                             FMT_SLICE(name));
        if (c != '.' && !is_name_char(c))
            return error_set(error, "host \"%.*s\": \"%c\" is not in any name", FMT_SLICE(name), c);
        if (c == '.' && (i == label || i - label > LABEL_MAX_BYTES))
            return error_set(error, "host \"%.*s\" has a label that is empty or longer than %d bytes",
                             FMT_SLICE(name), LABEL_MAX_BYTES);
        if (c == '.')
            label = i + 1;
    }
    return 0;
}

/* What ends in a number would be an address, but is none: 10.0.0.300, and 127.1, which resolvers may take. */
static bool ends_in_number(struct slice name)
{
    size_t at = name.len;

    while (at && name.data[at - 1] >= '0' && name.data[at - 1] <= '9')
        at--;
    return at < name.len && (at == 0 || name.data[at - 1] == '.');
}

static struct slice copy_lower(struct slice text, struct arena *arena)
{
    char *copy = arena_alloc(arena, text.len + 1);

    for (size_t i = 0; i < text.len; i++)
        copy[i] = ascii_lower(text.data[i]);
    copy[text.len] = '\0';
    return slice_of(copy, text.len);
}

static struct slice without_last_dot(struct slice name)
{
    return slice_ends(name, SLICE(".")) ? slice_head(name, name.len - 1) : name;
}

/* Hosts of these names would read as something else: a dot behind them says that they are hosts, and nothing more. */
static bool reads_as_prefix(struct slice name)
{
    return slice_eq(name, SLICE("srv")) || slice_eq(name, SLICE("unix"));
}

/* @param written  checked already, with its last dot if it has one */
static void take_names(struct slice written, struct arena *arena, struct target *target)
{
    target->name = copy_lower(without_last_dot(written), arena);
    target->dns_name = reads_as_prefix(target->name) ? target->name : copy_lower(written, arena);
}

static int parse_host(struct slice host, struct arena *arena, struct target *target, struct error *error)
{
    if (slice_find(host, ':') < 0 && ip_parse(host, &target->ip)) {
        target->kind = TARGET_IP;
        return 0;
    }
    if (check_name(without_last_dot(host), error) < 0)
        return -1;
    if (ends_in_number(without_last_dot(host)))
        return error_set(error, "host \"%.*s\" ends in a number but is no IPv4 address", FMT_SLICE(host));
    target->kind = TARGET_NAME;
    take_names(host, arena, target);
    return 0;
}

static int parse_bracketed(struct slice inside, struct target *target, struct error *error)
{
    if (slice_find(inside, ':') < 0 || !ip_parse(inside, &target->ip))
        return error_set(error, "\"[%.*s]\" is no IPv6 address", FMT_SLICE(inside));
    target->kind = TARGET_IP;
    return 0;
}

/* Cuts "host:port"; a port of its own, with or without a colon, is on this machine. */
static int split(struct slice text, struct slice *host, struct slice *port, struct error *error)
{
    bool is_bracketed = text.len && text.data[0] == '[';
    ptrdiff_t end = slice_find(text, is_bracketed ? ']' : ':');
    uint64_t number;

    if (is_bracketed && end < 0)
        return error_set(error, "the \"[\" of an IPv6 address is never closed; expected \"]\"");
    if (end < 0 && slice_to_u64(text, UINT64_MAX, &number)) {
        *host = SLICE("127.0.0.1");
        *port = text;
        return 0;
    }
    *host = slice_head(text, end < 0 ? text.len : (size_t)end + is_bracketed);
    *port = slice_from(text, host->len);
    if (port->len && port->data[0] != ':')
        return error_set(error, "expected \":PORT\" after \"]\", not \"%.*s\"", FMT_SLICE(*port));
    if (port->len && slice_find(slice_from(*port, 1), ':') >= 0)
        return error_set(error,
                         "two colons in \"%.*s\": an IPv6 address stands in brackets, as in [::1]:8080",
                         FMT_SLICE(text));
    if (port->len == 1)
        return error_set(error, "no port after \":\" in \"%.*s\"; expected 1 to 65535", FMT_SLICE(text));
    if (host->len == 0 && port->len)
        *host = SLICE("127.0.0.1");
    if (port->len)
        *port = slice_from(*port, 1);
    return 0;
}

static int parse_authority(struct slice text, bool has_scheme, struct arena *arena, struct target *target,
                           struct error *error)
{
    struct slice host = {0}, port = {0};

    if (split(text, &host, &port, error) < 0)
        return -1;
    if (host.len && host.data[0] == '[') {
        if (parse_bracketed(slice_of(host.data + 1, host.len - 2), target, error) < 0)
            return -1;
    } else if (parse_host(host, arena, target, error) < 0) {
        return -1;
    }
    if (port.len)
        return parse_port(port, &target->port, error);
    if (!has_scheme)
        return error_set(error, "target \"%.*s\" has no port; expected %.*s:8080, or http://%.*s for port 80",
                         FMT_SLICE(text), FMT_SLICE(text), FMT_SLICE(text));
    target->port = target_usual_port(target);
    return 0;
}

/* host:port and nothing more but a slash. */
static int parse_address(struct slice text, bool has_scheme, struct arena *arena, struct target *target,
                         struct error *error)
{
    ptrdiff_t slash;

    if (slice_find(text, '@') >= 0)
        return error_set(error,
                         "a target has no user (\"@\"): set a request header, if the backend wants one");
    if (slice_find(text, '?') >= 0 || slice_find(text, '#') >= 0)
        return error_set(error, "a target has no query and no fragment; expected host:port");
    slash = slice_find(text, '/');
    if (slash >= 0 && (size_t)slash + 1 < text.len)
        return error_set(error,
                         "a target has no path; for another path at the backend use `rewrite_path: %.*s`",
                         FMT_SLICE(slice_from(text, (size_t)slash)));
    return parse_authority(slash < 0 ? text : slice_head(text, (size_t)slash), has_scheme, arena, target,
                           error);
}

static struct slice describe(const struct target *target, struct arena *arena)
{
    const char *scheme = target_scheme(target).data;
    char ip[IP_TEXT];

    if (target->kind == TARGET_UNIX)
        return arena_printf(arena, "%sunix:%.*s", scheme, FMT_SLICE(target->name));
    if (target->kind == TARGET_SRV)
        return arena_printf(arena, "%ssrv:%.*s", scheme, FMT_SLICE(target->dns_name));
    if (target->kind == TARGET_NAME)
        return arena_printf(arena, "%s%.*s%s:%u", scheme, FMT_SLICE(target->dns_name),
                            reads_as_prefix(target->name) ? "." : "", target->port);
    ip_describe(target->ip, ip);
    return arena_printf(arena, target->ip.family == 6 ? "%s[%s]:%u" : "%s%s:%u", scheme, ip, target->port);
}

/* "_service._proto." and something behind it (RFC 2782). */
static bool has_service_labels(struct slice name)
{
    for (int label = 0; label < 2; label++) {
        ptrdiff_t dot = slice_find(name, '.');

        if (dot < 2 || name.data[0] != '_')
            return false;
        name = slice_from(name, (size_t)dot + 1);
    }
    return name.len > 0 && name.data[0] != '_';
}

static int parse_srv(struct slice name, struct arena *arena, struct target *target, struct error *error)
{
    uint64_t port;

    if (slice_ends(name, SLICE("/")))
        name = slice_head(name, name.len - 1);
    if (slice_to_u64(name, UINT64_MAX, &port))
        return error_set(error,
                         "srv: stands in front of a name of SRV records, such as srv:_http._tcp.app; a host "
                         "named srv is written srv.:%.*s",
                         FMT_SLICE(name));
    if (slice_find(name, ':') >= 0)
        return error_set(error, "SRV records say the port themselves: leave out \"%.*s\"",
                         FMT_SLICE(slice_from(name, (size_t)slice_find(name, ':'))));
    if (check_name(without_last_dot(name), error) < 0)
        return -1;
    if (!has_service_labels(without_last_dot(name)))
        return error_set(
            error, "names no SRV records; expected srv:_SERVICE._PROTO.NAME, such as srv:_http._tcp.app");
    target->kind = TARGET_SRV;
    take_names(name, arena, target);
    return 0;
}

static int parse_rest(struct slice rest, bool has_scheme, struct arena *arena, struct target *target,
                      struct error *error)
{
    static const struct slice UNIX = {"unix:", 5}, SRV = {"srv:", 4};

    if (slice_starts(rest, SLICE("@")))
        return error_set(error,
                         has_scheme
                             ? "http:// and its like stand in front of a pool's targets, not of \"%.*s\""
                             : "the pool \"%.*s\" is no target",
                         FMT_SLICE(rest));
    if (slice_starts_nocase(rest, UNIX))
        return parse_unix(slice_from(rest, UNIX.len), arena, target, error);
    if (slice_starts_nocase(rest, SRV))
        return parse_srv(slice_from(rest, SRV.len), arena, target, error);
    return parse_address(rest, has_scheme, arena, target, error);
}

int target_parse(struct slice text, struct arena *arena, struct target *out, struct error *error)
{
    struct target target = {0};
    struct slice rest = text;
    bool has_scheme;

    if (text.len == 0)
        return error_set(error, "expected a target such as 8080, app:8080 or unix:/run/app.sock");
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f)
            return error_set(error, "a blank or control character is in the target");
    }
    if (cut_scheme(&rest, &has_scheme, &target, error) < 0 ||
        parse_rest(rest, has_scheme, arena, &target, error) < 0)
        return -1;
    target.text = describe(&target, arena);
    *out = target;
    return 0;
}
