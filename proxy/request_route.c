#include "proxy/request_route.h"

#include "proxy/client.h"
#include "proxy/snapshot.h"
#include "tls/tls_stream.h"

static bool view_field(const void *context, struct slice name, size_t n, struct slice *value)
{
    const struct fields *fields = context;

    for (size_t i = 0; i < fields->count; i++) {
        if (!slice_eq_nocase(fields->items[i].name, name) || n-- > 0)
            continue;
        *value = fields->items[i].value;
        return true;
    }
    return false;
}

static struct match match(const struct client *client, const struct snapshot *snapshot,
                          const struct head *head, const struct host *host)
{
    const struct port_table *port = table_port(snapshot->table, client->port);
    ptrdiff_t question = slice_find(head->target, '?');
    struct request_view view = {
        .is_tls = client->identity != NULL,
        .host = host_name(host),
        .path = slice_head(head->target, question < 0 ? head->target.len : (size_t)question),
        .query = question < 0 ? slice_of(NULL, 0) : slice_from(head->target, (size_t)question + 1),
        .method = head->method_text,
        .from = address_ip(client->stream->peer),
        .local = address_ip(client->stream->local),
        .field = view_field,
        .context = &head->fields,
    };

    if (!port) /* a reload closed this port; the connection was kept */
        return (struct match){.result = MATCH_NO_HOST};
    return port_table_request(port, &view);
}

/* RFC 9110 §7.4: what is asked for with https must not be answered in clear, and what is asked for with http is another
 * resource than what this connection has; but a gateway that is believed may have ended TLS, or begun it. */
static bool is_of_other_scheme(const struct client *client, const struct snapshot *snapshot,
                               const struct head *head)
{
    return head->scheme.len > 0 &&
           slice_eq_nocase(head->scheme, SLICE("https")) != (client->identity != NULL) &&
           !snapshot_trusts(snapshot, client->stream->peer);
}

/* RFC 9110 §7.4: the host must be the one that was asked for, or one that this connection's certificate
 * speaks for. Addresses are asked for by sending no name (RFC 6066 §3). */
static bool is_asked_for(const struct client *client, const struct host *host)
{
    struct slice asked = slice_str(tls_stream_server_name(client->stream));

    return asked.len ? slice_eq(host_name(host), asked) : host->is_ip;
}

static bool is_misdirected(const struct client *client, const struct host *host)
{
    return client->identity && !is_asked_for(client, host) &&
           !tls_identity_covers(client->identity, host_name(host));
}

/* A client that knows the certificate may send us requests for all names in it (RFC 9113 §9.1.1), also those that a
 * connection of their own would have brought to another server: of a pass-through route, or of another machine. */
static bool is_coalesced(const struct client *client, const struct host *host)
{
    return client->identity && !is_asked_for(client, host);
}

/* What a look-up that found nothing means to the client, and to the log. */
static const struct request_route REFUSALS[] = {
    [MATCH_NO_HOST] = {NULL, FAULT_NO_ROUTE, "no route of this port has that host"},
    [MATCH_NO_PATH] = {NULL, FAULT_NO_ROUTE, "the host has no route for that path"},
    [MATCH_NO_CONDITION] = {NULL, FAULT_NO_ROUTE, "no route's conditions hold"},
    [MATCH_AMBIGUOUS] = {NULL, FAULT_BAD_REQUEST, "the path takes different routes, by how it is read"},
    [MATCH_BAD_PATH] = {NULL, FAULT_BAD_REQUEST, "the path is not valid"},
};

struct request_route request_route_find(const struct client *client, const struct snapshot *snapshot,
                                        const struct head *head, struct host *host)
{
    struct match found;

    if (client->is_plain_on_tls)
        return (struct request_route){NULL, FAULT_PLAIN_ON_TLS, ""};
    if (!host_parse(head->authority, host)) {
        if (head->authority.len > 0 || head->major > 1 || head->minor > 0)
            return (struct request_route){NULL, FAULT_BAD_REQUEST, "the Host is not a valid host[:port]"};
        *host = (struct host){0};
    }
    if (is_of_other_scheme(client, snapshot, head))
        return (struct request_route){NULL, FAULT_MISDIRECTED,
                                      "the target's scheme is not that of the connection"};
    if (is_misdirected(client, host))
        return (struct request_route){NULL, FAULT_MISDIRECTED,
                                      "the connection's certificate does not cover this Host"};
    found = match(client, snapshot, head, host);
    if (found.result == MATCH_NO_HOST && is_coalesced(client, host))
        return (struct request_route){NULL, FAULT_MISDIRECTED, "no route of this port has that host"};
    if (found.result != MATCH_FOUND)
        return REFUSALS[found.result];
    return (struct request_route){.route = found.route};
}
