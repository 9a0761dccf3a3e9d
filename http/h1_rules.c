#include "http/h1_rules.h"

#include "base/macro.h"
#include "http/h1_target.h"

/* Fields that a head loses here, and what Connection says (RFC 9110 §7.6.1). */
struct seen {
    unsigned hosts, lengths, codings, upgrades, versions;
    struct slice host, length, coding, upgrade, websocket_version;
    bool has_connection, says_close, says_keep_alive, says_upgrade, names_fields;
};

static bool refuse(struct h1_parse *parse, enum fault fault, const char *detail)
{
    parse->fault = fault;
    parse->detail = detail;
    return false;
}

/* ---- Connection ---- */

static void read_options(struct seen *seen, struct slice options)
{
    struct slice option;

    seen->has_connection = true;
    while (slice_next_item(&options, &option)) {
        if (slice_eq_nocase(option, SLICE("close")))
            seen->says_close = true;
        else if (slice_eq_nocase(option, SLICE("keep-alive")))
            seen->says_keep_alive = true;
        else if (slice_eq_nocase(option, SLICE("upgrade")))
            seen->says_upgrade = true;
        else
            seen->names_fields = true;
    }
}

/* What Connection may name: fields of one hop. Naming one that the proxy sets or that backends trust would
 * make the proxy remove it: a known way to get past checks. */
static bool option_is_forbidden(struct slice option)
{
    switch (field_id_of(option)) {
    case FIELD_OTHER:
        return slice_starts_nocase(option, SLICE("x-forwarded-")) ||
               slice_eq_nocase(option, SLICE("authorization"));
    case FIELD_HTTP2_SETTINGS:
    case FIELD_KEEP_ALIVE:
    case FIELD_PROXY:
    case FIELD_PROXY_AUTHENTICATE:
    case FIELD_PROXY_AUTHORIZATION:
    case FIELD_PROXY_CONNECTION:
    case FIELD_TE:
    case FIELD_TRAILER:
    case FIELD_UPGRADE:
        return false;
    default:
        return true;
    }
}

static bool remove_named(struct fields *fields, struct slice options)
{
    struct slice option;

    while (slice_next_item(&options, &option)) {
        if (option_is_forbidden(option))
            return false;
        fields_remove_name(fields, option);
    }
    return true;
}

/* ---- one pass over the fields ---- */

static void count(unsigned *times, struct slice *kept, struct slice value)
{
    ++*times;
    *kept = value;
}

/* @return true when the field stays in the head */
static bool take_field(struct h1_parse *parse, struct seen *seen, const struct field *field)
{
    switch (field->id) {
    case FIELD_CONTENT_LENGTH:
        count(&seen->lengths, &seen->length, field->value);
        return false;
    case FIELD_TRANSFER_ENCODING:
        count(&seen->codings, &seen->coding, field->value);
        return false;
    case FIELD_UPGRADE:
        count(&seen->upgrades, &seen->upgrade, field->value);
        return false;
    case FIELD_SEC_WEBSOCKET_VERSION:
        count(&seen->versions, &seen->websocket_version, field->value);
        return true;
    case FIELD_CONNECTION:
        read_options(seen, field->value);
        return true; /* until take_connection() */
    case FIELD_KEEP_ALIVE:
    case FIELD_PROXY_CONNECTION:
    case FIELD_TE:
    case FIELD_HTTP2_SETTINGS:
    case FIELD_PROXY:
    case FIELD_PROXY_AUTHENTICATE:
    case FIELD_PROXY_AUTHORIZATION:
        return false;
    default:
        return true;
    }
}

/* The one of TE's members that does not speak of this hop's codings alone (RFC 9110 §10.1.4). */
static bool names_trailers(struct slice codings)
{
    struct slice coding;

    while (slice_next_item(&codings, &coding)) {
        if (slice_eq_nocase(coding, SLICE("trailers")))
            return true;
    }
    return false;
}

static bool take_request_field(struct h1_parse *parse, struct seen *seen, const struct field *field)
{
    if (field->id == FIELD_HOST) {
        count(&seen->hosts, &seen->host, field->value);
        return false;
    }
    /* A gateway may read X_Real_IP as X-Real-IP. */
    if (field->id == FIELD_OTHER && slice_find(field->name, '_') >= 0) {
        parse->head.dropped_fields++;
        return false;
    }
    if (field->id == FIELD_TE)
        parse->head.takes_trailers |= names_trailers(field->value);
    return take_field(parse, seen, field);
}

static void read_keep_alive(struct h1_parse *parse, struct seen *seen, struct slice parameters)
{
    struct slice parameter;
    uint64_t seconds;

    while (slice_next_item(&parameters, &parameter)) {
        if (!slice_starts_nocase(parameter, SLICE("timeout=")) ||
            !slice_to_u64(slice_from(parameter, sizeof("timeout=") - 1), 86400, &seconds))
            continue;
        parse->keep_ms = seconds * 1000;
        seen->says_close |= seconds <= 1; /* it is used for a second less: not at all */
    }
}

static bool take_answer_field(struct h1_parse *parse, struct seen *seen, const struct field *field)
{
    if (field->id == FIELD_KEEP_ALIVE)
        read_keep_alive(parse, seen, field->value);
    if (field->id == FIELD_HOST || field->id == FIELD_EXPECT)
        return false;
    return take_field(parse, seen, field);
}

static void take_fields(struct h1_parse *parse, struct seen *seen,
                        bool (*take)(struct h1_parse *, struct seen *, const struct field *))
{
    struct fields *fields = &parse->head.fields;
    size_t kept = 0;

    for (size_t i = 0; i < fields->count; i++) {
        struct field *field = &fields->items[i];

        field->value = slice_trim(field->value);
        if (take(parse, seen, field))
            fields->items[kept++] = *field;
    }
    fields->count = kept;
}

/* Fields that a Connection field names belong to this hop (RFC 9110 §7.6.1), and so does it. */
static bool take_connection(struct h1_parse *parse, const struct seen *seen)
{
    struct fields *fields = &parse->head.fields;
    struct slice options[8];
    size_t lines = 0;

    if (seen->names_fields) {
        for (size_t i = 0; i < fields->count; i++) {
            if (fields->items[i].id != FIELD_CONNECTION)
                continue;
            if (lines == ARRAY_LEN(options))
                return false;
            options[lines++] = fields->items[i].value;
        }
    }
    if (seen->has_connection)
        fields_remove(fields, FIELD_CONNECTION);
    for (size_t i = 0; i < lines; i++) {
        if (!remove_named(fields, options[i]))
            return false;
    }
    return true;
}

/* ---- framing: RFC 9112 §6 ---- */

static bool check_framing(struct h1_parse *parse, const struct seen *seen, enum fault fault)
{
    struct head *head = &parse->head;

    if (seen->lengths && seen->codings)
        return refuse(parse, fault, "Content-Length with Transfer-Encoding");
    if (seen->lengths > 1)
        return refuse(parse, fault, "second Content-Length");
    if (seen->codings > 1)
        return refuse(parse, fault, "second Transfer-Encoding");
    if (seen->lengths && !slice_to_u64(seen->length, INT64_MAX, &head->length))
        return refuse(parse, fault, "malformed Content-Length");
    head->has_length = seen->lengths == 1;
    if (seen->codings && head->minor == 0)
        return refuse(parse, fault, "Transfer-Encoding in HTTP/1.0");
    if (seen->codings && !slice_eq_nocase(seen->coding, SLICE("chunked")))
        return refuse(parse, fault, "Transfer-Encoding is not chunked");
    parse->is_chunked = seen->codings == 1;
    return true;
}

static void set_persistence(struct head *head, const struct seen *seen)
{
    head->ends_connection = seen->says_close || (head->minor == 0 && !seen->says_keep_alive);
}

/* ---- requests ---- */

static bool check_target(struct h1_parse *parse, const struct seen *seen)
{
    struct head *head = &parse->head;
    const char *broken;

    if (head->method == METHOD_CONNECT)
        return refuse(parse, FAULT_METHOD_REFUSED, "CONNECT");
    if (seen->hosts > 1)
        return refuse(parse, FAULT_BAD_REQUEST, "second Host");
    if (seen->hosts == 0 && head->minor > 0)
        return refuse(parse, FAULT_BAD_REQUEST, "no Host");
    if (seen->hosts && (seen->host.len || head->minor > 0) && !h1_authority_is_plausible(seen->host))
        return refuse(parse, FAULT_BAD_REQUEST, "malformed Host");
    head->authority = seen->host;
    broken = h1_target_split(head);
    return broken ? refuse(parse, FAULT_BAD_REQUEST, broken) : true;
}

/* Other expectations cannot be met by a proxy that does not know them (RFC 9110 §10.1.1). */
static bool check_expect(struct h1_parse *parse)
{
    struct head *head = &parse->head;
    const struct field *expect = fields_find(&head->fields, FIELD_EXPECT);

    if (!expect)
        return true;
    for (size_t i = 0; i < head->fields.count; i++) {
        if (head->fields.items[i].id == FIELD_EXPECT &&
            !slice_eq_nocase(head->fields.items[i].value, SLICE("100-continue")))
            return refuse(parse, FAULT_EXPECTATION_REFUSED, "unknown expectation");
    }
    head->expects_continue = head->minor > 0 && head->body != BODY_NONE;
    fields_remove(&head->fields, FIELD_EXPECT);
    return true;
}

/* RFC 6455 §4.1. Anything else that asks for an upgrade is served without one (RFC 9110 §7.8). */
static bool asks_for_websocket(const struct head *head, const struct seen *seen)
{
    return seen->says_upgrade && seen->upgrades == 1 && head->method == METHOD_GET && head->minor == 1 &&
           head->body == BODY_NONE && slice_eq_nocase(seen->upgrade, SLICE("websocket")) &&
           seen->versions == 1 && slice_eq(seen->websocket_version, SLICE("13"));
}

bool h1_rules_request(struct h1_parse *parse)
{
    struct head *head = &parse->head;
    struct seen seen = {0};

    take_fields(parse, &seen, take_request_field);
    if (!check_target(parse, &seen) || !check_framing(parse, &seen, FAULT_BAD_REQUEST))
        return false;
    if (!take_connection(parse, &seen))
        return refuse(parse, FAULT_BAD_REQUEST, "Connection names a field that is not of this hop");
    if (parse->is_chunked)
        head->body = BODY_UNKNOWN;
    else if (head->length)
        head->body = BODY_LENGTH;
    if (head->method == METHOD_TRACE && head->body != BODY_NONE)
        return refuse(parse, FAULT_BAD_REQUEST, "TRACE with content"); /* RFC 9110 §9.3.8 */
    set_persistence(head, &seen);
    if (!check_expect(parse))
        return false;
    if (asks_for_websocket(head, &seen))
        head->protocol = SLICE("websocket");
    return true;
}

/* ---- answers ---- */

static bool check_status(struct h1_parse *parse, const struct seen *seen, const struct h1_question *question)
{
    struct head *head = &parse->head;

    if (head->status < 100 || head->status > 599)
        return refuse(parse, FAULT_BACK_BAD_ANSWER, "status is not in 100..599");
    if (!field_value_is_valid(head->reason))
        return refuse(parse, FAULT_BACK_BAD_ANSWER, "forbidden character in the reason phrase");
    if (head->status != 101)
        return true;
    if (question->protocol.len == 0 || head->minor == 0)
        return refuse(parse, FAULT_BACK_BAD_ANSWER, "switches protocols unasked");
    if (!seen->says_upgrade || seen->upgrades != 1 || !slice_eq_nocase(seen->upgrade, question->protocol))
        return refuse(parse, FAULT_BACK_BAD_ANSWER, "switches to a protocol that was not asked for");
    head->protocol = question->protocol;
    return true;
}

/* RFC 9112 §6.3, in its order. */
static void set_answer_body(struct h1_parse *parse, const struct h1_question *question)
{
    struct head *head = &parse->head;

    if (head->status < 200 || head->status == 204) {
        /* Neither may declare content (RFC 9110 §8.6, RFC 9112 §6.1): whoever does may send it, too late for
         * us to see that it belongs to no answer. */
        head->ends_connection |= head->length > 0 || parse->is_chunked;
        head->has_length = false;
    }
    if (question->is_head || head->status < 200 || head->status == 204 || head->status == 304) {
        head->body = BODY_NONE;
        parse->is_chunked = false;
    } else if (head->has_length) {
        head->body = head->length ? BODY_LENGTH : BODY_NONE;
    } else {
        head->body = BODY_UNKNOWN;
        head->ends_connection |= !parse->is_chunked;
    }
}

bool h1_rules_answer(struct h1_parse *parse, const struct h1_question *question)
{
    struct seen seen = {0};

    take_fields(parse, &seen, take_answer_field);
    if (!check_status(parse, &seen, question) || !check_framing(parse, &seen, FAULT_BACK_BAD_ANSWER))
        return false;
    if (!take_connection(parse, &seen))
        return refuse(parse, FAULT_BACK_BAD_ANSWER, "Connection names a field that is not of this hop");
    set_persistence(&parse->head, &seen);
    set_answer_body(parse, question);
    return true;
}
