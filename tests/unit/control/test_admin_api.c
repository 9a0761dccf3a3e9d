#include <criterion/criterion.h>

#include "base/text.h"
#include "control/admin_api.h"

/** A process that does as it is asked at once, or never. */
struct office {
    bool is_slow;
    enum reload_result result;
    const char *reason;
    bool was_dry;
    unsigned reloads, forgotten;
    struct reload *pending;
};

struct answers {
    unsigned count;
    int status;
    struct text json, allow;
};

static void on_reload(void *owner, struct reload *reload)
{
    struct office *office = owner;
    const struct reload_outcome outcome = {
        .result = office->result,
        .version = 7,
        .said = SLICE("t.yaml:1:1: warning: \"x\"\n"),
        .changes = SLICE("+ a\n- b\n"),
        .reason = slice_str(office->reason),
    };

    office->reloads++;
    office->was_dry = reload->is_dry;
    office->pending = reload;
    if (!office->is_slow)
        reload->done(reload, &outcome);
}

static void on_forget(void *owner, struct reload *reload)
{
    struct office *office = owner;

    cr_expect_eq(office->pending, reload);
    office->forgotten++;
}

static void on_answered(void *owner, int status, struct slice json, const char *allow)
{
    struct answers *answers = owner;

    answers->count++;
    answers->status = status;
    text_add(&answers->json, json);
    text_add(&answers->allow, slice_str(allow));
}

static void expect_answer(struct office *office, enum method method, const char *target, int status,
                          const char *json)
{
    const struct admin_office table = {.reload = on_reload, .forget = on_forget, .owner = office};
    struct answers answers = {0};
    struct admin_request request = {.office = &table, .answered = on_answered, .owner = &answers};

    admin_request_begin(&request, method, slice_str(target));
    cr_expect_eq(answers.count, 1, "%s", target);
    cr_expect_eq(answers.status, status, "%s: %d", target, answers.status);
    cr_expect_str_eq(answers.json.data, json, "%s: %s", target, answers.json.data);
    cr_expect_eq(answers.allow.len > 0, status == 405, "%s", target);
    admin_request_cancel(&request);
    text_fini(&answers.json);
    text_fini(&answers.allow);
}

Test(admin_api, a_reload_says_what_came_of_it)
{
    struct office office = {.result = RELOAD_APPLIED};

    expect_answer(&office, METHOD_POST, "/reload", 200,
                  "{\"outcome\":\"applied\",\"version\":7,\"changes\":[\"+ a\",\"- b\"],"
                  "\"diagnostics\":\"t.yaml:1:1: warning: \\\"x\\\"\\n\"}\n");
    cr_expect_not(office.was_dry);
    office.result = RELOAD_REFUSED;
    office.reason = "no";
    expect_answer(&office, METHOD_POST, "/reload", 422,
                  "{\"error\":\"no\",\"outcome\":\"refused\",\"version\":7,\"changes\":[\"+ a\",\"- b\"],"
                  "\"diagnostics\":\"t.yaml:1:1: warning: \\\"x\\\"\\n\"}\n");
}

Test(admin_api, a_dry_run_is_asked_for_by_its_name_alone)
{
    struct office office = {.result = RELOAD_LOOKED_AT};
    const char *const no = "{\"error\":\"the only query is ?dry-run\"}\n";

    expect_answer(&office, METHOD_POST, "/reload?dry-run", 200,
                  "{\"outcome\":\"dry_run\",\"version\":7,\"changes\":[\"+ a\",\"- b\"],"
                  "\"diagnostics\":\"t.yaml:1:1: warning: \\\"x\\\"\\n\"}\n");
    cr_expect(office.was_dry);
    expect_answer(&office, METHOD_POST, "/reload?dryrun", 400, no);
    expect_answer(&office, METHOD_POST, "/reload?dry-run=1", 400, no);
    cr_expect_eq(office.reloads, 1, "a slip reloads nothing");
}

Test(admin_api, what_is_not_there_is_refused_with_a_sentence)
{
    struct office office = {0};
    const char *const no_path =
        "{\"error\":\"no such path; there are /status, /why, /reload and /upgrade\"}\n";
    const char *const no_method = "{\"error\":\"this path takes another method\"}\n";

    expect_answer(&office, METHOD_GET, "/", 404, no_path);
    expect_answer(&office, METHOD_GET, "*", 404, no_path);
    expect_answer(&office, METHOD_GET, "/status/", 404, no_path);
    expect_answer(&office, METHOD_GET, "/reload", 405, no_method);
    expect_answer(&office, METHOD_POST, "/status", 405, no_method);
    expect_answer(&office, METHOD_GET, "/status?x", 400, "{\"error\":\"this path has no query\"}\n");
    expect_answer(&office, METHOD_GET, "/why?id=12", 400,
                  "{\"error\":\"ask with ?id= and the 16 hexadecimal digits of X-Portico-Error\"}\n");
    expect_answer(&office, METHOD_GET, "/why?ids=0123456789abcdef", 400,
                  "{\"error\":\"ask with ?id= and the 16 hexadecimal digits of X-Portico-Error\"}\n");
    expect_answer(&office, METHOD_GET, "/why", 400,
                  "{\"error\":\"ask with ?id= and the 16 hexadecimal digits of X-Portico-Error\"}\n");
    cr_expect_eq(office.reloads, 0);
}

Test(admin_api, who_is_cancelled_is_forgotten_and_not_answered)
{
    struct office office = {.is_slow = true};
    const struct admin_office table = {.reload = on_reload, .forget = on_forget, .owner = &office};
    struct answers answers = {0};
    struct admin_request request = {.office = &table, .answered = on_answered, .owner = &answers};

    admin_request_begin(&request, METHOD_POST, SLICE("/reload"));
    cr_expect(admin_request_is_pending(&request));
    admin_request_cancel(&request);
    admin_request_cancel(&request);
    cr_expect_not(admin_request_is_pending(&request));
    cr_expect_eq(office.forgotten, 1);
    cr_expect_eq(answers.count, 0);
}
