#include "proxy/outcome.h"

#include "base/fault.h"
#include "http/error_page.h"
#include "proxy/snapshot.h"

void outcome_error(struct http_end *front, const struct head *request, enum fault fault, struct slice id,
                   struct arena *arena)
{
    const struct fault_row *row = fault_row(fault);
    struct answer answer =
        error_page_make(arena, &request->fields, row->status, slice_str(row->sentence), id);

    if (fault == FAULT_METHOD_REFUSED) /* RFC 9110 §15.5.6 */
        fields_add(&answer.fields, arena, SLICE("Allow"),
                   SLICE("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE"));
    answer_give(front, &answer);
}

static struct slice https_location(const struct head *request, struct slice host, struct arena *arena)
{
    bool is_ipv6 = slice_find(host, ':') >= 0;
    struct slice target = slice_eq(request->target, SLICE("*")) ? SLICE("/") : request->target;

    return arena_printf(arena, "https://%s%.*s%s%.*s", is_ipv6 ? "[" : "", FMT_SLICE(host),
                        is_ipv6 ? "]" : "", FMT_SLICE(target));
}

static void give_redirect(struct http_end *front, int status, struct slice location, struct arena *arena)
{
    struct answer answer = {.status = status};

    fields_add(&answer.fields, arena, SLICE("Location"), location);
    answer_give(front, &answer);
}

static void give_status(struct http_end *front, const struct head *request, int status, struct slice id,
                        struct arena *arena)
{
    struct answer answer = {.status = status};

    if (status >= 400)
        answer = error_page_make(arena, &request->fields, status, slice_str(status_phrase(status)), id);
    answer_give(front, &answer);
}

int outcome_action(struct http_end *front, const struct head *request, const struct action *action,
                   struct slice host, struct slice id, struct arena *arena)
{
    if (action->kind == ACTION_RESPOND)
        give_status(front, request, action->status, id, arena);
    else
        give_redirect(front, action->status,
                      action->redirect_to_https ? https_location(request, host, arena) : action->location,
                      arena);
    return action->status;
}
