#include "tls/hello_message.h"

#include "base/ip.h"

enum { EXTENSION_SERVER_NAME = 0, EXTENSION_ALPN = 16, EXTENSION_SUPPORTED_VERSIONS = 43 };
enum { NAME_TYPE_HOST = 0, LABEL_MAX = 63, RANDOM_BYTES = 32, SESSION_ID_MAX = 32, VERSION_TLS13 = 0x0304 };

/* Numbers and vectors of TLS's presentation language (RFC 8446 §3), cut off the front of *rest*. */

static bool take(struct slice *rest, size_t len, struct slice *out)
{
    if (rest->len < len)
        return false;
    *out = slice_head(*rest, len);
    *rest = slice_from(*rest, len);
    return true;
}

static bool take_number(struct slice *rest, size_t width, size_t *out)
{
    struct slice bytes;

    if (!take(rest, width, &bytes))
        return false;
    *out = 0;
    for (size_t i = 0; i < width; i++)
        *out = *out << 8 | (uint8_t)bytes.data[i];
    return true;
}

static bool take_vector(struct slice *rest, size_t width, struct slice *out)
{
    size_t len;

    return take_number(rest, width, &len) && take(rest, len, out);
}

static bool refuse(struct client_hello *hello, enum tls_alert alert)
{
    hello->alert = alert;
    return false;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* Letters, digits, hyphens and, because they are met, underscores; labels of 1 to 63 (RFC 1035 §2.3.4). */
static bool is_host_name(struct slice name)
{
    size_t label_len = 0;

    for (size_t i = 0; i < name.len; i++) {
        if (!is_host_char(name.data[i]))
            return false;
        if (name.data[i] != '.' && ++label_len > LABEL_MAX)
            return false;
        if (name.data[i] == '.' && label_len == 0)
            return false;
        if (name.data[i] == '.')
            label_len = 0;
    }
    return label_len > 0;
}

/* What stands well-formed in the extension but can be nobody's name is answered like a name that nobody has. */
static bool set_name(struct client_hello *hello, struct slice host)
{
    struct ip ip;

    if (host.len == 0)
        return false;
    if (host.data[host.len - 1] == '.')
        host.len--;
    if (ip_parse(host, &ip))
        return true;
    for (size_t i = 0; i < MIN(host.len, (size_t)SNI_MAX); i++)
        hello->name[i] = ascii_lower(host.data[i]);
    hello->name_len = MIN(host.len, (size_t)SNI_MAX);
    hello->name[hello->name_len] = '\0';
    hello->has_name = host.len <= SNI_MAX && is_host_name(slice_of(hello->name, host.len));
    return hello->has_name || refuse(hello, TLS_ALERT_UNRECOGNIZED_NAME);
}

/* One name only: RFC 6066 §3 allows one a type, and no second type was ever made. */
static bool parse_server_name(struct client_hello *hello, struct slice body)
{
    struct slice names, host;
    size_t type;

    return take_vector(&body, 2, &names) && body.len == 0 && take_number(&names, 1, &type) &&
           type == NAME_TYPE_HOST && take_vector(&names, 2, &host) && names.len == 0 && set_name(hello, host);
}

/* RFC 7301 §3.1. */
static bool parse_alpn(struct client_hello *hello, struct slice body)
{
    struct slice protocols, protocol;

    if (!take_vector(&body, 2, &protocols) || body.len || protocols.len == 0)
        return false;
    while (protocols.len) {
        if (!take_vector(&protocols, 1, &protocol) || protocol.len == 0)
            return false;
        hello->offers_h2 |= slice_eq(protocol, SLICE("h2"));
        hello->offers_http1 |= slice_eq(protocol, SLICE("http/1.1"));
    }
    return hello->has_alpn = true;
}

static bool parse_supported_versions(struct client_hello *hello, struct slice body)
{
    struct slice versions;
    size_t version;

    if (!take_vector(&body, 1, &versions) || body.len || versions.len == 0 || versions.len % 2)
        return false;
    while (take_number(&versions, 2, &version))
        hello->offers_tls13 |= version == VERSION_TLS13;
    return true;
}

static const struct extension {
    size_t type;
    bool (*parse)(struct client_hello *hello, struct slice body);
} extensions[] = {
    {EXTENSION_SERVER_NAME, parse_server_name},
    {EXTENSION_ALPN, parse_alpn},
    {EXTENSION_SUPPORTED_VERSIONS, parse_supported_versions},
};

static bool parse_extensions(struct client_hello *hello, struct slice rest)
{
    unsigned met = 0;

    while (rest.len) {
        struct slice body;
        size_t type;

        if (!take_number(&rest, 2, &type) || !take_vector(&rest, 2, &body))
            return false;
        for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
            if (extensions[i].type != type)
                continue;
            /* A second one would be a way to show two readers two names (RFC 8446 §4.2). */
            if (met & 1U << i)
                return refuse(hello, TLS_ALERT_ILLEGAL_PARAMETER);
            if (!extensions[i].parse(hello, body))
                return false;
            met |= 1U << i;
        }
    }
    return true;
}

bool hello_message_parse(struct client_hello *hello, struct slice body)
{
    struct slice random, session_id, suites, compressions, rest;
    size_t version;

    if (!take_number(&body, 2, &version) || version >> 8 != 3 || !take(&body, RANDOM_BYTES, &random) ||
        !take_vector(&body, 1, &session_id) || session_id.len > SESSION_ID_MAX)
        return false;
    if (!take_vector(&body, 2, &suites) || suites.len == 0 || suites.len % 2 ||
        !take_vector(&body, 1, &compressions) || compressions.len == 0)
        return false;
    if (body.len == 0) /* TLS 1.2 without extensions (RFC 5246 §7.4.1.2) */
        return true;
    return take_vector(&body, 2, &rest) && body.len == 0 && parse_extensions(hello, rest);
}
