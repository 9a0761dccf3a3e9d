#include "routing/url_key.h"

#include <stdio.h>

#include "base/ip.h"
#include "base/macro.h"
#include "base/suggest.h"
#include "routing/host.h"
#include "routing/path.h"

static const struct scheme_row {
    const char *name;
    uint16_t default_port; /* 0: must be named */
    bool has_path;
    bool has_name; /* something that arrives says which host is meant */
    bool has_ip;   /* and that may be an address */
} SCHEMES[SCHEME_COUNT] = {
    [SCHEME_HTTP] = {"http", 80, .has_path = true, .has_name = true, .has_ip = true},
    [SCHEME_HTTPS] = {"https", 443, .has_path = true, .has_name = true, .has_ip = true},
    [SCHEME_TLS] = {"tls", 443, .has_name = true},
    [SCHEME_TCPS] = {"tcps", 0, .has_name = true},
    [SCHEME_SSH] = {"ssh", 22},
    [SCHEME_TCP] = {"tcp", 0},
};

const char *scheme_name(enum scheme scheme)
{
    return SCHEMES[scheme].name;
}

uint16_t scheme_default_port(enum scheme scheme)
{
    return SCHEMES[scheme].default_port;
}

/* The key's parts as they were written. */
struct parts {
    enum scheme scheme;
    struct slice host; /* IPv6 without brackets */
    bool is_bracketed, has_port;
    struct slice port, path;
};

static int refuse_scheme(struct slice word, struct error *error)
{
    static const char *const NOT_BUILT[] = {"udp", "quic", NULL};
    static const char *const NAMES[] = {"http", "https", "tls", "tcps", "ssh", "tcp", "udp", "quic", NULL};
    const char *nearest = suggest_nearest(word, NAMES);

    for (size_t i = 0; NOT_BUILT[i]; i++) {
        if (slice_eq_nocase(word, slice_str(NOT_BUILT[i])))
            return error_set(error,
                             "scheme \"%s\" is not built yet: this version routes http, https, tls, tcps, "
                             "ssh and tcp",
                             NOT_BUILT[i]);
    }
    if (nearest)
        return error_set(error, "unknown scheme \"%.*s\"; did you mean \"%s\"?", FMT_SLICE(word), nearest);
    return error_set(error, "unknown scheme \"%.*s\"; expected http, https, tls, tcps, ssh or tcp",
                     FMT_SLICE(word));
}

static int scheme_find(struct slice word, enum scheme *out, struct error *error)
{
    for (int i = 0; i < SCHEME_COUNT; i++) {
        if (slice_eq_nocase(word, slice_str(SCHEMES[i].name))) {
            *out = (enum scheme)i;
            return 0;
        }
    }
    return refuse_scheme(word, error);
}

/* Takes "scheme://" off the front of *rest*. Only before the first slash, so that a path may hold a URL. */
static int cut_scheme(struct slice *rest, enum scheme *out, struct error *error)
{
    ptrdiff_t slash = slice_find(*rest, '/');

    *out = SCHEME_HTTP;
    if (slash < 1 || rest->data[slash - 1] != ':')
        return 0;
    if (!slice_starts(slice_from(*rest, (size_t)slash), SLICE("//")))
        return error_set(error, "expected \"://\" after \"%.*s\"", (int)slash - 1, rest->data);
    if (scheme_find(slice_head(*rest, (size_t)slash - 1), out, error) < 0)
        return -1;
    *rest = slice_from(*rest, (size_t)slash + 2);
    return 0;
}

static int cut_host(struct slice authority, struct parts *parts, struct error *error)
{
    ptrdiff_t end = slice_find(authority, authority.len && authority.data[0] == '[' ? ']' : ':');
    struct slice rest;

    parts->is_bracketed = authority.len && authority.data[0] == '[';
    if (parts->is_bracketed) {
        if (end < 0)
            return error_set(error, "the \"[\" of an IPv6 address is never closed; expected \"]\"");
        parts->host = slice_of(authority.data + 1, (size_t)end - 1);
        rest = slice_from(authority, (size_t)end + 1);
        if (rest.len && rest.data[0] != ':')
            return error_set(error, "expected \":PORT\" or nothing after \"]\", not \"%.*s\"",
                             FMT_SLICE(rest));
    } else {
        parts->host = end < 0 ? authority : slice_head(authority, (size_t)end);
        rest = slice_from(authority, parts->host.len);
    }
    parts->has_port = rest.len > 0;
    parts->port = parts->has_port ? slice_from(rest, 1) : rest;
    if (slice_find(parts->port, ':') >= 0)
        return error_set(error,
                         "two colons in \"%.*s\": an IPv6 address stands in brackets, as in [::1]:8080",
                         FMT_SLICE(authority));
    return 0;
}

static int split(struct slice text, struct parts *parts, struct error *error)
{
    struct slice rest = text, authority;
    ptrdiff_t slash;

    if (cut_scheme(&rest, &parts->scheme, error) < 0)
        return -1;
    if (slice_find(rest, '?') >= 0)
        return error_set(error, "a key has no query (\"?\"): put it under `when: {query: …}`");
    if (slice_find(rest, '#') >= 0)
        return error_set(error, "a key has no fragment (\"#\"): browsers never send it");
    slash = slice_find(rest, '/');
    authority = slash < 0 ? rest : slice_head(rest, (size_t)slash);
    parts->path = slash < 0 ? SLICE("") : slice_from(rest, (size_t)slash);
    if (slice_find(authority, '@') >= 0)
        return error_set(error, "a key has no user (\"@\"): routes are for all users of a host");
    return cut_host(authority, parts, error);
}

static int parse_port(const struct parts *parts, uint16_t *out, struct error *error)
{
    const struct scheme_row *scheme = &SCHEMES[parts->scheme];
    uint64_t port = scheme->default_port;

    if (!parts->has_port) {
        if (!port)
            return error_set(error, "%s has no default port: name one, as in %s://%.*s:5432", scheme->name,
                             scheme->name, FMT_SLICE(parts->host));
    } else if (parts->port.len == 0) {
        return error_set(error, "no port after \":\"; expected 1 to 65535, or no colon");
    } else if (!slice_to_u64(parts->port, UINT16_MAX, &port)) {
        return error_set(error, "port \"%.*s\" is none; expected 1 to 65535", FMT_SLICE(parts->port));
    } else if (port == 0) {
        return error_set(error, "port 0 would mean any free port, which no client could know; "
                                "expected 1 to 65535");
    }
    *out = (uint16_t)port;
    return 0;
}

/* Says what is wrong with a host that host_parse() does not take. */
static int refuse_host(struct slice host, struct error *error)
{
    size_t label = 0;

    if (host.len && host.data[host.len - 1] == '.')
        host.len--;
    for (size_t i = 0; i <= host.len; i++) {
        char c = i < host.len ? ascii_lower(host.data[i]) : '.';

        if ((unsigned char)c >= 0x80)
            return error_set(error,
                             "host \"%.*s\" is not ASCII: write its A-label (xn--…), as DNS and TLS do",
                             FMT_SLICE(host));
        if (c == '*')
            return error_set(error,
                             "host \"%.*s\": a wildcard is \"*.\" and a name, and takes one or more "
                             "labels; for any host leave it empty",
                             FMT_SLICE(host));
        if (c == '.' && i == label)
            return error_set(error, "host \"%.*s\" has an empty label (two dots, or a dot in front)",
                             FMT_SLICE(host));
        if (c == '.' && i - label > 63)
            return error_set(error, "host label \"%.*s\" is longer than 63 bytes", (int)(i - label),
                             host.data + label);
        if (c == '.')
            label = i + 1;
        else if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return error_set(error,
                             "host \"%.*s\": \"%c\" is not in any name; expected letters, digits, \"-\" "
                             "and dots",
                             FMT_SLICE(host), c);
    }
    if (host.len > HOST_MAX)
        return error_set(error, "the host is longer than %d bytes", HOST_MAX);
    return error_set(error, "host \"%.*s\" ends in a number but is no IPv4 address", FMT_SLICE(host));
}

static int parse_name(const struct parts *parts, struct slice name, struct host *host, struct error *error)
{
    struct ip ip;

    if (parts->is_bracketed) {
        if (slice_find(name, ':') < 0 || !ip_parse(name, &ip))
            return error_set(error, "\"[%.*s]\" is no IPv6 address", FMT_SLICE(name));
        ip_describe(ip, host->text);
        host->len = strlen(host->text);
        host->is_ip = true;
        return 0;
    }
    return host_parse(name, host) ? 0 : refuse_host(name, error);
}

/* Does the host make sense for what arrives under that scheme? */
static int check_host(const struct parts *parts, bool is_ip, struct error *error)
{
    const struct scheme_row *scheme = &SCHEMES[parts->scheme];

    if (!scheme->has_name && is_ip)
        return error_set(error,
                         "%s carries no host: write %s://:PORT, and to open the port on one address only "
                         "`listen: {PORT: {bind: [%.*s]}}`",
                         scheme->name, scheme->name, FMT_SLICE(parts->host));
    if (!scheme->has_name)
        return error_set(error, "%s carries no host name, so none can be routed by: write %s://:PORT",
                         scheme->name, scheme->name);
    if (is_ip && !scheme->has_ip)
        return error_set(error,
                         "a ClientHello names hosts, never addresses (RFC 6066 §3): write a name, or "
                         "%s://:PORT for any",
                         scheme->name);
    return 0;
}

static int parse_host(const struct parts *parts, struct arena *arena, struct url_key *key,
                      struct error *error)
{
    struct host host = {0};
    struct slice name = parts->host;

    key->host_kind = HOST_ANY;
    if (name.len == 0 && !parts->is_bracketed)
        return 0;
    key->host_kind = HOST_EXACT;
    if (!parts->is_bracketed && slice_starts(name, SLICE("*."))) {
        key->host_kind = HOST_WILDCARD;
        name = slice_from(name, 2);
    }
    if (parse_name(parts, name, &host, error) < 0)
        return -1;
    if (key->host_kind == HOST_WILDCARD && host.is_ip)
        return error_set(error, "\"*.\" stands before a name, not before an address");
    if (check_host(parts, host.is_ip, error) < 0)
        return -1;
    key->host = arena_copy(arena, host_name(&host));
    return 0;
}

static bool has_empty_segment(struct slice path)
{
    for (size_t i = 1; i < path.len; i++) {
        if (path.data[i] == '/' && path.data[i - 1] == '/')
            return true;
    }
    return false;
}

static int refuse_path(struct slice path, struct error *error)
{
    for (size_t i = 0; i < path.len; i++) {
        if ((unsigned char)path.data[i] >= 0x80)
            return error_set(error, "path \"%.*s\" is not ASCII: percent-encode it, as browsers do",
                             FMT_SLICE(path));
    }
    if (slice_find(path, '\\') >= 0)
        return error_set(error, "path \"%.*s\" has a backslash; expected \"/\"", FMT_SLICE(path));
    return error_set(error, "path \"%.*s\" has a \"%%\" without two hexadecimal digits", FMT_SLICE(path));
}

static int parse_path(const struct parts *parts, struct arena *arena, struct url_key *key,
                      struct error *error)
{
    bool is_root = parts->path.len == 0 || slice_eq(parts->path, SLICE("/"));
    unsigned readings;
    ptrdiff_t len;
    char *normal;

    if (is_root)
        return 0;
    if (!SCHEMES[parts->scheme].has_path)
        return error_set(error, "%s has no path; \"%.*s\" must go", scheme_name(parts->scheme),
                         FMT_SLICE(parts->path));
    if (slice_ends(parts->path, SLICE("/*")))
        return error_set(error, "a path takes all below it: leave out the \"*\"");
    if (has_empty_segment(parts->path))
        return error_set(error, "path \"%.*s\" has an empty segment (\"//\")", FMT_SLICE(parts->path));
    normal = arena_alloc(arena, parts->path.len);
    len = path_normalise(parts->path, normal);
    if (len < 0)
        return refuse_path(parts->path, error);
    readings = path_readings(slice_of(normal, (size_t)len));
    if (readings & (PATH_CUT | PATH_CUT_NUL))
        return error_set(error,
                         "path \"%.*s\" has a \";\" or %%00, at which some end a segment and some do not",
                         FMT_SLICE(parts->path));
    if (readings & (PATH_SLASHES | PATH_BACKSLASHES))
        return error_set(error,
                         "path \"%.*s\" has an encoded slash, which some read as a slash and some do not",
                         FMT_SLICE(parts->path));
    if (normal[len - 1] == '/')
        len--;
    key->path = slice_of(normal, (size_t)len);
    return 0;
}

int url_key_parse(struct slice text, struct arena *arena, struct url_key *out, struct error *error)
{
    struct url_key key = {0};
    struct parts parts = {0};

    if (text.len == 0)
        return error_set(error, "expected a URL such as https://www.example.com or ssh://:22");
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f)
            return error_set(error, "a blank or control character is in the key");
    }
    if (split(text, &parts, error) < 0 || parse_port(&parts, &key.port, error) < 0 ||
        parse_host(&parts, arena, &key, error) < 0 || parse_path(&parts, arena, &key, error) < 0)
        return -1;
    key.scheme = parts.scheme;
    *out = key;
    return 0;
}

static struct slice slice_if(bool is_there, const char *text)
{
    return slice_str(is_there ? text : "");
}

/* A reload describes all of two tables. */
struct slice url_key_describe(const struct url_key *key, struct arena *arena)
{
    const struct scheme_row *scheme = &SCHEMES[key->scheme];
    const bool is_ipv6 = slice_find(key->host, ':') >= 0;
    char port[8] = "";

    if (key->port != scheme->default_port || key->host_kind == HOST_ANY)
        snprintf(port, sizeof(port), ":%u", key->port);
    const struct slice parts[] = {
        slice_str(scheme->name), SLICE("://"), slice_if(key->host_kind == HOST_WILDCARD, "*."),
        slice_if(is_ipv6, "["),  key->host,    slice_if(is_ipv6, "]"),
        slice_str(port),         key->path,    slice_if(scheme->has_path, "/"),
    };
    return arena_join(arena, parts, ARRAY_LEN(parts));
}
