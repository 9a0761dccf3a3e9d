#include <string.h>

#include "net/loop.h"
#include "proxy/client.h"
#include "proxy/exchange_parts.h"
#include "proxy/snapshot.h"
#include "proxy/worker.h"

/* What each phase waits for, and for how long, stands in proxy/phase.def; drawn at the top of exchange.c. */

struct phase_row {
    ptrdiff_t timeout; /* offset in struct timeouts, or -1 */
    enum fault fault;
    const char *words;
};

#define NO_TIMEOUT    -1
#define TIMEOUT(name) offsetof(struct timeouts, name)
static const struct phase_row PHASES[] = {
#define PHASE(name, timeout, fault, words) [PHASE_##name] = {timeout, FAULT_##fault, words},
#include "proxy/phase.def"
#undef PHASE
};

static uint64_t phase_limit_ms(const struct exchange *x, enum phase phase)
{
    ptrdiff_t offset = PHASES[phase].timeout;
    uint64_t limit_ms;

    if (offset < 0)
        return SETTING_NONE;
    memcpy(&limit_ms, (const char *)&x->action->options->timeouts + offset, sizeof(limit_ms));
    return limit_ms;
}

/* A peer that takes what it is sent, but slowly, lets nothing be seen of it for long: the kernel reports room when a
 * good part of its buffer is free. What was acknowledged shows it. @return true when it has moved since it was looked
 * at last */
static bool peer_takes(struct exchange *x)
{
    const struct http_end *end = x->phase == PHASE_RESPONSE_BLOCKED  ? x->front
                                 : x->phase == PHASE_REQUEST_BLOCKED ? x->back
                                                                     : NULL;
    uint64_t before = x->taken;

    if (!end || !end->ops->taken)
        return false;
    x->taken = end->ops->taken(end);
    return x->taken != before;
}

void exchange_enter(struct exchange *x, enum phase phase)
{
    bool is_new = x->phase != phase;

    x->phase = phase;
    if (is_new)
        (void)peer_takes(x);
    loop_arm(x->worker->loop, &x->deadline, phase_limit_ms(x, phase));
}

/* A client that expects 100-continue may rightly keep its content until the backend has said a word. */
static bool is_backends_turn(const struct exchange *x)
{
    return x->request.is_ended || exchange_asks_to_upgrade(x) ||
           (x->head.expects_continue && !x->is_continued && x->request.bytes == 0);
}

void exchange_progress(struct exchange *x)
{
    if (x->phase < PHASE_REQUEST || x->phase >= PHASE_UPGRADED)
        exchange_enter(x, x->phase);
    else if (x->response.is_begun)
        exchange_enter(x, x->response.outstanding ? PHASE_RESPONSE_BLOCKED : PHASE_RESPONSE);
    else if (x->request.outstanding)
        exchange_enter(x, PHASE_REQUEST_BLOCKED);
    else
        exchange_enter(x, is_backends_turn(x) ? PHASE_AWAIT_HEAD : PHASE_REQUEST);
}

static void on_deadline(struct timer *timer)
{
    struct exchange *x = CONTAINER_OF(timer, struct exchange, deadline);
    const struct phase_row *row = &PHASES[x->phase];

    if (peer_takes(x)) {
        exchange_enter(x, x->phase);
        return;
    }
    exchange_fail(x, row->fault,
                  arena_printf(&x->arena, "%s for %llu ms", row->words,
                               (unsigned long long)phase_limit_ms(x, x->phase)));
}

void exchange_phase_init(struct exchange *x)
{
    timer_init(&x->deadline, on_deadline);
}
