#include "http/head.h"

#include <llhttp.h>

#include "base/macro.h"

/* Room for the fields that a proxy adds to a copied head. */
enum { SPARE_FIELDS = 8 };

#define TEXT_OF(x)  TEXT_OF_(x)
#define TEXT_OF_(x) #x

const char *http_library_version(void)
{
    return TEXT_OF(LLHTTP_VERSION_MAJOR) "." TEXT_OF(LLHTTP_VERSION_MINOR) "." TEXT_OF(LLHTTP_VERSION_PATCH);
}

/* A head's bytes and their copy. */
struct move {
    struct slice from;
    const char *to;
    struct arena *arena;
};

static inline struct slice moved(const struct move *move, struct slice s)
{
    uintptr_t offset = (uintptr_t)s.data - (uintptr_t)move->from.data;

    if (s.len == 0)
        return (struct slice){0};
    if (LIKELY(offset < move->from.len && s.len <= move->from.len - offset))
        return slice_of(move->to + offset, s.len);
    return arena_copy(move->arena, s);
}

void head_copy(struct head *to, const struct head *from, struct arena *arena)
{
    struct move move = {.from = from->bytes, .to = NULL, .arena = arena};
    size_t count = from->fields.count, cap = count + SPARE_FIELDS;
    struct field *items = arena_alloc(arena, cap * sizeof(*items));

    if (from->bytes.len)
        move.to = arena_copy(arena, from->bytes).data;
    *to = *from;
    to->bytes = slice_of(move.to, from->bytes.len);
    to->method_text = moved(&move, from->method_text);
    to->target = moved(&move, from->target);
    to->authority = moved(&move, from->authority);
    to->scheme = moved(&move, from->scheme);
    to->reason = moved(&move, from->reason);
    to->protocol = moved(&move, from->protocol);
    for (size_t i = 0; i < count; i++) {
        const struct field *field = &from->fields.items[i];

        items[i] = (struct field){
            .name = moved(&move, field->name), .value = moved(&move, field->value), .id = field->id};
    }
    to->fields = (struct fields){.items = items, .count = count, .cap = cap};
}

static const struct slice method_names[] = {
    [METHOD_OTHER] = {"", 0},          [METHOD_GET] = {"GET", 3},     [METHOD_HEAD] = {"HEAD", 4},
    [METHOD_POST] = {"POST", 4},       [METHOD_PUT] = {"PUT", 3},     [METHOD_DELETE] = {"DELETE", 6},
    [METHOD_OPTIONS] = {"OPTIONS", 7}, [METHOD_TRACE] = {"TRACE", 5}, [METHOD_CONNECT] = {"CONNECT", 7},
    [METHOD_PATCH] = {"PATCH", 5},
};

enum method method_of(struct slice text)
{
    for (unsigned method = METHOD_GET; method < ARRAY_LEN(method_names); method++) {
        if (slice_eq(text, method_names[method]))
            return (enum method)method;
    }
    return METHOD_OTHER;
}

bool method_name_is_known(struct slice name)
{
#define METHOD(number, name, text) {#text, sizeof(#text) - 1},
    static const struct slice known[] = {HTTP_METHOD_MAP(METHOD) METHOD(34, PRI, PRI)};
#undef METHOD

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (slice_eq(name, known[i]))
            return true;
    }
    return false;
}

bool method_is_idempotent(enum method method)
{
    return method == METHOD_GET || method == METHOD_HEAD || method == METHOD_PUT || method == METHOD_DELETE ||
           method == METHOD_OPTIONS || method == METHOD_TRACE;
}

/* IANA's registry of status codes. */
static const char *const phrases[600] = {
    [100] = "Continue",
    [101] = "Switching Protocols",
    [102] = "Processing",
    [103] = "Early Hints",
    [200] = "OK",
    [201] = "Created",
    [202] = "Accepted",
    [203] = "Non-Authoritative Information",
    [204] = "No Content",
    [205] = "Reset Content",
    [206] = "Partial Content",
    [207] = "Multi-Status",
    [208] = "Already Reported",
    [226] = "IM Used",
    [300] = "Multiple Choices",
    [301] = "Moved Permanently",
    [302] = "Found",
    [303] = "See Other",
    [304] = "Not Modified",
    [305] = "Use Proxy",
    [307] = "Temporary Redirect",
    [308] = "Permanent Redirect",
    [400] = "Bad Request",
    [401] = "Unauthorized",
    [402] = "Payment Required",
    [403] = "Forbidden",
    [404] = "Not Found",
    [405] = "Method Not Allowed",
    [406] = "Not Acceptable",
    [407] = "Proxy Authentication Required",
    [408] = "Request Timeout",
    [409] = "Conflict",
    [410] = "Gone",
    [411] = "Length Required",
    [412] = "Precondition Failed",
    [413] = "Content Too Large",
    [414] = "URI Too Long",
    [415] = "Unsupported Media Type",
    [416] = "Range Not Satisfiable",
    [417] = "Expectation Failed",
    [421] = "Misdirected Request",
    [422] = "Unprocessable Content",
    [423] = "Locked",
    [424] = "Failed Dependency",
    [425] = "Too Early",
    [426] = "Upgrade Required",
    [428] = "Precondition Required",
    [429] = "Too Many Requests",
    [431] = "Request Header Fields Too Large",
    [451] = "Unavailable For Legal Reasons",
    [500] = "Internal Server Error",
    [501] = "Not Implemented",
    [502] = "Bad Gateway",
    [503] = "Service Unavailable",
    [504] = "Gateway Timeout",
    [505] = "HTTP Version Not Supported",
    [506] = "Variant Also Negotiates",
    [507] = "Insufficient Storage",
    [508] = "Loop Detected",
    [511] = "Network Authentication Required",
};

const char *head_version(const struct head *head)
{
    return head->major > 1 ? "2.0" : head->minor ? "1.1" : "1.0";
}

const char *status_phrase(int status)
{
    const char *phrase = status >= 0 && status < (int)ARRAY_LEN(phrases) ? phrases[status] : NULL;

    return phrase ? phrase : "";
}
