/* In place of http/h2_client.c: defining all of its functions here keeps its object out of the program. No frame is
 * written: what a server says of a request or a connection is what the test has it say (farm.h). As in the real one,
 * no event comes from inside a call of the owner. */
#include "http/h2_client.h"

#include "base/mem.h"
#include "sim_pools/farm.h"

enum { ALLOWED_UNTOLD = 100 };

struct share {
    struct link link; /* in client->shares */
    struct http_end end;
    struct h2_client *client;
    enum http_progress progress;
};

struct h2_client {
    struct link link; /* in server->h2_clients */
    struct server *server;
    struct stream *stream;
    const struct h2_client_events *on;
    void *owner;
    struct link shares; /* oldest first */
    unsigned in_use, allowed;
    bool has_settings, has_grown, is_doubtful, is_leaving, is_leaving_told, is_drained;
    struct pending tell, settings;
};

static struct share *share_of(const struct http_end *end)
{
    return CONTAINER_OF(end, struct share, end);
}

/* --- Ends */

static const struct http_end_events *end_share(struct share *share)
{
    struct h2_client *client = share->client;

    list_remove(&share->link);
    client->in_use--;
    client->server->streams--;
    client->has_grown = true;
    loop_defer(client->server->farm->loop, &client->tell);
    loop_retire(client->server->farm->loop, share, mem_free);
    return TAKE(share->end.on);
}

static void reset_share(struct share *share, enum http_progress progress)
{
    const struct http_end_events *on = end_share(share);

    share->progress = progress;
    on->reset(share->end.owner, FAULT_BACK_RESET, 0);
}

static void op_head(struct http_end *end, const struct head *head, bool last)
{
    MUST(last, "the farm's requests are short");
}

static void op_reset(struct http_end *end, enum fault fault)
{
    end_share(share_of(end));
}

static enum http_progress op_progress(const struct http_end *end)
{
    return share_of(end)->progress;
}

static const struct http_end_ops OPS = {.head = op_head, .reset = op_reset, .progress = op_progress};

/* --- What the server does */

void share_is_answered(struct http_end *end)
{
    const struct head answer = {.status = 200, .major = 2};
    struct share *share = share_of(end);
    const struct http_end_events *on = end_share(share);

    share->progress = HTTP_ANSWERED;
    on->head(end->owner, &answer, true);
}

void share_is_refused(struct http_end *end)
{
    reset_share(share_of(end), HTTP_UNPROCESSED);
}

/* The newest first: those are past the limit. */
static void refuse_past(struct h2_client *client, unsigned limit)
{
    while (client->in_use > limit)
        reset_share(CONTAINER_OF(client->shares.prev, struct share, link), HTTP_UNPROCESSED);
}

static void on_settings(struct pending *pending)
{
    struct h2_client *client = CONTAINER_OF(pending, struct h2_client, settings);

    client->has_settings = true;
    client->allowed = client->server->streams_allowed;
    client->has_grown = client->allowed > client->in_use;
    refuse_past(client, client->allowed);
    loop_defer(client->server->farm->loop, &client->tell);
}

void server_goes_away(struct server *server, unsigned processed)
{
    LIST_EACH(&server->h2_clients, link) {
        struct h2_client *client = CONTAINER_OF(link, struct h2_client, link);

        client->is_leaving = client->is_drained = true;
        loop_defer(server->farm->loop, &client->tell);
        refuse_past(client, processed);
    }
}

void server_falls_silent(struct server *server)
{
    LIST_EACH(&server->h2_clients, link)
        CONTAINER_OF(link, struct h2_client, link)->is_doubtful = true;
}

void server_speaks_again(struct server *server)
{
    LIST_EACH(&server->h2_clients, link) {
        struct h2_client *client = CONTAINER_OF(link, struct h2_client, link);

        client->has_grown |= TAKE(client->is_doubtful);
        loop_defer(server->farm->loop, &client->tell);
    }
}

/* --- The connection */

static void end_client(struct h2_client *client)
{
    list_remove(&client->link);
    loop_undefer(&client->tell);
    loop_undefer(&client->settings);
    loop_retire(client->server->farm->loop, client, mem_free);
}

static void on_tell(struct pending *pending)
{
    struct h2_client *client = CONTAINER_OF(pending, struct h2_client, tell);

    if (client->is_leaving && !client->is_leaving_told) {
        client->is_leaving_told = true;
        client->on->leaving(client->owner);
    }
    if (client->is_drained && !client->in_use) {
        stream_end(client->stream, false);
        end_client(client);
        client->on->closed(client->owner, FAULT_NONE, 0);
    } else if (client->has_grown && !client->is_leaving) {
        client->has_grown = false;
        client->on->room(client->owner);
    }
}

static size_t on_bytes(void *owner, struct slice lent)
{
    return lent.len;
}

static void on_drained(void *owner)
{
}

static void on_closed(void *owner, enum fault fault, int error_number)
{
    struct h2_client *client = owner;

    client->allowed = 0;
    while (!list_is_empty(&client->shares))
        reset_share(LIST_FIRST(&client->shares, struct share, link), HTTP_UNANSWERED);
    end_client(client);
    client->on->closed(client->owner, FAULT_BACK_RESET, error_number);
}

static void on_eof(void *owner)
{
    struct h2_client *client = owner;

    stream_close(client->stream);
    on_closed(client, FAULT_NONE, 0);
}

static const struct stream_events STREAM_EVENTS = {
    .bytes = on_bytes, .drained = on_drained, .eof = on_eof, .closed = on_closed};

struct h2_client *h2_client_new(struct stream *stream, const struct h2_client_limits *limits,
                                const struct h2_client_events *on, void *owner)
{
    struct h2_client *client = mem_new(struct h2_client);

    *client = (struct h2_client){.server = server_of(stream),
                                 .stream = stream,
                                 .on = on,
                                 .owner = owner,
                                 .allowed = ALLOWED_UNTOLD,
                                 .tell.run = on_tell,
                                 .settings.run = on_settings};
    list_init(&client->shares);
    list_push_back(&client->server->h2_clients, &client->link);
    stream_own(stream, &STREAM_EVENTS, client);
    stream_want(stream, true);
    loop_defer_next(client->server->farm->loop, &client->settings);
    return client;
}

unsigned h2_client_room(const struct h2_client *client)
{
    return client->is_leaving || client->in_use >= client->allowed ? 0 : client->allowed - client->in_use;
}

bool h2_client_is_doubtful(const struct h2_client *client)
{
    return client->is_doubtful;
}

unsigned h2_client_in_use(const struct h2_client *client)
{
    return client->in_use;
}

struct http_end *h2_client_begin(struct h2_client *client)
{
    struct share *share = mem_new(struct share);
    struct server *server = client->server;

    MUST(h2_client_room(client) > 0, "a request is begun where there is no room");
    share->client = client;
    share->end.ops = &OPS;
    share->progress = HTTP_UNANSWERED;
    list_push_back(&client->shares, &share->link);
    client->in_use++;
    server->streams++;
    server->streams_most = MAX(server->streams_most, server->streams);
    return &share->end;
}

struct stream *h2_client_stream(struct h2_client *client)
{
    return client->stream;
}

void h2_client_drain(struct h2_client *client)
{
    client->is_leaving = client->is_drained = true;
    loop_defer(client->server->farm->loop, &client->tell);
}

void h2_client_close(struct h2_client *client)
{
    MUST(client->in_use == 0, "closed with requests under way");
    stream_close(client->stream);
    end_client(client);
}
