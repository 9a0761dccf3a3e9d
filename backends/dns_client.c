#include "backends/dns_client.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backends/file_stamp.h"
#include "base/log.h"
#include "base/mem.h"

/* A question waits → is under way (c-ares has it, and must be let finish) → is answered → is told and gone.
 * Everything is done in work(), which runs once a turn and never inside c-ares. */

enum {
    UNDER_WAY_MAX = 200, /* datagrams that a server's socket buffer holds; the rest waits here */
    LOAD_MAX = 600,      /* with those that were cancelled, and so do not keep others waiting */
    LOOK_MS = 1000,
};

struct dns_client {
    struct loop *loop;
    struct dns_servers servers;
    struct dns_search search;
    struct file_stamp stamp;
    uint64_t looked_ms;
    struct dns_channel *channel;
    struct dns_channel
        *plain; /* for what 1.18 reports as "unreachable" where every server failed or refused */
    struct dns_channel **past; /* of a resolv.conf that changed, until their questions are answered */
    size_t past_count, past_cap;
    struct link waiting, answered; /* of struct dns_question */
    size_t under_way;              /* those that were not cancelled */
    struct pending working;
};

struct dns_question {
    struct link link;
    struct dns_client *client;
    enum dns_type type;
    char name[DNS_NAME_MAX + 1];
    bool is_under_way;
    bool is_repeated; /* on the plain channel */
    enum dns_outcome outcome;
    char *bytes; /* of the answer */
    size_t len;
    dns_client_answer *on_answer; /* NULL: cancelled */
    void *owner;
};

/* Questions. */

static void question_free(void *object)
{
    struct dns_question *question = object;

    mem_free(question->bytes);
    mem_free(question);
}

static void question_end(struct dns_question *question)
{
    list_remove(&question->link);
    question->on_answer = NULL;
    loop_retire(question->client->loop, question, question_free);
}

struct dns_question *dns_client_ask(struct dns_client *client, const char *name, enum dns_type type,
                                    dns_client_answer *on_answer, void *owner)
{
    struct dns_question *question = mem_new(struct dns_question);
    size_t len = strlen(name);

    ASSERT(len <= DNS_NAME_MAX);
    question->client = client;
    question->type = type;
    memcpy(question->name, name, len + 1);
    question->on_answer = on_answer;
    question->owner = owner;
    list_push_back(&client->waiting, &question->link);
    loop_defer(client->loop, &client->working);
    return question;
}

void dns_question_cancel(struct dns_question *question)
{
    struct dns_client *client = question->client;

    if (!question->is_under_way) {
        question_end(question);
        return;
    }
    question->on_answer = NULL;
    client->under_way--;
    loop_defer(client->loop, &client->working);
}

/* c-ares 1.18 keeps to itself that a server failed or refused. Only the plain channel tells. */
static bool must_repeat(const struct dns_question *question, enum dns_outcome outcome)
{
    return outcome == DNS_UNREACHABLE && !question->is_repeated;
}

static void on_channel_answer(void *owner, enum dns_outcome outcome, struct slice bytes)
{
    struct dns_question *question = owner;
    struct dns_client *client = question->client;

    question->is_under_way = false;
    loop_defer(client->loop, &client->working);
    if (!question->on_answer) {
        question_end(question);
        return;
    }
    client->under_way--;
    if (must_repeat(question, outcome)) {
        question->is_repeated = true;
        list_push_front(&client->waiting, &question->link);
        return;
    }
    question->outcome = outcome;
    question->bytes = bytes.len ? mem_string(bytes) : NULL;
    question->len = bytes.len;
    list_push_back(&client->answered, &question->link);
}

/* Work. */

static bool has_room(const struct dns_client *client)
{
    return client->under_way < UNDER_WAY_MAX &&
           dns_channel_load(client->channel) + dns_channel_load(client->plain) < LOAD_MAX;
}

static void send_waiting(struct dns_client *client)
{
    while (!list_is_empty(&client->waiting) && has_room(client)) {
        struct dns_question *question = LIST_FIRST(&client->waiting, struct dns_question, link);

        list_remove(&question->link);
        question->is_under_way = true;
        client->under_way++;
        dns_channel_ask(question->is_repeated ? client->plain : client->channel, question->name,
                        question->type, on_channel_answer, question);
    }
}

/* What is answered from here on was not told yet, and its owner may cancel it. */
static void tell_answered(struct dns_client *client)
{
    while (!list_is_empty(&client->answered)) {
        struct dns_question *question = LIST_FIRST(&client->answered, struct dns_question, link);
        dns_client_answer *on_answer = question->on_answer;

        question_end(question);
        on_answer(question->owner, question, question->outcome, slice_of(question->bytes, question->len));
    }
}

static void free_past(struct dns_client *client)
{
    size_t kept = 0;

    for (size_t i = 0; i < client->past_count; i++) {
        if (dns_channel_load(client->past[i]) == 0)
            dns_channel_free(client->past[i]);
        else
            client->past[kept++] = client->past[i];
    }
    client->past_count = kept;
}

static void work(struct pending *pending)
{
    struct dns_client *client = CONTAINER_OF(pending, struct dns_client, working);

    send_waiting(client);
    free_past(client);
    tell_answered(client); /* last: who is told may end the client */
}

/* The machine's settings. */

static int open_channels(struct dns_client *client, struct error *error)
{
    struct dns_channel *channel, *plain;

    if (dns_channel_new(client->loop, &client->servers, false, &channel, error) < 0)
        return -1;
    if (dns_channel_new(client->loop, &client->servers, true, &plain, error) < 0) {
        dns_channel_free(channel);
        return -1;
    }
    client->channel = channel;
    client->plain = plain;
    return 0;
}

static void keep_past(struct dns_client *client, struct dns_channel *channel)
{
    mem_grow((void **)&client->past, &client->past_cap, client->past_count + 1, sizeof(struct dns_channel *));
    client->past[client->past_count++] = channel;
}

/* Some versions of c-ares take a file that they may not read for one without servers, and ask this machine's. */
static int check_readable(const char *path, struct error *error)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno != ENOENT)
        return error_set(error, "%s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return 0;
}

void dns_client_look(struct dns_client *client)
{
    struct dns_channel *channel = client->channel, *plain = client->plain;
    struct file_stamp now;
    struct error error = {0};

    if (loop_now_ms(client->loop) - client->looked_ms < LOOK_MS)
        return;
    client->looked_ms = loop_now_ms(client->loop);
    now = file_stamp_of(client->servers.resolv_conf);
    if (file_stamp_eq(&now, &client->stamp))
        return;
    client->stamp = now;
    if (check_readable(client->servers.resolv_conf, &error) < 0 || open_channels(client, &error) < 0) {
        log_event(LOG_WARN, "resolv_conf_not_used", "path=%s error=%s", client->servers.resolv_conf,
                  log_quote(slice_str(error.text)));
        return;
    }
    keep_past(client, channel);
    keep_past(client, plain);
    free_past(client);
    dns_search_fini(&client->search);
    dns_search_read(&client->search, client->servers.resolv_conf);
}

const struct dns_search *dns_client_search(const struct dns_client *client)
{
    return &client->search;
}

/* Beginning and end. */

static void client_free(void *object)
{
    struct dns_client *client = object;

    mem_free((void *)client->servers.servers);
    mem_free(client->past);
    dns_search_fini(&client->search);
    mem_free(client);
}

static const struct address *copy_servers(const struct dns_servers *servers)
{
    struct address *copy = mem_new_n(struct address, servers->count + 1);

    memcpy(copy, servers->servers, servers->count * sizeof(*copy));
    return copy;
}

int dns_client_new(struct loop *loop, const struct dns_servers *servers, struct dns_client **out,
                   struct error *error)
{
    struct dns_client *client = mem_new(struct dns_client);

    client->loop = loop;
    client->servers = *servers;
    client->servers.servers = copy_servers(servers);
    client->stamp = file_stamp_of(servers->resolv_conf);
    client->looked_ms = loop_now_ms(loop);
    client->working.run = work;
    list_init(&client->waiting);
    list_init(&client->answered);
    dns_search_read(&client->search, servers->resolv_conf);
    if (open_channels(client, error) < 0) {
        client_free(client);
        return -1;
    }
    *out = client;
    return 0;
}

/* What was cancelled while under way is ended from within c-ares, here. */
void dns_client_free(struct dns_client *client)
{
    if (!client)
        return;
    dns_channel_free(client->channel);
    dns_channel_free(client->plain);
    for (size_t i = 0; i < client->past_count; i++)
        dns_channel_free(client->past[i]);
    ASSERT(list_is_empty(&client->waiting) && list_is_empty(&client->answered));
    loop_undefer(&client->working);
    loop_retire(client->loop, client, client_free);
}
