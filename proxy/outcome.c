#include "proxy/outcome.h"

#include "base/fault.h"
#include "base/text.h"
#include "http/error_page.h"
#include "http/grpc_error.h"
#include "proxy/forward.h"
#include "proxy/snapshot.h"

/* Seconds: what is full or comes back is looked at again soon, but not at once by everybody (RFC 9110 §10.2.3). */
#define RETRY_AFTER SLICE("5")

static struct outcome give(struct http_end *front, const struct head *request, const struct answer *answer)
{
    answer_give(front, answer);
    return (struct outcome){answer->status, request->method == METHOD_HEAD ? 0 : answer->body.len};
}

static bool is_grpc(const struct head *request)
{
    const struct field *type = fields_find(&request->fields, FIELD_CONTENT_TYPE);

    return request->major > 1 && type && grpc_is_content_type(type->value);
}

struct outcome outcome_error(struct http_end *front, const struct head *request, enum fault fault,
                             struct slice id, bool is_degraded, struct arena *arena)
{
    const struct fault_row *row = fault_row(fault);
    struct answer answer =
        is_grpc(request)
            ? grpc_error_make(arena, row->status, slice_str(row->sentence), id)
            : error_page_make(arena, &request->fields, row->status, slice_str(row->sentence), id);

    /* What is no valid request may have been meant for other eyes: so may what stands behind it. And content
     * over a limit ends the connection whether its end had come or not (RFC 9110 §15.5.14). */
    answer.ends_connection = row->status == 400 || row->status == 413;
    if (row->status == 503)
        fields_add(&answer.fields, arena, SLICE("Retry-After"), RETRY_AFTER);
    if (is_degraded)
        fields_add(&answer.fields, arena, FORWARD_DEGRADED_NAME, FORWARD_DEGRADED_VALUE);
    return give(front, request, &answer);
}

static struct slice https_location(const struct head *request, struct slice host, struct arena *arena)
{
    bool is_ipv6 = slice_find(host, ':') >= 0;
    struct slice target = slice_eq(request->target, SLICE("*")) ? SLICE("/") : request->target;

    return arena_printf(arena, "https://%s%.*s%s%.*s", is_ipv6 ? "[" : "", FMT_SLICE(host),
                        is_ipv6 ? "]" : "", FMT_SLICE(target));
}

static struct outcome redirect(struct http_end *front, const struct head *request,
                               const struct action *action, struct slice host, struct slice id,
                               struct arena *arena)
{
    struct answer answer = {.status = action->status};

    if (action->redirect_to_https && host.len == 0) /* HTTP/1.0 may lack it: there is nowhere to go */
        return outcome_error(front, request, FAULT_BAD_REQUEST, id, false, arena);
    fields_add(&answer.fields, arena, SLICE("Location"),
               action->redirect_to_https ? https_location(request, host, arena) : action->location);
    return give(front, request, &answer);
}

static struct outcome respond(struct http_end *front, const struct head *request, int status, struct slice id,
                              struct arena *arena)
{
    struct answer answer = {.status = status};

    if (status >= 400)
        answer = error_page_make(arena, &request->fields, status, slice_str(status_phrase(status)), id);
    return give(front, request, &answer);
}

static bool is_secret(const struct field *field)
{
    return field->id == FIELD_COOKIE || slice_eq_nocase(field->name, SLICE("authorization"));
}

static void add_field(struct text *out, struct slice name, struct slice value)
{
    text_add(out, name);
    text_add(out, SLICE(": "));
    text_add(out, value);
    text_add(out, SLICE("\r\n"));
}

/* What came, as it arrived here: that is what a trace is for. Credentials are not reflected (RFC 9110 §9.3.8). */
static void add_trace(struct text *out, const struct head *request)
{
    text_printf(out, "%.*s %.*s HTTP/%s\r\n", FMT_SLICE(request->method_text), FMT_SLICE(request->target),
                head_version(request));
    add_field(out, SLICE("Host"), request->authority);
    for (size_t i = 0; i < request->fields.count; i++) {
        const struct field *field = &request->fields.items[i];

        if (!is_secret(field))
            add_field(out, field->name, field->value);
    }
    text_add(out, SLICE("\r\n"));
}

struct outcome outcome_last_hop(struct http_end *front, const struct head *request, struct arena *arena)
{
    struct answer answer = {.status = 200};
    struct text trace = {0};
    struct outcome outcome;

    if (request->method == METHOD_TRACE) {
        add_trace(&trace, request);
        answer.content_type = SLICE("message/http");
        answer.body = text_slice(&trace);
    } else {
        fields_add(&answer.fields, arena, SLICE("Allow"),
                   SLICE("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE"));
    }
    outcome = give(front, request, &answer);
    text_fini(&trace);
    return outcome;
}

struct outcome outcome_action(struct http_end *front, const struct head *request, const struct action *action,
                              struct slice host, struct slice id, struct arena *arena)
{
    if (action->kind == ACTION_RESPOND)
        return respond(front, request, action->status, id, arena);
    return redirect(front, request, action, host, id, arena);
}
