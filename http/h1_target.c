#include "http/h1_target.h"

/* Visible ASCII without "#" (a fragment is never sent, RFC 9112 §3.2). Other characters outside of RFC 3986, such as
 * "|" and "{", come from browsers and pass as they are; so does "\" in a query. In front of it "\" is a "/" to some
 * backends. */
static bool chars_are_valid(struct slice target)
{
    unsigned bad = 0;
    bool is_in_query = false;

    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.data[i];

        is_in_query |= c == '?';
        bad |= (unsigned)(c - 0x21) > 0x7e - 0x21 || c == '#' || (c == '\\' && !is_in_query);
    }
    return !bad;
}

/* Behind the name, or the brackets of an IPv6 address, stands nothing, or a colon and digits. */
static bool port_is_plausible(struct slice authority)
{
    bool is_bracketed = authority.data[0] == '[';
    ptrdiff_t end = slice_find(authority, is_bracketed ? ']' : ':');
    struct slice rest;

    if (end < 0)
        return !is_bracketed;
    rest = slice_from(authority, (size_t)end + is_bracketed);
    for (size_t i = 1; i < rest.len; i++) {
        if (rest.data[i] < '0' || rest.data[i] > '9')
            return false;
    }
    return rest.len == 0 || rest.data[0] == ':';
}

bool h1_authority_is_plausible(struct slice authority)
{
    for (size_t i = 0; i < authority.len; i++) {
        unsigned char c = (unsigned char)authority.data[i];

        if (c <= ' ' || c >= 0x7f || c == ',' || c == '@' || c == '/' || c == '\\' || c == '?' || c == '#')
            return false;
    }
    return authority.len > 0 && port_is_plausible(authority);
}

static bool take_scheme(struct slice *rest, struct slice *scheme)
{
    static const size_t lengths[] = {sizeof("http") - 1, sizeof("https") - 1};

    for (size_t i = 0; i < 2; i++) {
        struct slice start = i ? SLICE("https://") : SLICE("http://");

        if (slice_starts_nocase(*rest, start)) {
            *scheme = slice_head(*rest, lengths[i]);
            *rest = slice_from(*rest, start.len);
            return true;
        }
    }
    return false;
}

static const char *split_absolute(struct head *head)
{
    struct slice rest = head->target;
    size_t len = 0;

    if (!take_scheme(&rest, &head->scheme))
        return "target is neither a path nor an http or https URI";
    while (len < rest.len && rest.data[len] != '/' && rest.data[len] != '?')
        len++;
    head->authority = slice_head(rest, len);
    if (!h1_authority_is_plausible(head->authority))
        return "malformed authority in the target";
    rest = slice_from(rest, len);
    /* "http://host?query" would need a "/" that is not there (RFC 9110 §4.2.3); no client sends it. */
    if (rest.len && rest.data[0] == '?')
        return "absolute target without a path";
    if (rest.len == 0) /* RFC 9112 §3.2.1, and §3.2.4 for OPTIONS */
        rest = head->method == METHOD_OPTIONS ? SLICE("*") : SLICE("/");
    head->target = rest;
    return NULL;
}

const char *h1_target_split(struct head *head)
{
    struct slice target = head->target;

    if (!chars_are_valid(target))
        return "forbidden character in the target";
    if (target.len && target.data[0] == '/')
        return NULL;
    if (slice_eq(target, SLICE("*")))
        return head->method == METHOD_OPTIONS ? NULL : "target * without OPTIONS";
    return split_absolute(head);
}
