#include "sim/stage.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "proxy/exchange.h"
#include "proxy/lease.h"
#include "sim/must.h"

/* --- The table */

static const struct {
    const char *key, *name;
    int kind, status;
} ROUTES[ROUTES_COUNT] = {
    [ROUTE_APP] = {"http://app.test", "app", ACTION_PROXY, 0},
    [ROUTE_SMALL] = {"http://app.test/small", "small", ACTION_PROXY, 0},
    [ROUTE_CLOSED] = {"http://app.test/closed", "closed", ACTION_RESPOND, 410},
    [ROUTE_OLD] = {"http://old.test", "old", ACTION_REDIRECT, 308},
    [ROUTE_SECURE] = {"https://app.localhost", "secure", ACTION_PROXY, 0},
    [ROUTE_PICKY] = {"http://app.test/picky", "picky", ACTION_PROXY, 0},
    [ROUTE_AGAIN] = {"http://app.test/again", "again", ACTION_PROXY, 0},
};

static struct pool_target endpoint_of(const char *text, struct arena *arena)
{
    struct pool_target endpoint = {0};
    struct error error;

    cr_assert_eq(target_parse(slice_str(text), arena, &endpoint.target, &error), 0);
    endpoint.identity = endpoint.target.text;
    return endpoint;
}

static void add_route(struct stage *stage, struct table_builder *builder, uint32_t number)
{
    static const struct slice METHODS[] = {{"GET", 3}};
    static const struct conditions ONLY_GET = {.methods = METHODS, .methods_count = 1};
    struct snapshot *snapshot = stage->snapshot;
    struct action *action = &snapshot->actions[number];
    struct pool *pool;
    struct error error;
    struct url_key key;

    cr_assert_eq(url_key_parse(slice_str(ROUTES[number].key), &snapshot->arena, &key, &error), 0);
    cr_assert_eq(table_builder_add(builder, &key, number == ROUTE_PICKY ? &ONLY_GET : NULL, number,
                                   number + 1, &error),
                 0);
    *action = (struct action){.kind = ROUTES[number].kind,
                              .status = ROUTES[number].status,
                              .redirect_to_https = ROUTES[number].kind == ACTION_REDIRECT,
                              .name = slice_str(ROUTES[number].name),
                              .options = number == ROUTE_SMALL ? &stage->small_options : &stage->options};
    if (action->kind != ACTION_PROXY)
        return;
    pool = arena_new(&snapshot->arena, struct pool);
    *pool = (struct pool){.count = 2, .number = number};
    if (number == ROUTE_AGAIN)
        pool->retry = (struct pool_retry){.tries = 2, .resets = true, .budget_percent = 20};
    pool->targets = arena_alloc(&snapshot->arena, 2 * sizeof(struct pool_target));
    pool->targets[0] = endpoint_of("10.0.0.1:3000", &snapshot->arena);
    pool->targets[1] = endpoint_of("10.0.0.2:3000", &snapshot->arena);
    action->pool = pool;
}

static void set_options(struct stage *stage)
{
    stage->options = (struct route_options){
        .is_logged = true,
        .timeouts = {.connect = 5000,
                     .stall = STALL_MS,
                     .answer = ANSWER_MS,
                     .answer_idle = ANSWER_IDLE_MS,
                     .tunnel = TUNNEL_MS},
        .limits = {.body = SETTING_NONE},
    };
    stage->small_options = stage->options;
    stage->small_options.limits.body = 10;
}

static void build_snapshot(struct stage *stage)
{
    struct table_builder *builder = table_builder_new();
    struct snapshot *snapshot = stage->snapshot = snapshot_new();

    set_options(stage);
    snapshot->actions = arena_zeroed(&snapshot->arena, ROUTES_COUNT * sizeof(struct action));
    snapshot->actions_count = snapshot->pools_count = ROUTES_COUNT;
    for (uint32_t i = 0; i < ROUTES_COUNT; i++)
        add_route(stage, builder, i);
    snapshot->table = table_builder_done(builder);
    snapshot->certificates = certificates_new(NULL);
}

/* --- The stage */

static void drop_line(struct slice line)
{
}

/* An hour ahead of the real clock, which therefore never moves this one; on a tick, so that a deadline falls
 * on the millisecond that it says. */
static void stop_clock(struct stage *stage)
{
    uint64_t now_ms = loop_now_ms(stage->loop) + 3600 * 1000;

    timer_wheel_advance(loop_timers(stage->loop), now_ms - now_ms % WHEEL_TICK_MS);
}

struct stage *stage_new(void)
{
    struct stage *stage = mem_new(struct stage);
    struct error error;

    log_divert(drop_line);
    cr_assert_eq(loop_new(&stage->loop, &error), 0, "%s", error.text);
    stop_clock(stage);
    list_init(&stage->office.plays);
    build_snapshot(stage);
    stage->worker = (struct worker){.magic = WORKER_MAGIC,
                                    .loop = stage->loop,
                                    .lease = lease_new(stage->snapshot, &stage->office),
                                    .office = &stage->office,
                                    .access = (struct log_channel *)stage,
                                    .random = {1, 2}};
    list_init(&stage->worker.spare_exchanges);
    return stage;
}

void stage_turn(struct stage *stage)
{
    loop_run_once(stage->loop);
}

void stage_wait(struct stage *stage, uint64_t ms)
{
    struct timer_wheel *wheel = loop_timers(stage->loop);

    timer_wheel_advance(wheel, wheel->now_ms + ms);
    stage_turn(stage);
}

void stage_free(struct stage *stage)
{
    stage_turn(stage);
    MUST(list_is_empty(&stage->office.plays), "the test left a play on the stage");
    MUST(loop_timers(stage->loop)->queued == 0, "a timer is armed after the end");
    MUST(stage->worker.lease->users == 1, "an exchange kept its lease");
    exchanges_free_spare(&stage->worker);
    failures_fini(&stage->worker.failures);
    lease_drop(stage->worker.lease);
    snapshot_unref(stage->snapshot);
    text_fini(&stage->worker.line);
    loop_free(stage->loop);
    mem_free(stage);
    log_divert(NULL);
}

/* --- A play */

struct play *play_new(struct stage *stage)
{
    static uint16_t port;
    struct play *play = mem_new(struct play);

    play->stage = stage;
    port = port % 50000 + 1;
    play->peer = address_from_ip((struct ip){.family = 4, .bytes = {192, 0, 2, 7}}, (uint16_t)(port + 10000));
    play->local = address_from_ip((struct ip){.family = 4, .bytes = {198, 51, 100, 1}}, 80);
    play->stream = (struct stream){.magic = STREAM_MAGIC, .peer = &play->peer, .local = &play->local};
    play->client = (struct client){.worker = &stage->worker, .stream = &play->stream, .port = 80};
    fake_end_init(&play->front, stage->loop, true);
    fake_end_init(&play->back, stage->loop, false);
    list_push_back(&stage->office.plays, &play->link);
    return play;
}

void play_check_over(struct play *play)
{
    const struct fake_end *front = &play->front, *back = &play->back;

    MUST(!fake_end_is_live(front) && !fake_end_is_live(back), "an end is still attached");
    MUST(front->told_last + front->told_reset + front->gave_reset >= 1, "the front has no end");
    MUST(play->starts == play->ends, "%u acquired, %u released", play->starts, play->ends);
    MUST(play->logged == 1, "%u access lines", play->logged);
    MUST(front->credited <= front->given && back->credited <= back->given, "more credited than given");
    MUST(!back->told_last || back->taken == front->given, "of %zu bytes of the request %zu arrived",
         front->given, back->taken);
    MUST(!front->told_last || !back->gave_last || front->taken == back->given,
         "of %zu bytes of the answer %zu arrived", back->given, front->taken);
}

void play_free(struct play *play)
{
    list_remove(&play->link);
    fake_end_fini(&play->front);
    fake_end_fini(&play->back);
    text_fini(&play->office);
    text_fini(&play->line);
    mem_free(play);
}

static void ask(struct play *play, const struct head *head, bool last)
{
    play->stage->office.beginning = play;
    play->front.gave_last = last;
    play->front.in_event = true;
    exchange_start(&play->client, &play->front.end, head, last);
    play->front.in_event = false;
    play->stage->office.beginning = NULL;
    stage_turn(play->stage);
}

void play_asks(struct play *play, const char *line, enum body_kind body, uint64_t length)
{
    struct slice rest = slice_str(line);
    ptrdiff_t blank = slice_find(rest, ' '), colon, slash;
    struct head head = {
        .major = 1, .minor = 1, .authority = SLICE("app.test"), .body = body, .length = length};

    head.method_text = slice_head(rest, (size_t)blank);
    head.method = method_of(head.method_text);
    head.target = slice_from(rest, (size_t)blank + 1);
    head.has_length = body == BODY_LENGTH;
    head.expects_continue = play->expects_continue;
    colon = slice_find(head.target, ':');
    if (colon > 0 && slice_starts(slice_from(head.target, (size_t)colon), SLICE("://"))) {
        head.scheme = slice_head(head.target, (size_t)colon);
        rest = slice_from(head.target, (size_t)colon + 3);
        slash = slice_find(rest, '/');
        head.authority = slice_head(rest, (size_t)slash);
        head.target = slice_from(rest, (size_t)slash);
    }
    ask(play, &head, body == BODY_NONE);
}

void play_asks_upgrade(struct play *play, const char *target)
{
    const struct head head = {.method = METHOD_GET,
                              .method_text = SLICE("GET"),
                              .target = slice_str(target),
                              .authority = SLICE("app.test"),
                              .protocol = SLICE("websocket"),
                              .major = 1,
                              .minor = 1};

    play->asks_upgrade = true;
    ask(play, &head, false);
}

struct play *play_begin(const char *line, enum body_kind body, uint64_t length)
{
    struct play *play = play_new(stage_new());

    play_asks(play, line, body, length);
    return play;
}

void play_end(struct play *play)
{
    struct stage *stage = play->stage;

    stage_turn(stage);
    play_check_over(play);
    MUST(stage->worker.spare_exchanges_count == 1, "the exchange was not recycled");
    play_free(play);
    stage_free(stage);
}

void back_answers(struct play *play, int status, enum body_kind body, uint64_t length)
{
    struct head head = {.status = status,
                        .reason = slice_str(status_phrase(status)),
                        .major = 1,
                        .minor = 1,
                        .body = body,
                        .length = length,
                        .has_length = body == BODY_LENGTH};

    if (status == 101)
        head.protocol = SLICE("websocket");
    fake_end_heads(&play->back, &head, status >= 200 && body == BODY_NONE);
}

void play_expect_office(struct play *play, const char *text, const char *file, unsigned line)
{
    text_add_literal(&play->office, "");
    cr_assert_str_eq(play->office.data, text, "%s:%u: of the office was asked\n%sinstead of\n%s", file, line,
                     play->office.data, text);
    text_clear(&play->office);
}

void play_expect_failed(struct play *play, int status, enum fault fault, const char *detail, const char *file,
                        unsigned line)
{
    const struct field *id = fields_find_name(&play->front.head.fields, SLICE("X-Portico-Error"));
    char logged[64];

    cr_assert_eq(play->front.head.status, status, "%s:%u: status %d", file, line, play->front.head.status);
    cr_assert(id && id->value.len == 16, "%s:%u: no id", file, line);
    cr_assert(play->front.told_last && !play->front.told_reset, "%s:%u: not a whole answer", file, line);
    snprintf(logged, sizeof(logged), " end=%s", fault_row(fault)->token);
    cr_assert(play->logged == 1 && strstr(play->line.data, logged) && strstr(play->line.data, detail) &&
                  memmem(play->line.data, play->line.len, id->value.data, id->value.len),
              "%s:%u: %s", file, line, play->line.data ? play->line.data : "no line");
    text_clear(&play->front.told);
}
