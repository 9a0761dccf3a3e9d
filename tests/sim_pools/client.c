/* Who acquires: a raw client holds its stream, one of HTTP asks "GET /" at once. */
#include "base/mem.h"
#include "sim_pools/farm.h"

static void is_over(struct client *client)
{
    client->is_answered = true;
    acquire_release(&client->attempt);
}

static void on_head(void *owner, const struct head *head, bool last)
{
    MUST(last, "the farm's answers are short");
    is_over(owner);
}

static void on_data(void *owner, struct slice bytes, bool last)
{
}

static void on_trailers(void *owner, const struct fields *trailers)
{
}

static void on_credit(void *owner, size_t n)
{
}

bool client_tries_again(struct client *client)
{
    enum acquire_replay why = acquire_may_replay(&client->attempt, !client->is_post);

    MUST(client->was_reset, "nothing is wrong");
    return why != REPLAY_NO && acquire_again(&client->attempt, why, SLICE("it was reset"));
}

static void on_reset(void *owner, enum fault fault, int error_number)
{
    struct client *client = owner;

    client->was_reset = true;
    if (client->attempt.is_shared) /* its end is gone after this turn */
        client_tries_again(client);
}

static const struct http_end_events END_EVENTS = {on_head, on_data, on_trailers, on_credit, on_reset};

static void ask(struct client *client)
{
    const struct head head = {.method = METHOD_GET,
                              .method_text = SLICE("GET"),
                              .target = SLICE("/"),
                              .authority = SLICE("app.test"),
                              .major = 1,
                              .minor = 1};

    client->was_reset = false;
    http_end_own(client->attempt.end, &END_EVENTS, client);
    client->attempt.end->ops->head(client->attempt.end, &head, true);
}

static void on_ready(void *owner)
{
    struct client *client = owner;
    struct farm *farm = client->farm;

    MUST(!client->faileds, "%llu had failed", (unsigned long long)client->number);
    client->readies++;
    client->told_ms = farm_age_ms(farm);
    text_printf(&farm->readied, "%llu ", (unsigned long long)client->number);
    if (client->attempt.is_raw)
        client->stream = client->attempt.stream;
    else
        ask(client);
}

static void on_failed(void *owner, enum fault fault, int error_number, struct slice detail)
{
    struct client *client = owner;

    MUST(!client->faileds, "%llu fails twice", (unsigned long long)client->number);
    MUST(fault != FAULT_NONE, "%llu fails for nothing", (unsigned long long)client->number);
    MUST(client->attempt.state == ACQUIRE_NONE, "it is not released");
    client->faileds++;
    client->told_ms = farm_age_ms(client->farm);
    client->fault = fault;
    client->error_number = error_number;
    text_add(&client->detail, detail);
}

static void give_back(struct client *client)
{
    if (client->stream)
        stream_close(TAKE(client->stream));
    else if (client_has_conn(client) && !client->was_reset)
        client->attempt.end->ops->reset(client->attempt.end, FAULT_CLIENT_GONE);
    acquire_release(&client->attempt);
}

/* Those of HTTP are requests, raw ones are tunnels; each goes when its time is over. */
static void on_taken_out(void *owner, bool of_tunnels)
{
    struct client *client = owner;

    MUST(client_has_conn(client), "it uses nothing");
    client->out_requests += !of_tunnels;
    client->out_tunnels += of_tunnels;
    if (client->goes_when_taken_out && client->attempt.is_raw == of_tunnels)
        give_back(client);
}

static const struct acquire_events EVENTS = {
    .ready = on_ready, .failed = on_failed, .taken_out = on_taken_out};

static struct client *comes(struct farm *farm, size_t worker, bool is_raw, struct slice tag)
{
    struct client *client = mem_new(struct client);

    client->farm = farm;
    client->worker = worker;
    client->number = ++farm->numbers;
    list_push_back(&farm->clients, &client->link);
    client->attempt = (struct acquisition){
        .desks = farm->workers[worker].desks,
        .pool = &farm->pool,
        .arena = &client->arena,
        .on = &EVENTS,
        .owner = client,
        .connect_timeout_ms = CONNECT_MS,
        .is_raw = is_raw,
        .tag = tag,
    };
    acquire_start(&client->attempt);
    return client;
}

struct client *client_comes(struct farm *farm, size_t worker, bool is_raw)
{
    return comes(farm, worker, is_raw, slice_of(NULL, 0));
}

struct client *client_comes_to(struct farm *farm, size_t worker, const char *letter)
{
    return comes(farm, worker, true, slice_str(letter));
}

void client_is_served(struct client *client)
{
    MUST(client_has_conn(client) && !client->attempt.is_raw, "nobody asked");
    server_answers(client);
    farm_settle(client->farm);
    MUST(client->is_answered || client->was_reset, "no answer came");
}

static void client_free(void *object)
{
    struct client *client = object;

    arena_fini(&client->arena);
    text_fini(&client->detail);
    mem_free(client);
}

void client_leaves(struct client *client)
{
    give_back(client);
    list_remove(&client->link);
    loop_retire(client->farm->loop, client, client_free);
}
