#include "proxy/access_log.h"

#include <time.h>

#include "base/digits.h"

/* "-" where there is nothing, as in the common log format. */
static void add_or_dash(struct text *line, struct slice value)
{
    if (value.len)
        text_add(line, value);
    else
        text_add_char(line, '-');
}

static const bool IS_PLAIN[256] = {[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true};

/* What a client sent cannot end the quotes or the line: \xHH, as Apache and nginx write it. */
static void add_escaped(struct text *line, struct slice value)
{
    static const char HEX[] = "0123456789abcdef";
    size_t done = 0;

    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if (LIKELY(IS_PLAIN[c]))
            continue;
        text_add(line, slice_of(value.data + done, i - done));
        text_add(line, slice_of((char[]){'\\', 'x', HEX[c >> 4], HEX[c & 15]}, 4));
        done = i + 1;
    }
    text_add(line, slice_from(value, done));
}

static void add_quoted(struct text *line, struct slice value)
{
    text_add_char(line, '"');
    if (value.len)
        add_escaped(line, value);
    else
        text_add_char(line, '-');
    text_add_char(line, '"');
}

static void add_id(struct text *line, uint64_t id)
{
    char out[HEX64_LEN];

    digits_write_hex64(id, out);
    text_add(line, slice_of(out, sizeof(out)));
}

static void add_address(struct text *line, const struct address *address)
{
    char text[ADDRESS_TEXT];

    add_or_dash(line, address ? slice_str(address_describe(address, text)) : slice_of(NULL, 0));
}

/* Both stamps are of the same second for thousands of lines: made once a second and thread. */
static struct slice clock_common(int64_t unix_ms)
{
    static _Thread_local int64_t second;
    static _Thread_local char stamp[40];
    static _Thread_local size_t len;
    time_t now = (time_t)(unix_ms / 1000);
    struct tm local;

    if (now != second || len == 0) {
        localtime_r(&now, &local);
        len = strftime(stamp, sizeof(stamp), "%d/%b/%Y:%H:%M:%S %z", &local);
        second = now;
    }
    return slice_of(stamp, len);
}

static struct slice clock_iso(int64_t unix_ms)
{
    static _Thread_local int64_t second;
    static _Thread_local char stamp[40];
    static _Thread_local size_t len;
    time_t now = (time_t)(unix_ms / 1000);
    struct tm utc;

    if (now != second || len == 0) {
        gmtime_r(&now, &utc);
        len = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
        second = now;
    }
    return slice_of(stamp, len);
}

/* How long each phase took; a phase that was not reached took until the end. */
struct spans {
    uint64_t connect, wait, answer, total;
};

static struct spans spans_of(const struct stamps *when)
{
    uint64_t connected = when->connected ? when->connected : when->ended;
    uint64_t answered = when->answered ? when->answered : when->ended;

    return (struct spans){
        .connect = connected - when->started,
        .wait = answered > connected ? answered - connected : 0,
        .answer = when->ended - answered,
        .total = when->ended - when->started,
    };
}

static void add_request_line(struct text *line, const struct access_entry *entry)
{
    text_add_char(line, '"');
    if (!entry->version) {
        text_add(line, slice_str(entry->kind));
    } else {
        add_escaped(line, entry->method);
        text_add_char(line, ' ');
        add_escaped(line, entry->target);
        text_add_literal(line, " HTTP/");
        text_add(line, slice_str(entry->version));
    }
    text_add_char(line, '"');
}

static void add_spans(struct text *line, const struct stamps *when)
{
    struct spans spans = spans_of(when);

    text_add_u64(line, spans.connect);
    text_add_char(line, '/');
    text_add_u64(line, spans.wait);
    text_add_char(line, '/');
    text_add_u64(line, spans.answer);
    text_add_char(line, '/');
    text_add_u64(line, spans.total);
}

/* NCSA combined, then key=value for what it has no place for. */
static void add_combined(struct text *line, const struct access_entry *entry)
{
    char ip[ADDRESS_TEXT];

    text_add(line, slice_str(address_describe_ip(entry->client, ip)));
    text_add_literal(line, " - - [");
    text_add(line, clock_common(entry->unix_ms));
    text_add_literal(line, "] ");
    add_request_line(line, entry);
    text_add_char(line, ' ');
    text_add_u64(line, (uint64_t)entry->status);
    text_add_char(line, ' ');
    text_add_u64(line, entry->bytes_out);
    text_add_char(line, ' ');
    add_quoted(line, entry->referer);
    text_add_char(line, ' ');
    add_quoted(line, entry->user_agent);
    text_add_literal(line, " id=");
    add_id(line, entry->id);
    text_add_literal(line, " kind=");
    text_add(line, slice_str(entry->kind));
    text_add_literal(line, " host=");
    add_quoted(line, entry->version ? entry->host : entry->server_name);
    text_add_literal(line, " route=");
    add_quoted(line, entry->route);
    text_add_literal(line, " backend=");
    add_or_dash(line, entry->backend);
    text_add_literal(line, " client=");
    add_address(line, entry->client);
    text_add_literal(line, " local=");
    add_address(line, entry->local);
    text_add_literal(line, " from=");
    add_address(line, entry->back_local);
    text_add_literal(line, " to=");
    add_address(line, entry->back_remote);
    text_add_literal(line, " in=");
    text_add_u64(line, entry->bytes_in);
    text_add_literal(line, " us=");
    add_spans(line, &entry->when);
    text_add_literal(line, " tries=");
    text_add_u64(line, entry->tries);
    text_add_literal(line, " end=");
    text_add(line, slice_str(fault_row(entry->fault)->token));
    if (entry->detail.len) {
        text_add_literal(line, " detail=");
        add_quoted(line, entry->detail);
    }
    text_add_char(line, '\n');
}

static void json_text(struct text *line, const char *key, struct slice value)
{
    if (value.len == 0)
        return;
    text_printf(line, ",\"%s\":", key);
    text_add_json(line, value);
}

static void json_number(struct text *line, const char *key, uint64_t value)
{
    text_printf(line, ",\"%s\":", key);
    text_add_u64(line, value);
}

static void json_address(struct text *line, const char *key, const struct address *address)
{
    char out[ADDRESS_TEXT];

    if (address)
        json_text(line, key, slice_str(address_describe(address, out)));
}

static void json_request(struct text *line, const struct access_entry *entry)
{
    if (!entry->version)
        return;
    json_text(line, "method", entry->method);
    json_text(line, "target", entry->target);
    json_text(line, "host", entry->host);
    json_text(line, "version", slice_str(entry->version));
    json_number(line, "status", (uint64_t)entry->status);
    json_text(line, "referer", entry->referer);
    json_text(line, "user_agent", entry->user_agent);
}

static void add_json(struct text *line, const struct access_entry *entry)
{
    struct spans spans = spans_of(&entry->when);

    text_add_literal(line, "{\"time\":\"");
    text_add(line, clock_iso(entry->unix_ms));
    text_printf(line, ".%03dZ\",\"id\":\"", (int)(entry->unix_ms % 1000));
    add_id(line, entry->id);
    text_printf(line, "\",\"kind\":\"%s\"", entry->kind);
    json_request(line, entry);
    json_text(line, "server_name", entry->server_name);
    json_text(line, "tls", slice_str(entry->tls_version));
    json_text(line, "route", entry->route);
    json_text(line, "backend", entry->backend);
    json_address(line, "client", entry->client);
    json_address(line, "local", entry->local);
    json_address(line, "from", entry->back_local);
    json_address(line, "to", entry->back_remote);
    json_number(line, "bytes_in", entry->bytes_in);
    json_number(line, "bytes_out", entry->bytes_out);
    json_number(line, "connect_us", spans.connect);
    json_number(line, "wait_us", spans.wait);
    json_number(line, "answer_us", spans.answer);
    json_number(line, "total_us", spans.total);
    json_number(line, "tries", entry->tries);
    text_printf(line, ",\"reused\":%s", entry->is_reused ? "true" : "false");
    json_text(line, "end", slice_str(fault_row(entry->fault)->token));
    json_text(line, "detail", entry->detail);
    text_add_literal(line, "}\n");
}

void access_log_format(struct text *line, const struct access_entry *entry, enum access_format format)
{
    if (format == ACCESS_JSON)
        add_json(line, entry);
    else
        add_combined(line, entry);
}
