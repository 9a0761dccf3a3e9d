#include "control/admin_api.h"

#include <unistd.h>

#include "control/json.h"

struct admin_path {
    struct slice path, query;
    enum method method;
    const char *allow;
    const char *sentence; /* of another query */
    void (*begin)(struct admin_request *request, struct slice query);
};

static void answer_json(struct admin_request *request, int status, json_t *json)
{
    struct text text = {0};

    json_print(json, &text);
    json_decref(json);
    request->answered(request->owner, status, text_slice(&text), NULL);
    text_fini(&text);
}

static json_t *error_of(const char *sentence)
{
    json_t *json = json_object();

    json_object_set_new(json, "error", json_of_slice(slice_str(sentence)));
    return json;
}

void admin_request_fail(struct admin_request *request, int status, const char *sentence)
{
    admin_request_cancel(request);
    answer_json(request, status, error_of(sentence));
}

/* ---- /status ---- */

static void on_counted(void *owner, const struct worker_count *sum)
{
    struct admin_request *request = owner;
    struct status_facts facts = {.count = sum};
    struct text text = {0};

    request->census = NULL;
    request->office->facts(request->office->owner, &facts);
    status_write(&facts, &text);
    request->answered(request->owner, 200, text_slice(&text), NULL);
    text_fini(&text);
}

static void begin_status(struct admin_request *request, struct slice query)
{
    request->census = request->office->census(request->office->owner, on_counted, request);
}

/* ---- /reload ---- */

static void on_reloaded(struct reload *reload, const struct reload_outcome *outcome)
{
    static const char *const WORDS[] = {
        [RELOAD_APPLIED] = "applied",
        [RELOAD_LOOKED_AT] = "dry_run",
        [RELOAD_REFUSED] = "refused",
    };
    struct admin_request *request = CONTAINER_OF(reload, struct admin_request, reload);
    const bool is_refused = outcome->result == RELOAD_REFUSED;
    json_t *json = is_refused ? error_of(outcome->reason.data) : json_object();

    request->reloads = false;
    json_object_set_new(json, "outcome", json_string(WORDS[outcome->result]));
    json_object_set_new(json, "version", json_integer((json_int_t)outcome->version));
    json_object_set_new(json, "changes", json_of_lines(outcome->changes));
    json_object_set_new(json, "diagnostics", json_of_slice(outcome->said));
    answer_json(request, is_refused ? 422 : 200, json);
}

static void begin_reload(struct admin_request *request, struct slice query)
{
    request->reload = (struct reload){.is_dry = query.len > 0, .done = on_reloaded};
    request->reloads = true;
    request->office->reload(request->office->owner, &request->reload);
}

/* ---- /why ---- */

#define WHY_QUERY    "id="
#define WHY_SENTENCE "ask with ?id= and the 16 hexadecimal digits of X-Portico-Error"

static void on_why(void *owner, const struct failure *failure)
{
    struct admin_request *request = owner;
    struct text text = {0};

    request->why = NULL;
    if (!failure) {
        admin_request_fail(request, 404,
                           "no worker knows that id: each keeps its last 256 errors, and of answers that a "
                           "route gives by itself (respond) none");
        return;
    }
    why_write(failure, &text);
    request->answered(request->owner, 200, text_slice(&text), NULL);
    text_fini(&text);
}

static void begin_why(struct admin_request *request, struct slice query)
{
    const size_t skip = sizeof(WHY_QUERY) - 1;
    uint64_t id;

    if (query.len > skip && why_read_id(slice_from(query, skip), &id))
        request->why = request->office->why(request->office->owner, id, on_why, request);
    else
        admin_request_fail(request, 400, WHY_SENTENCE);
}

/* ---- /upgrade ---- */

static json_t *upgraded(const struct upgrade_outcome *outcome)
{
    json_t *json = json_object();

    json_object_set_new(json, "outcome", json_string("upgraded"));
    json_object_set_new(json, "pid_before", json_integer(getpid()));
    json_object_set_new(json, "pid", json_integer(outcome->pid));
    json_object_set_new(json, "version_before", json_string(PORTICO_VERSION));
    json_object_set_new(json, "version", json_of_slice(slice_str(outcome->version)));
    return json;
}

static void on_upgraded(struct upgrade_wish *wish, const struct upgrade_outcome *outcome)
{
    struct admin_request *request = CONTAINER_OF(wish, struct admin_request, wish);
    json_t *json = outcome->reason ? error_of(outcome->reason) : upgraded(outcome);

    request->upgrades = false;
    if (outcome->reason)
        json_object_set_new(json, "outcome", json_string("failed"));
    answer_json(request, outcome->reason ? 422 : 200, json);
}

static void begin_upgrade(struct admin_request *request, struct slice query)
{
    request->wish = (struct upgrade_wish){.done = on_upgraded};
    request->upgrades = true;
    request->office->upgrade(request->office->owner, &request->wish);
}

/* ---- which ---- */

static const struct admin_path PATHS[] = {
    {SLICE("/status"), SLICE(""), METHOD_GET, "GET", NULL, begin_status},
    {SLICE("/why"), SLICE(WHY_QUERY), METHOD_GET, "GET", WHY_SENTENCE, begin_why},
    {SLICE("/reload"), SLICE("dry-run"), METHOD_POST, "POST", "the only query is ?dry-run", begin_reload},
    {SLICE("/upgrade"), SLICE(""), METHOD_POST, "POST", NULL, begin_upgrade},
};

static const struct admin_path *find(struct slice path)
{
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
        if (slice_eq(PATHS[i].path, path))
            return &PATHS[i];
    }
    return NULL;
}

/* A slip must not make a dry run a real one. */
static bool fits(const struct admin_path *row, struct slice query)
{
    const bool has_value = row->query.len && row->query.data[row->query.len - 1] == '=';

    return query.len == 0 || (has_value ? slice_starts(query, row->query) : slice_eq(query, row->query));
}

static void refuse_method(struct admin_request *request, const struct admin_path *row)
{
    struct text text = {0};
    json_t *json = error_of("this path takes another method");

    json_print(json, &text);
    json_decref(json);
    request->answered(request->owner, 405, text_slice(&text), row->allow);
    text_fini(&text);
}

void admin_request_begin(struct admin_request *request, enum method method, struct slice target)
{
    ptrdiff_t mark = slice_find(target, '?');
    struct slice path = slice_head(target, mark < 0 ? target.len : (size_t)mark);
    struct slice query = mark < 0 ? SLICE("") : slice_from(target, (size_t)mark + 1);
    const struct admin_path *row = find(path);

    if (!row)
        admin_request_fail(request, 404, "no such path; there are /status, /why, /reload and /upgrade");
    else if (method != row->method)
        refuse_method(request, row);
    else if (!fits(row, query))
        admin_request_fail(request, 400, row->query.len ? row->sentence : "this path has no query");
    else
        row->begin(request, query);
}

bool admin_request_is_pending(const struct admin_request *request)
{
    return request->reloads || request->upgrades || request->census || request->why;
}

void admin_request_cancel(struct admin_request *request)
{
    census_forget(TAKE(request->census));
    why_forget(TAKE(request->why));
    if (request->reloads)
        request->office->forget(request->office->owner, &request->reload);
    request->reloads = false;
    if (request->upgrades)
        request->office->forget_upgrade(request->office->owner, &request->wish);
    request->upgrades = false;
}
