#include "http/h2_fields.h"

#include "base/macro.h"
#include "http/h1_target.h"

/* ---- reading it ---- */

/* What a head loses here (RFC 9113 §8.2.2, §8.3), and how often it was there. */
struct seen {
    struct slice method, scheme, authority, path, protocol, status, host, length, websocket_version;
    unsigned lengths, cookies, versions, hosts;
    bool has_authority, has_te;
};

static bool refuse(struct h2_reading *reading, enum fault fault, const char *detail)
{
    reading->fault = fault;
    reading->detail = detail;
    return false;
}

/* RFC 9113 §8.2.1: a token without upper case. */
static bool name_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] >= 'A' && name.data[i] <= 'Z')
            return false;
    }
    return field_name_is_valid(name);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool value_is_valid(struct slice value)
{
    return field_value_is_valid(value) &&
           (value.len == 0 || (!is_blank(value.data[0]) && !is_blank(value.data[value.len - 1])));
}

static struct slice *pseudo_of(struct seen *seen, struct slice name, bool is_request)
{
    const struct {
        struct slice name;
        struct slice *to;
        bool of_request;
    } known[] = {
        {SLICE(":method"), &seen->method, true},     {SLICE(":path"), &seen->path, true},
        {SLICE(":scheme"), &seen->scheme, true},     {SLICE(":authority"), &seen->authority, true},
        {SLICE(":protocol"), &seen->protocol, true}, {SLICE(":status"), &seen->status, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].of_request == is_request && slice_eq(name, known[i].name))
            return known[i].to;
    }
    return NULL;
}

static const char *take_pseudo(struct seen *seen, struct slice name, struct slice value, bool is_request)
{
    struct slice *to = pseudo_of(seen, name, is_request);

    if (!to)
        return "unknown pseudo field";
    if (to->data)
        return "second pseudo field of one name";
    if (value.len == 0 || !value_is_valid(value))
        return "malformed pseudo field";
    *to = value;
    return NULL;
}

/* @return NULL, or the rule that it breaks; *stays: it is among the fields */
static const char *take_field(struct h2_reading *reading, struct seen *seen, const struct field *field,
                              bool is_request, bool *stays)
{
    *stays = false;
    switch (field->id) {
    case FIELD_CONNECTION:
    case FIELD_KEEP_ALIVE:
    case FIELD_PROXY_CONNECTION:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_UPGRADE:
        return "connection field"; /* RFC 9113 §8.2.2 */
    case FIELD_TE:
        seen->has_te = true;
        return slice_eq_nocase(field->value, SLICE("trailers")) ? NULL : "TE is not trailers";
    case FIELD_CONTENT_LENGTH:
        seen->length = field->value;
        return seen->lengths++ ? "second Content-Length" : NULL;
    case FIELD_HOST:
        seen->host = field->value;
        return seen->hosts++ && is_request ? "second Host" : NULL;
    case FIELD_HTTP2_SETTINGS:
    case FIELD_PROXY:
    case FIELD_PROXY_AUTHENTICATE:
    case FIELD_PROXY_AUTHORIZATION:
        return NULL;
    case FIELD_EXPECT:
        *stays = is_request;
        return NULL;
    case FIELD_COOKIE:
        *stays = !is_request || seen->cookies++ == 0; /* the others are joined to it */
        return NULL;
    case FIELD_SEC_WEBSOCKET_VERSION:
        seen->versions++;
        seen->websocket_version = field->value;
        *stays = true;
        return NULL;
    case FIELD_OTHER: /* a gateway may read X_Real_IP as X-Real-IP */
        *stays = !is_request || slice_find(field->name, '_') < 0;
        reading->head.dropped_fields += !*stays;
        return NULL;
    default:
        *stays = true;
        return NULL;
    }
}

static const char *read_line(struct h2_reading *reading, struct seen *seen, struct slice name,
                             struct slice value, bool is_request)
{
    struct fields *fields = &reading->head.fields;
    struct field field = {.name = name, .value = value};
    const char *broken;
    bool stays;

    if (!name_is_valid(name))
        return "malformed field name";
    if (!value_is_valid(value))
        return "forbidden character in a field value";
    field.id = field_id_of(name);
    broken = take_field(reading, seen, &field, is_request, &stays);
    if (stays)
        fields->items[fields->count++] = field;
    return broken;
}

static bool read_lines(struct h2_reading *reading, struct h2_block *block, struct seen *seen, bool is_request,
                       enum fault fault)
{
    bool pseudo_may_come = true;
    const char *broken;

    reading->head = (struct head){.major = 2, .fields = {.items = reading->items, .cap = H2_FIELDS_MAX}};
    reading->fault = FAULT_NONE;
    if (is_request)
        h2_block_join_cookies(block);
    reading->head.bytes = slice_of(block->bytes, block->len);
    for (size_t i = 0; i < block->count; i++) {
        struct slice name = h2_block_name(block, i), value = h2_block_value(block, i);

        if (h2_name_is_pseudo(name)) {
            broken =
                pseudo_may_come ? take_pseudo(seen, name, value, is_request) : "pseudo field behind a field";
        } else {
            pseudo_may_come = false;
            broken = read_line(reading, seen, name, value, is_request);
        }
        if (broken)
            return refuse(reading, fault, broken);
    }
    reading->head.takes_trailers = seen->has_te && is_request;
    return true;
}

static bool read_length(struct h2_reading *reading, const struct seen *seen, enum fault fault)
{
    reading->head.has_length = seen->lengths > 0;
    if (seen->lengths && !slice_to_u64(seen->length, INT64_MAX, &reading->head.length))
        return refuse(reading, fault, "malformed Content-Length");
    return true;
}

/* ---- requests: RFC 9113 §8.3.1 ---- */

/* The port is left as it is: two spellings of one host are for nobody but liars. */
static bool read_authority(struct h2_reading *reading, const struct seen *seen)
{
    struct head *head = &reading->head;

    if (!seen->authority.data && !seen->hosts)
        return refuse(reading, FAULT_BAD_REQUEST, "neither :authority nor Host");
    head->authority = seen->authority.data ? seen->authority : seen->host;
    if (!h1_authority_is_plausible(head->authority))
        return refuse(reading, FAULT_BAD_REQUEST, "malformed :authority or Host");
    if (seen->hosts && !slice_eq_nocase(seen->host, head->authority))
        return refuse(reading, FAULT_BAD_REQUEST, "Host differs from :authority");
    return true;
}

static bool read_target(struct h2_reading *reading, const struct seen *seen, size_t target_bytes)
{
    struct head *head = &reading->head;
    const char *broken;

    if (!seen->scheme.data || !seen->path.data)
        return refuse(reading, FAULT_BAD_REQUEST, "no :scheme or no :path");
    if (!slice_eq_nocase(seen->scheme, SLICE("http")) && !slice_eq_nocase(seen->scheme, SLICE("https")))
        return refuse(reading, FAULT_BAD_REQUEST, ":scheme is neither http nor https");
    if (target_bytes && seen->path.len > target_bytes)
        return refuse(reading, FAULT_TARGET_TOO_LONG, ":path over the limit");
    if (seen->path.data[0] != '/' && !slice_eq(seen->path, SLICE("*")))
        return refuse(reading, FAULT_BAD_REQUEST, ":path is neither a path nor *");
    broken = h1_target_split(head);
    return broken ? refuse(reading, FAULT_BAD_REQUEST, broken) : true;
}

static bool read_method(struct h2_reading *reading, const struct seen *seen)
{
    struct head *head = &reading->head;

    if (!seen->method.data || !field_name_is_valid(seen->method))
        return refuse(reading, FAULT_BAD_REQUEST, "no :method, or a malformed one");
    if (!method_name_is_known(seen->method))
        return refuse(reading, FAULT_METHOD_UNKNOWN, "unknown method");
    if (seen->protocol.data && head->method != METHOD_CONNECT)
        return refuse(reading, FAULT_BAD_REQUEST, ":protocol without CONNECT"); /* RFC 8441 §4 */
    if (head->method == METHOD_CONNECT && !seen->protocol.data)
        return refuse(reading, FAULT_METHOD_REFUSED, "CONNECT");
    return true;
}

/* Other expectations cannot be met by a proxy that does not know them (RFC 9110 §10.1.1). */
static bool read_expect(struct h2_reading *reading)
{
    struct head *head = &reading->head;

    for (size_t i = 0; i < head->fields.count; i++) {
        const struct field *field = &head->fields.items[i];

        if (field->id != FIELD_EXPECT)
            continue;
        if (!slice_eq_nocase(field->value, SLICE("100-continue")))
            return refuse(reading, FAULT_EXPECTATION_REFUSED, "unknown expectation");
        head->expects_continue = head->body != BODY_NONE;
    }
    if (fields_find(&head->fields, FIELD_EXPECT))
        fields_remove(&head->fields, FIELD_EXPECT);
    return true;
}

/* RFC 8441: told as what it is in HTTP/1.1, an upgrade asked for by a GET. */
static bool read_protocol(struct h2_reading *reading, const struct seen *seen, bool is_last)
{
    struct head *head = &reading->head;

    if (!slice_eq_nocase(seen->protocol, SLICE("websocket"))) /* RFC 9220 §3 */
        return refuse(reading, FAULT_METHOD_UNKNOWN, "CONNECT for an unknown :protocol");
    if (seen->versions != 1 || !slice_eq(seen->websocket_version, SLICE("13")))
        return refuse(reading, FAULT_BAD_REQUEST, "this version of WebSocket is not known");
    if (is_last || head->has_length)
        return refuse(reading, FAULT_BAD_REQUEST, "CONNECT with a length, or without a way in");
    head->method = METHOD_GET;
    head->method_text = SLICE("GET");
    head->protocol = SLICE("websocket");
    head->body = BODY_NONE;
    return true;
}

static bool read_body(struct h2_reading *reading, const struct seen *seen, bool is_last)
{
    struct head *head = &reading->head;

    if (!read_length(reading, seen, FAULT_BAD_REQUEST))
        return false;
    if (is_last && head->length)
        return refuse(reading, FAULT_BAD_REQUEST, "content is shorter than Content-Length");
    if (!is_last)
        head->body = head->has_length ? BODY_LENGTH : BODY_UNKNOWN;
    if (head->method == METHOD_TRACE && head->body != BODY_NONE)
        return refuse(reading, FAULT_BAD_REQUEST, "TRACE with content"); /* RFC 9110 §9.3.8 */
    return true;
}

bool h2_read_request(struct h2_reading *reading, struct h2_block *block, size_t target_bytes, bool is_last)
{
    struct seen seen = {0};
    struct head *head = &reading->head;
    bool is_fine = read_lines(reading, block, &seen, true, FAULT_BAD_REQUEST);

    head->method_text = seen.method;
    head->method = method_of(seen.method);
    head->target = seen.path;
    head->authority = seen.authority.data ? seen.authority : seen.host;
    head->scheme = seen.scheme;
    if (block->target_is_over)
        return refuse(reading, FAULT_TARGET_TOO_LONG, ":path over the limit");
    if (block->is_over)
        return refuse(reading, FAULT_HEAD_TOO_LARGE, "head over the limit");
    if (!is_fine || !read_method(reading, &seen) || !read_authority(reading, &seen) ||
        !read_target(reading, &seen, target_bytes) || !read_body(reading, &seen, is_last))
        return false;
    if (seen.protocol.data && !read_protocol(reading, &seen, is_last))
        return false;
    return read_expect(reading);
}

/* ---- answers: RFC 9113 §8.3.2 ---- */

static bool read_status(struct h2_reading *reading, const struct seen *seen)
{
    uint64_t status;

    if (seen->status.len != 3 || !slice_to_u64(seen->status, 599, &status) || status < 100)
        return refuse(reading, FAULT_BACK_BAD_ANSWER, ":status is not in 100..599");
    if (status == 101) /* RFC 9113 §8.6 */
        return refuse(reading, FAULT_BACK_BAD_ANSWER, "101 in HTTP/2");
    reading->head.status = (int)status;
    return true;
}

static void set_answer_body(struct head *head, bool answers_head, bool is_last)
{
    if (head->status < 200 || head->status == 204)
        head->has_length = false; /* neither may declare content (RFC 9110 §8.6) */
    if (is_last || answers_head || head->status < 200 || head->status == 204 || head->status == 304)
        head->body = BODY_NONE;
    else
        head->body = head->has_length ? BODY_LENGTH : BODY_UNKNOWN;
}

bool h2_read_answer(struct h2_reading *reading, struct h2_block *block, bool answers_head,
                    struct slice protocol, bool is_last)
{
    struct seen seen = {0};
    struct head *head = &reading->head;
    bool is_fine = read_lines(reading, block, &seen, false, FAULT_BACK_BAD_ANSWER);

    if (block->is_over)
        return refuse(reading, FAULT_BACK_BAD_ANSWER, "head over the limit");
    if (!is_fine || !read_status(reading, &seen) || !read_length(reading, &seen, FAULT_BACK_BAD_ANSWER))
        return false;
    if (head->status < 200 && is_last)
        return refuse(reading, FAULT_BACK_BAD_ANSWER,
                      "an interim answer ends the stream"); /* RFC 9113 §8.1 */
    set_answer_body(head, answers_head, is_last);
    if (is_last && !answers_head && head->status != 304 && head->length)
        return refuse(reading, FAULT_BACK_BAD_ANSWER, "content is shorter than Content-Length");
    if (protocol.len && head->status >= 200 && head->status < 300) {
        head->status = 101;
        head->protocol = protocol;
        head->body = BODY_NONE;
        head->has_length = false;
    }
    return true;
}

/* ---- trailers ---- */

bool h2_read_trailers(struct h2_reading *reading, struct h2_block *block, enum fault fault)
{
    reading->trailers = (struct fields){.items = reading->items, .cap = H2_FIELDS_MAX};
    if (block->is_over)
        return refuse(reading, fault, "trailers over the limit");
    for (size_t i = 0; i < block->count; i++) {
        struct slice name = h2_block_name(block, i), value = h2_block_value(block, i);

        if (h2_name_is_pseudo(name) || !name_is_valid(name) || !value_is_valid(value))
            return refuse(reading, fault, "malformed trailer"); /* RFC 9113 §8.1 */
        if (trailer_is_allowed(name))
            reading->items[reading->trailers.count++] =
                (struct field){.name = name, .value = value, .id = FIELD_OTHER};
    }
    return true;
}
