#include "http/h1_parser.h"

#include <llhttp.h>

#include "base/macro.h"
#include "http/h1_rules.h"

/* Happy path:  empty lines are skipped → llhttp walks the head, callbacks note where things lie → the layout
 * of each line is checked by position → h1_rules says what the fields mean.
 *
 * On failure:  the first mistake in the order of the bytes decides, so that every way to cut them gives the
 *              same fault. */

/* RFC 9112 §2.2: a server should ignore an empty line before the request line; some clients send one behind a
 * POST. */
enum { EMPTY_LINES_MAX = 2 };

/* That llhttp knows: UNSUBSCRIBE. */
enum { LONGEST_METHOD = 11 };

/* Of one that we do not know; what is longer is taken for no method. */
enum { METHOD_BYTES_MAX = 32 };

struct walk {
    struct h1_parse *parse;
    const struct h1_parse_limits *limits;
    const char *begin; /* of the request or status line */
    const char *end;   /* of the bytes that are there */
    const char *line;  /* where the next line must begin; NULL: not known before the value was seen */
    struct field *field;
    bool is_request, has_version, is_complete;
};

static int refuse(struct walk *walk, enum fault fault, const char *detail)
{
    walk->parse->fault = walk->is_request ? fault : FAULT_BACK_BAD_ANSWER;
    walk->parse->detail = detail;
    return HPE_USER;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct walk *walk = parser->data;
    struct head *head = &walk->parse->head;

    if (len > walk->limits->target_bytes)
        return refuse(walk, FAULT_TARGET_TOO_LONG, "target over the limit");
    if (at + len == walk->end)
        return 0; /* maybe half a target: judged as in a head that comes whole, when its end is there */
    head->method_text = slice_of(walk->begin, (size_t)(at - walk->begin) - 1);
    head->method = method_of(head->method_text);
    if (slice_find(head->method_text, ' ') >= 0)
        return refuse(walk, FAULT_BAD_REQUEST, "more than one blank behind the method");
    head->target = slice_of(at, len);
    return 0;
}

static int on_reason(llhttp_t *parser, const char *at, size_t len)
{
    struct walk *walk = parser->data;

    walk->parse->head.reason = slice_of(at, len);
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* llhttp takes RTSP/ and ICE/, and any number of blanks in front. */
static bool version_is_in_place(const struct walk *walk, const char *at)
{
    const struct slice target = walk->parse->head.target;

    if (walk->is_request)
        return memcmp(at - 6, " HTTP/", 6) == 0 && target.data + target.len == at - 6;
    return at - walk->begin == 5;
}

static int on_version(llhttp_t *parser, const char *at, size_t len)
{
    struct walk *walk = parser->data;
    struct head *head = &walk->parse->head;

    if (len < 3)
        return 0; /* the bytes end here */
    if (!version_is_in_place(walk, at))
        return refuse(walk, FAULT_BAD_REQUEST, "malformed version");
    head->major = (uint8_t)(at[0] - '0');
    head->minor = (uint8_t)(at[2] - '0');
    if (!is_digit(at[0]) || at[1] != '.' || !is_digit(at[2]))
        return refuse(walk, FAULT_BAD_REQUEST, "malformed version");
    if (head->major != 1 || head->minor > 1)
        return refuse(walk, FAULT_VERSION_REFUSED, "version is neither 1.0 nor 1.1");
    walk->has_version = true;
    if (walk->is_request)
        walk->line = at + 5;
    return 0;
}

/* Lines end with CR LF and nothing else, and begin where the last one ended (RFC 9112 §2.2). */
static bool line_begins(struct walk *walk, const char *at)
{
    const struct field *last = walk->field;

    if (at[-1] != '\n' || at[-2] != '\r')
        return false;
    if (!last)
        return !walk->is_request || at == walk->line;
    return last->value.len == 0 || last->value.data + last->value.len == at - 2;
}

static int on_name(llhttp_t *parser, const char *at, size_t len)
{
    struct walk *walk = parser->data;
    struct fields *fields = &walk->parse->head.fields;

    if (at + len == walk->end)
        return 0; /* maybe half a name, as above */
    if (!line_begins(walk, at))
        return refuse(walk, FAULT_BAD_REQUEST, "malformed end of line");
    if (fields->count == MIN(walk->limits->fields, fields->cap))
        return refuse(walk, FAULT_HEAD_TOO_LARGE, "more fields than the limit");
    walk->field = &fields->items[fields->count++];
    *walk->field = (struct field){
        .name = slice_of(at, len), .value = slice_of(at + len, 0), .id = field_id_of(slice_of(at, len))};
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct walk *walk = parser->data;

    if (walk->field->value.len)
        return refuse(walk, FAULT_BAD_REQUEST, "folded field value");
    walk->field->value = slice_of(at, len);
    return 0;
}

static int on_complete(llhttp_t *parser)
{
    struct walk *walk = parser->data;

    walk->is_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_status = on_reason,
    .on_version = on_version,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_complete,
};

/* The mistake lies behind more target than we take: the same answer as for bytes that end there. */
static bool target_is_too_long(const struct walk *walk, const char *end)
{
    const char *blank = memchr(walk->begin, ' ', (size_t)(end - walk->begin));

    return walk->is_request && blank && walk->parse->head.target.len == 0 &&
           (size_t)(end - blank) - 1 > walk->limits->target_bytes;
}

static enum h1_outcome refused_by_llhttp(struct walk *walk, llhttp_t *parser, enum llhttp_errno code)
{
    const char *reason = llhttp_get_error_reason(parser);

    if (code == HPE_PAUSED_H2_UPGRADE)
        refuse(walk, FAULT_VERSION_REFUSED, "HTTP/2 without ALPN");
    else if (target_is_too_long(walk, llhttp_get_error_pos(parser)))
        refuse(walk, FAULT_TARGET_TOO_LONG, "target over the limit");
    else
        refuse(walk, FAULT_BAD_REQUEST, reason && *reason ? reason : "malformed head");
    return H1_REFUSED;
}

static enum h1_outcome head_end(struct walk *walk, const char *end)
{
    struct h1_parse *parse = walk->parse;

    if (!walk->has_version) {
        refuse(walk, FAULT_BAD_REQUEST, "no version");
        return H1_REFUSED;
    }
    if (!line_begins(walk, end - 2) || end[-2] != '\r' || end[-1] != '\n') {
        refuse(walk, FAULT_BAD_REQUEST, "malformed end of head");
        return H1_REFUSED;
    }
    parse->head.bytes = slice_of(walk->begin, (size_t)(end - walk->begin));
    return H1_HEAD;
}

/* One walk of llhttp over the bytes, at most the limit of them. */
static enum h1_outcome walk_head(struct walk *walk, struct slice bytes)
{
    struct slice within = slice_head(bytes, walk->limits->head_bytes);
    enum llhttp_errno code;
    llhttp_t parser;

    walk->begin = within.data;
    walk->end = within.data + within.len;
    llhttp_init(&parser, walk->is_request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    parser.data = walk;
    code = llhttp_execute(&parser, within.data, within.len);
    if (walk->is_complete && code == HPE_PAUSED)
        return head_end(walk, llhttp_get_error_pos(&parser));
    if (walk->parse->fault != FAULT_NONE)
        return H1_REFUSED;
    if (code != HPE_OK)
        return refused_by_llhttp(walk, &parser, code);
    if (bytes.len < walk->limits->head_bytes)
        return H1_MORE;
    refuse(walk, FAULT_HEAD_TOO_LARGE, "head over the limit");
    return H1_REFUSED;
}

static struct slice leading_token(struct slice bytes)
{
    size_t len = 0;

    while (len < bytes.len && len <= METHOD_BYTES_MAX && field_name_is_valid(slice_of(bytes.data + len, 1)))
        len++;
    return slice_head(bytes, len);
}

/* What was refused may begin with a method that we do not know: the first mistake, and none of form (RFC 9110 §9.1,
 * §15.6.2). llhttp stops at its first byte that fits no method, or, at one of RTSP, far behind it; where the method
 * ends is to be seen first. */
static enum h1_outcome judge_method(struct walk *walk, struct slice bytes)
{
    struct slice method = leading_token(bytes), rest = slice_from(bytes, method.len);

    if (method.len == 0 || method.len > METHOD_BYTES_MAX || method_name_is_known(method))
        return H1_REFUSED;
    if (slice_starts(SLICE(" "), rest)) {
        walk->parse->fault = FAULT_NONE;
        return H1_MORE;
    }
    if (rest.data[0] == ' ' && rest.data[1] > ' ' && rest.data[1] < 0x7f) {
        walk->parse->head.method_text = method;
        refuse(walk, FAULT_METHOD_UNKNOWN, "unknown method");
    }
    return H1_REFUSED;
}

static void parse_begin(struct h1_parse *parse)
{
    parse->head = (struct head){.fields = {.items = parse->items, .cap = H1_FIELDS_MAX}};
    parse->used = 0;
    parse->is_chunked = false;
    parse->keep_ms = 0;
    parse->fault = FAULT_NONE;
    parse->detail = NULL;
}

/* The new bytes end the head, or break a line. */
static bool has_new_line_end(const struct h1_progress *progress, struct slice bytes)
{
    const char *at = bytes.data + progress->scanned_bytes, *end = bytes.data + bytes.len;

    for (; (at = memchr(at, '\n', (size_t)(end - at))); at++) {
        if (at - bytes.data < 3 || at[-1] != '\r' || at[-2] == '\n')
            return true;
    }
    return false;
}

/* Grown past a length that says something: the limit of the target behind the longest method, or twice of
 * what was walked last. */
static bool is_longer_enough(const struct h1_progress *progress, size_t len, size_t target_bytes)
{
    const size_t first_line = target_bytes ? target_bytes + LONGEST_METHOD + 1 : 0;

    return len >= 2 * (size_t)progress->parsed_bytes ||
           (len > first_line && progress->parsed_bytes <= first_line);
}

/* @return false while there is nothing new to find */
static bool is_worth_a_walk(struct h1_progress *progress, struct slice bytes,
                            const struct h1_parse_limits *limits)
{
    bool is_worth = bytes.len >= limits->head_bytes || has_new_line_end(progress, bytes) ||
                    is_longer_enough(progress, bytes.len, limits->target_bytes);

    progress->scanned_bytes = (uint32_t)bytes.len;
    return is_worth;
}

static enum h1_outcome parse_head(struct walk *walk, struct h1_progress *progress, struct slice bytes)
{
    enum h1_outcome outcome;

    if (bytes.len == 0 || !is_worth_a_walk(progress, bytes, walk->limits))
        return H1_MORE;
    outcome = walk_head(walk, bytes);
    if (outcome == H1_MORE)
        progress->parsed_bytes = (uint32_t)bytes.len;
    return outcome == H1_REFUSED && walk->is_request ? judge_method(walk, bytes) : outcome;
}

enum h1_outcome h1_parse_request(struct h1_parse *parse, struct h1_progress *progress, struct slice bytes,
                                 const struct h1_parse_limits *limits)
{
    struct walk walk = {.parse = parse, .limits = limits, .is_request = true};
    struct slice rest = bytes;
    enum h1_outcome outcome;

    parse_begin(parse);
    for (int i = 0; i < EMPTY_LINES_MAX && slice_starts(rest, SLICE("\r\n")); i++)
        rest = slice_from(rest, 2);
    if (rest.len && (rest.data[0] == '\n' || (rest.data[0] == '\r' && rest.len > 1))) {
        refuse(&walk, FAULT_BAD_REQUEST, "empty lines in front of the request");
        return H1_REFUSED;
    }
    if (rest.len && rest.data[0] == '\r')
        return H1_MORE;
    outcome = parse_head(&walk, progress, rest);
    if (outcome != H1_HEAD)
        return outcome;
    parse->used = (size_t)(rest.data - bytes.data) + parse->head.bytes.len;
    return h1_rules_request(parse) ? H1_HEAD : H1_REFUSED;
}

enum h1_outcome h1_parse_answer(struct h1_parse *parse, struct h1_progress *progress, struct slice bytes,
                                const struct h1_parse_limits *limits, const struct h1_question *question)
{
    struct walk walk = {.parse = parse, .limits = limits, .is_request = false};
    struct slice start = slice_head(bytes, 5);
    enum h1_outcome outcome;

    parse_begin(parse);
    if (!slice_starts(SLICE("HTTP/"), start)) {
        refuse(&walk, FAULT_BACK_BAD_ANSWER, "not an HTTP/1 answer");
        return H1_REFUSED;
    }
    outcome = parse_head(&walk, progress, bytes);
    if (outcome != H1_HEAD)
        return outcome;
    parse->used = parse->head.bytes.len;
    parse->head.status = (parse->head.bytes.data[9] - '0') * 100 + (parse->head.bytes.data[10] - '0') * 10 +
                         (parse->head.bytes.data[11] - '0');
    return h1_rules_answer(parse, question) ? H1_HEAD : H1_REFUSED;
}
