#include "control/admin.h"

#include "base/list.h"
#include "base/mem.h"
#include "control/admin_api.h"
#include "http/answer.h"
#include "http/h1_server.h"
#include "net/listener.h"
#include "net/loop.h"

enum {
    CONNECTIONS_MAX = 16,
    CONNECTION_MS = 10000,
    UPGRADE_MS = UPGRADE_LIMIT_MS + CONNECTION_MS, /* of a connection that waits for one */
    CONTENT_MAX = 4096,                            /* nothing here needs any */
    HEAD_BYTES = 8192,
    TARGET_BYTES = 256,
    FIELDS_MAX = 32,
};

enum { ADMIN_CONN_MAGIC = 0xad317c01 };

struct admin {
    struct loop *loop;
    struct listener *listener;
    const struct admin_office *office;
    struct link conns;
    unsigned count;
    bool is_closed;
};

/** Happy path:  head → content, dropped → begun → answered → closed
 *  On failure:  an answer with an error; at the deadline as well, where none was given
 *  On close:    what was asked for is forgotten, a reload that has begun goes on */
struct admin_conn {
    unsigned magic;
    struct link link;
    struct admin *admin;
    struct http_server *server;
    struct timer deadline;
    struct http_end *end; /* of the request that is not answered; else NULL */
    enum method method;
    char *target;
    size_t content;
    struct admin_request request;
};

static const struct http_server_limits LIMITS = {
    .head_bytes = HEAD_BYTES,
    .target_bytes = TARGET_BYTES,
    .fields = FIELDS_MAX,
    .requests = 1,
    .head_ms = CONNECTION_MS,
    .idle_ms = CONNECTION_MS,
};

/* ---- answering ---- */

static void answer(void *owner, int status, struct slice json, const char *allow)
{
    struct admin_conn *conn = CAST(admin_conn, ADMIN_CONN, owner);
    struct http_end *end = TAKE(conn->end);
    struct field items[] = {{.name = SLICE("Cache-Control"), .value = SLICE("no-store")},
                            {.name = SLICE("Allow"), .value = slice_str(allow)}};
    const struct answer given = {
        .status = status,
        .fields = {.items = items, .count = allow ? 2 : 1, .cap = ARRAY_LEN(items)},
        .content_type = SLICE("application/json"),
        .body = json,
        .ends_connection = true,
    };

    if (end)
        answer_give(end, &given);
}

static void begin(struct admin_conn *conn)
{
    admin_request_begin(&conn->request, conn->method, slice_str(conn->target));
    if (conn->request.upgrades)
        loop_arm(conn->admin->loop, &conn->deadline, UPGRADE_MS);
}

static void on_content(void *owner, struct slice bytes, bool last)
{
    struct admin_conn *conn = CAST(admin_conn, ADMIN_CONN, owner);

    if (!conn->end)
        return;
    conn->content += bytes.len;
    conn->end->ops->credit(conn->end, bytes.len);
    if (conn->content > CONTENT_MAX)
        admin_request_fail(&conn->request, 413, "requests here need no content");
    else if (last)
        begin(conn);
}

static void on_trailers(void *owner, const struct fields *trailers)
{
    struct admin_conn *conn = CAST(admin_conn, ADMIN_CONN, owner);

    if (conn->end)
        begin(conn);
}

static void on_credit(void *owner, size_t n)
{
    (void)CAST(admin_conn, ADMIN_CONN, owner); /* answers are whole in the stream already */
}

static void on_reset(void *owner, enum fault fault, int error_number)
{
    struct admin_conn *conn = CAST(admin_conn, ADMIN_CONN, owner);

    conn->end = NULL;
    admin_request_cancel(&conn->request);
}

static const struct http_end_events END_EVENTS = {
    .data = on_content,
    .trailers = on_trailers,
    .credit = on_credit,
    .reset = on_reset,
};

/* ---- connections ---- */

static void on_request(void *owner, struct http_end *end, const struct head *head, bool last)
{
    struct admin_conn *conn = CAST(admin_conn, ADMIN_CONN, owner);

    conn->end = end;
    conn->method = head->method;
    conn->target = mem_string(head->target);
    http_end_own(end, &END_EVENTS, conn);
    if (last)
        begin(conn);
}

static void on_refused(void *owner, struct http_end *end, const struct head *head, enum fault fault,
                       const char *detail)
{
    struct admin_conn *conn = CAST(admin_conn, ADMIN_CONN, owner);

    conn->end = end;
    http_end_own(end, &END_EVENTS, conn);
    admin_request_fail(&conn->request, fault_row(fault)->status, detail);
}

static void conn_free(void *object)
{
    struct admin_conn *conn = object;

    mem_free(conn->target);
    mem_free(conn);
}

static void admin_release(struct admin *admin)
{
    if (admin->is_closed && admin->count == 0)
        loop_retire(admin->loop, admin, mem_free);
}

static void on_closed(void *owner, enum fault fault)
{
    struct admin_conn *conn = CAST(admin_conn, ADMIN_CONN, owner);
    struct admin *admin = conn->admin;

    conn->end = NULL;
    admin_request_cancel(&conn->request);
    loop_cancel(admin->loop, &conn->deadline);
    list_remove(&conn->link);
    loop_retire(admin->loop, conn, conn_free);
    if (admin->count-- == CONNECTIONS_MAX && admin->listener)
        listener_resume(admin->listener);
    admin_release(admin);
}

static const struct http_server_events SERVER_EVENTS = {on_request, on_refused, on_closed};

/* One more turn of it for the answer to leave. */
static void on_deadline(struct timer *timer)
{
    struct admin_conn *conn = CONTAINER_OF(timer, struct admin_conn, deadline);

    if (!conn->end) {
        http_server_close(conn->server, true);
        return;
    }
    loop_arm(conn->admin->loop, timer, CONNECTION_MS);
    if (admin_request_is_pending(&conn->request))
        admin_request_fail(&conn->request, 503, "not done within ten seconds: see /status");
    else
        admin_request_fail(&conn->request, 408, "the request did not come within ten seconds");
}

static void on_accepted(void *owner, struct stream *stream)
{
    struct admin *admin = owner;
    struct admin_conn *conn = mem_new(struct admin_conn);

    MAGIC_SET(conn, ADMIN_CONN);
    conn->admin = admin;
    conn->request = (struct admin_request){.office = admin->office, .answered = answer, .owner = conn};
    timer_init(&conn->deadline, on_deadline);
    list_push_back(&admin->conns, &conn->link);
    loop_arm(admin->loop, &conn->deadline, CONNECTION_MS);
    conn->server = h1_server_new(stream, &LIMITS, &SERVER_EVENTS, conn);
    if (++admin->count == CONNECTIONS_MAX && admin->listener)
        listener_pause(admin->listener);
}

/* ---- all of it ---- */

int admin_new(struct loop *loop, int fd, const struct admin_office *office, struct admin **out,
              struct error *error)
{
    struct admin *admin = mem_new(struct admin);

    admin->loop = loop;
    admin->office = office;
    list_init(&admin->conns);
    admin->listener = listener_new(loop, fd, false, on_accepted, admin, error);
    if (!admin->listener) {
        mem_free(admin);
        return -1;
    }
    *out = admin;
    return 0;
}

void admin_leave(struct admin *admin)
{
    if (admin)
        listener_free(TAKE(admin->listener), false);
}

void admin_close(struct admin *admin)
{
    if (!admin)
        return;
    admin->is_closed = true;
    admin_leave(admin);
    LIST_EACH(&admin->conns, link) {
        struct admin_conn *conn = CONTAINER_OF(link, struct admin_conn, link);

        conn->end = NULL;
        admin_request_cancel(&conn->request);
        http_server_close(conn->server, true);
    }
    admin_release(admin);
}
