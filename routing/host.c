#include "routing/host.h"

#include "base/ip.h"

enum { LABEL_MAX = 63 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

static bool parse_port(struct slice digits, struct host *out)
{
    uint64_t port;

    if (digits.len > 5 || !slice_to_u64(digits, UINT16_MAX, &port) || port == 0)
        return false;
    out->has_port = true;
    out->port = (uint16_t)port;
    return true;
}

static void set_ip(struct host *out, struct ip ip)
{
    char text[IP_TEXT];

    ip_describe(ip, text);
    out->len = strlen(text);
    memcpy(out->text, text, out->len);
    out->is_ip = true;
}

/* [IPv6], and nothing but a port behind it. */
static bool parse_bracketed(struct slice authority, struct host *out)
{
    ptrdiff_t end = slice_find(authority, ']');
    struct slice inside, rest;
    struct ip ip;

    if (end < 0)
        return false;
    inside = slice_of(authority.data + 1, (size_t)end - 1);
    rest = slice_from(authority, (size_t)end + 1);
    if (slice_find(inside, ':') < 0 || !ip_parse(inside, &ip))
        return false;
    set_ip(out, ip);
    return rest.len == 0 || (rest.data[0] == ':' && parse_port(slice_from(rest, 1), out));
}

/* A label of digits, or hexadecimal after 0x, is what inet_aton() would take for a number. */
static bool is_number(struct slice label)
{
    bool is_hex = label.len >= 2 && label.data[0] == '0' && label.data[1] == 'x';

    for (size_t i = is_hex ? 2 : 0; i < label.len; i++) {
        char c = label.data[i];

        if (!is_digit(c) && !(is_hex && c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

/* Copies the name in lower case. @return false for a character or label that no name has */
static bool copy_name(struct slice name, struct host *out, size_t *last_label)
{
    size_t label = 0;

    if (name.len && name.data[name.len - 1] == '.')
        name.len--;
    if (name.len == 0 || name.len > HOST_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.data[i]);

        out->text[i] = c;
        if (c == '.') {
            if (i == label)
                return false;
            label = i + 1;
        } else if (!is_name_char(c) || i - label >= LABEL_MAX) {
            return false;
        }
    }
    out->len = name.len;
    *last_label = label;
    return label < name.len;
}

bool host_parse(struct slice authority, struct host *out)
{
    ptrdiff_t colon;
    size_t last_label;
    struct ip ip;

    out->is_ip = out->has_port = false;
    out->port = 0;
    if (authority.len && authority.data[0] == '[') {
        if (!parse_bracketed(authority, out))
            return false;
    } else {
        colon = slice_find(authority, ':');
        if (colon >= 0 && !parse_port(slice_from(authority, (size_t)colon + 1), out))
            return false;
        if (!copy_name(colon >= 0 ? slice_head(authority, (size_t)colon) : authority, out, &last_label))
            return false;
        if (is_number(slice_from(host_name(out), last_label))) {
            if (!ip_parse(host_name(out), &ip))
                return false;
            set_ip(out, ip);
        }
    }
    out->text[out->len] = '\0';
    return true;
}
