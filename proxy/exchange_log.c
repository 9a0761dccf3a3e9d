#include <time.h>

#include "base/log.h"
#include "proxy/client.h"
#include "proxy/exchange_parts.h"
#include "proxy/lease.h"
#include "proxy/log_writer.h"
#include "proxy/worker.h"
#include "tls/tls_stream.h"

static struct slice field_value(const struct fields *fields, enum field_id id)
{
    const struct field *field = fields_find(fields, id);

    return field ? field->value : slice_of(NULL, 0);
}

void exchange_log(struct exchange *x)
{
    struct worker *worker = x->worker;
    struct stream *back = x->attempt.stream;
    struct timespec now;
    struct access_entry entry;

    if ((x->action && !x->action->options->is_logged) || !log_channel_is_on(worker->access))
        return;
    clock_gettime(CLOCK_REALTIME_COARSE, &now); /* a few milliseconds do not matter in a log */
    entry = (struct access_entry){
        .kind = x->client->identity ? "https" : "http",
        .id = x->id,
        .unix_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
        .client = x->client->stream->peer,
        .local = x->client->stream->local,
        .back_local = back ? back->local : NULL,
        .back_remote = back ? back->peer : NULL,
        .method = x->head.method_text,
        .target = x->head.target,
        .host = x->head.authority,
        .referer = field_value(&x->head.fields, FIELD_REFERER),
        .user_agent = field_value(&x->head.fields, FIELD_USER_AGENT),
        .version = head_version(&x->head),
        .status = x->status,
        .bytes_in = x->request.bytes,
        .bytes_out = x->response.bytes,
        .route = x->action ? x->action->name : slice_of(NULL, 0),
        .backend = x->attempt.backend,
        .tries = x->attempt.tries,
        .is_reused = x->attempt.is_reused,
        .when = x->when,
        .fault = x->fault,
        .detail = x->detail,
    };
    if (x->client->identity) {
        entry.server_name = slice_str(tls_stream_server_name(x->client->stream));
        entry.tls_version = tls_stream_version(x->client->stream);
    }
    entry.when.ended = loop_now_us();
    text_clear(&worker->line);
    access_log_format(&worker->line, &entry, x->lease->snapshot->access_format);
    log_channel_add(worker->access, text_slice(&worker->line));
}

void exchange_log_failure(const struct exchange *x)
{
    const struct fault_row *row = fault_row(x->fault);
    enum log_level level = row->blame == BLAME_BACKEND || row->blame == BLAME_US ? LOG_WARN : LOG_INFO;
    struct slice backend = x->attempt.backend.len ? x->attempt.backend : SLICE("-");

    if (!log_is_on(level))
        return;
    log_event(
        level, "request_failed",
        "id=%.16s status=%d reason=%s client=%s method=%s host=%s target=%s route=%s backend=%s tries=%s "
        "detail=%s",
        x->id_text, x->status, row->token, x->client_ip, log_quote(x->head.method_text),
        log_quote(x->head.authority), log_quote(x->head.target), x->action ? x->action->name.data : "-",
        log_quote(backend), log_quote(x->attempt.trail.len ? x->attempt.trail : SLICE("0")),
        log_quote(x->detail));
}

void exchange_keep_failure(const struct exchange *x)
{
    struct failure *failure = failures_add(&x->worker->failures);
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    failure->id = x->id;
    failure->unix_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    failure->after_us = loop_now_us() - x->when.started;
    failure->version = x->lease->snapshot->version;
    failure->status = x->status;
    failure->fault = x->fault;
    failure_say(failure, FAILURE_CLIENT, slice_str(x->client_ip));
    failure_say(failure, FAILURE_METHOD, x->head.method_text);
    failure_say(failure, FAILURE_HOST, x->head.authority);
    failure_say(failure, FAILURE_TARGET, x->head.target);
    failure_say(failure, FAILURE_ROUTE, x->action ? x->action->name : SLICE(""));
    failure_say(failure, FAILURE_BACKEND, x->attempt.backend);
    failure_say(failure, FAILURE_TRIES, x->attempt.trail);
    failure_say(failure, FAILURE_DETAIL, x->detail);
}
