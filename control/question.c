#include "control/question.h"

#include "routing/explain.h"

struct question question_plain(void)
{
    return (struct question){.from = {.family = 4, .bytes = {127, 0, 0, 1}}};
}

/* ---- the URL ---- */

static struct slice cut_scheme(struct slice url, enum scheme *out)
{
    for (enum scheme scheme = 0; scheme < SCHEME_COUNT; scheme++) {
        struct slice name = slice_str(scheme_name(scheme));

        if (slice_starts_nocase(url, name) && slice_starts(slice_from(url, name.len), SLICE("://"))) {
            *out = scheme;
            return slice_from(url, name.len + 3);
        }
    }
    *out = SCHEME_HTTP;
    return url;
}

static int read_authority(struct question *question, struct slice authority, struct error *error)
{
    uint64_t port;

    question->port = scheme_default_port(question->scheme);
    if (slice_starts(authority, SLICE(":"))) {
        if (!slice_to_u64(slice_from(authority, 1), UINT16_MAX, &port) || port == 0)
            return error_set(error, "\"%.*s\" has no valid port", FMT_SLICE(authority));
        question->port = (uint16_t)port;
    } else if (!host_parse(authority, &question->host)) {
        return error_set(error, "\"%.*s\" is no host[:port]", FMT_SLICE(authority));
    } else if (question->host.has_port) {
        question->port = question->host.port;
    }
    if (question->port == 0)
        return error_set(error, "%s has no default port: name one", scheme_name(question->scheme));
    return 0;
}

int question_read(struct question *question, struct slice url, struct error *error)
{
    struct slice rest = cut_scheme(url, &question->scheme);
    size_t end = 0;

    while (end < rest.len && rest.data[end] != '/' && rest.data[end] != '?')
        end++;
    if (read_authority(question, slice_head(rest, end), error) < 0)
        return -1;
    rest = slice_from(rest, end);
    for (end = 0; end < rest.len && rest.data[end] != '?';)
        end++;
    question->path = end ? slice_head(rest, end) : SLICE("/");
    question->query = end < rest.len ? slice_from(rest, end + 1) : SLICE("");
    return 0;
}

struct slice question_name(const struct question *question)
{
    if (question->sni)
        return slice_str(question->sni);
    return question->host.is_ip ? SLICE("") : host_name(&question->host);
}

/* ---- the table ---- */

static bool view_field(const void *context, struct slice name, size_t n, struct slice *value)
{
    const struct question *question = context;

    for (size_t i = 0; i < question->headers_count; i++) {
        ptrdiff_t colon = slice_find(question->headers[i], ':');

        if (!slice_eq_nocase(slice_trim(slice_head(question->headers[i], (size_t)colon)), name) || n-- > 0)
            continue;
        *value = slice_trim(slice_from(question->headers[i], (size_t)colon + 1));
        return true;
    }
    return false;
}

struct match question_request(const struct question *question, const struct table *table, struct text *steps)
{
    const struct port_table *port = table_port(table, question->port);
    const struct request_view view = {
        .is_tls = question->scheme == SCHEME_HTTPS,
        .host = host_name(&question->host),
        .path = question->path,
        .query = question->query,
        .method = slice_str(question->method ? question->method : "GET"),
        .from = question->from,
        .local = question->from,
        .field = view_field,
        .context = question,
    };

    if (steps)
        return explain_request(table, question->port, &view, steps);
    return port ? port_table_request(port, &view) : (struct match){.result = MATCH_NO_HOST};
}

struct sni_match question_hello(const struct question *question, const struct table *table, struct slice name,
                                struct text *steps)
{
    const struct port_table *port = table_port(table, question->port);

    if (steps)
        return explain_sni(table, question->port, name, question->from, question->from, steps);
    return port ? port_table_sni(port, name, question->from, question->from)
                : (struct sni_match){.kind = SNI_NONE};
}

const struct route *question_raw(const struct question *question, const struct table *table,
                                 enum scheme scheme, struct text *steps)
{
    const struct port_table *port = table_port(table, question->port);
    const struct route *route = port ? port_table_raw(port, scheme, question->from, question->from) : NULL;

    if (!steps)
        return route;
    if (!port)
        text_printf(steps, "port %u: no route names it\n", question->port);
    else if (!route)
        text_printf(steps, "port %u: no %s route takes it\n", question->port, scheme_name(scheme));
    else
        text_printf(steps, "route %s://:%u (line %u)\n", scheme_name(scheme), question->port, route->line);
    return route;
}

static const struct route *ask_request(const struct question *question, const struct table *table,
                                       struct text *steps)
{
    struct match match = question_request(question, table, steps);

    return match.result == MATCH_FOUND ? match.route : NULL;
}

const struct route *question_route(const struct question *question, const struct table *table,
                                   struct text *steps)
{
    struct sni_match match;

    switch (question->scheme) {
    case SCHEME_HTTP:
        return ask_request(question, table, steps);
    case SCHEME_HTTPS:
    case SCHEME_TLS:
    case SCHEME_TCPS:
        match = question_hello(question, table, question_name(question), steps);
        if (match.kind == SNI_HTTPS && question->scheme == SCHEME_HTTPS)
            return ask_request(question, table, steps);
        return match.route;
    default:
        return question_raw(question, table, question->scheme, steps);
    }
}
