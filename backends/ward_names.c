#include <stdlib.h>
#include <string.h>

#include "backends/ward.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

/* What the field does with TTLs: none so short that it becomes a load, none so long that a move goes unnoticed. */
enum { TTL_MIN_MS = 1000, TTL_MAX_MS = 5 * 60 * 1000 };

/* After a failure the next question comes soon, then less and less often. */
enum { FAILED_MIN_MS = 1000, FAILED_MAX_MS = 5000 };

/* Those that are kept where an answer is only a part, and all together, are no more than these. */
enum { FOUND_MAX = LOOKUP_FOUND_MAX };

static void ask(struct ward_name *name);

static void on_again(struct timer *timer)
{
    ask(CONTAINER_OF(timer, struct ward_name, again));
}

static int compare(const void *left, const void *right)
{
    const struct found_address *a = left, *b = right;
    struct ip a_ip = address_ip(&a->address), b_ip = address_ip(&b->address);
    int by_ip;

    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    if (a_ip.family != b_ip.family)
        return a_ip.family < b_ip.family ? -1 : 1;
    by_ip = memcmp(a_ip.bytes, b_ip.bytes, sizeof(a_ip.bytes));
    if (by_ip)
        return by_ip;
    if (address_port(&a->address) != address_port(&b->address))
        return address_port(&a->address) < address_port(&b->address) ? -1 : 1;
    return (a->weight > b->weight) - (a->weight < b->weight);
}

static bool is_same(const struct ward_name *name, const struct found_address *found, size_t count)
{
    if (count != name->count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (compare(&found[i], &name->found[i]) != 0)
            return false;
    }
    return true;
}

static void log_change(const struct ward_name *name, const struct found_address *found, size_t count)
{
    struct text text = {0};
    char address[ADDRESS_TEXT];

    for (size_t i = 0; i < count; i++)
        text_printf(&text, "%s%s", i ? " " : "", address_describe(&found[i].address, address));
    log_event(LOG_INFO, "name_changed", "pool=%s name=%s addresses=%s", log_quote(name->ward->pool->key),
              log_quote(name->target->dns_name), log_quote(text_slice(&text)));
    text_fini(&text);
}

static bool lacks(const struct lookup_answer *answer, const struct address *address)
{
    return address->family == AF_INET6 ? answer->lacks_ipv6 : answer->lacks_ipv4;
}

static bool is_partial(const struct lookup_answer *answer)
{
    return answer->lacks_ipv4 || answer->lacks_ipv6;
}

/* What is known already, and what the answer, being a part, says nothing of. A family that was answered in whole has none
 * but those: servers that fail for the other one may do so for ever. */
static size_t keep_others(const struct ward_name *name, const struct lookup_answer *answer,
                          struct found_address *found)
{
    size_t count = answer->count;

    for (size_t i = 0; i < name->count && count < FOUND_MAX; i++) {
        bool is_there = !lacks(answer, &name->found[i].address);

        for (size_t j = 0; j < answer->count && !is_there; j++)
            is_there = address_eq(&name->found[i].address, &found[j].address);
        if (!is_there)
            found[count++] = name->found[i];
    }
    return count;
}

/* @return whether the pool is another one by it */
static bool take_found(struct ward_name *name, const struct lookup_answer *answer)
{
    struct found_address *sorted = mem_new_n(struct found_address, MAX(answer->count, (size_t)FOUND_MAX));
    size_t count = answer->count;

    if (count)
        memcpy(sorted, answer->found, count * sizeof(*sorted));
    if (is_partial(answer))
        count = keep_others(name, answer, sorted);
    qsort(sorted, count, sizeof(*sorted), compare);
    if (is_same(name, sorted, count)) {
        mem_free(sorted);
        return false;
    }
    log_change(name, sorted, count);
    mem_free(name->found);
    name->found = sorted;
    name->count = count;
    return true;
}

/* @return whether people are told another one by the pool */
static bool take_reason(struct ward_name *name, const char *reason)
{
    if (name->reason && strcmp(name->reason, reason) == 0)
        return false;
    log_event(LOG_WARN, "lookup_failed", "pool=%s name=%s reason=%s addresses_kept=%zu",
              log_quote(name->ward->pool->key), log_quote(name->target->dns_name),
              log_quote(slice_str(reason)), name->count);
    mem_free(name->reason);
    name->reason = mem_string(slice_str(reason));
    return name->count == 0;
}

static uint64_t again_ms(struct ward_name *name, const struct lookup_answer *answer)
{
    if (answer->count && !is_partial(answer)) {
        name->failed_ms = 0;
        return MAX(MIN(answer->ttl_ms, (uint64_t)TTL_MAX_MS), (uint64_t)TTL_MIN_MS);
    }
    name->failed_ms = MIN(MAX(name->failed_ms * 2, (uint64_t)FAILED_MIN_MS), (uint64_t)FAILED_MAX_MS);
    return name->failed_ms;
}

static void on_answer(void *owner, const struct lookup_answer *answer)
{
    struct ward_name *name = owner;
    bool is_first = !name->is_answered, has_changed = false;

    name->lookup = NULL;
    name->is_answered = true;
    if (answer->count) {
        mem_free(TAKE(name->reason));
        has_changed = take_found(name, answer);
    } else {
        /* While the servers fail the old addresses serve on; when they say that there are none, there are none. */
        if (answer->is_authoritative)
            has_changed = take_found(name, answer);
        has_changed |= take_reason(name, answer->reason);
    }
    loop_arm(name->ward->keeper->loop, &name->again, again_ms(name, answer));
    if (is_first || has_changed)
        ward_publish(name->ward, true);
}

static void ask(struct ward_name *name)
{
    struct resolver *resolver = name->ward->keeper->resolver;
    enum lookup_kind kind = name->target->kind == TARGET_SRV ? LOOKUP_SERVICE : LOOKUP_ADDRESSES;

    name->lookup = resolver_ask(resolver, kind, name->target->dns_name, on_answer, name);
}

static void name_stop(struct ward_name *name)
{
    if (name->lookup)
        lookup_cancel(TAKE(name->lookup));
    loop_cancel(name->ward->keeper->loop, &name->again);
}

static void name_free(struct ward_name *name)
{
    name_stop(name);
    mem_free(name->found);
    mem_free(name->reason);
    mem_free(name);
}

static struct ward_name *name_new(struct ward *ward, const struct target *target)
{
    struct ward_name *name = mem_new(struct ward_name);

    name->ward = ward;
    name->target = target;
    timer_init(&name->again, on_again);
    if (target_is_name(target))
        ask(name);
    return name;
}

/* Takes it out of the old ones. */
static struct ward_name *find_name(struct ward_name **names, size_t count, const struct target *target)
{
    for (size_t i = 0; target_is_name(target) && i < count; i++) {
        if (names[i] && names[i]->target->kind == target->kind &&
            slice_eq(names[i]->target->dns_name, target->dns_name))
            return TAKE(names[i]);
    }
    return NULL;
}

/* The old targets are still there: a snapshot is let go of behind this. */
void ward_names_take(struct ward *ward)
{
    struct ward_name **old = ward->names;
    size_t old_count = ward->names_count;

    ward->names_count = ward->pool->count;
    ward->names = mem_new_n(struct ward_name *, ward->names_count);
    for (size_t i = 0; i < ward->names_count; i++) {
        const struct target *target = &ward->pool->targets[i].target;
        struct ward_name *known = find_name(old, old_count, target);

        ward->names[i] = known ? known : name_new(ward, target);
        ward->names[i]->target = target;
    }
    for (size_t i = 0; i < old_count; i++) {
        if (old[i])
            name_free(old[i]);
    }
    mem_free(old);
}

void ward_names_free(struct ward *ward)
{
    for (size_t i = 0; i < ward->names_count; i++)
        name_free(ward->names[i]);
    mem_free(ward->names);
}

void ward_names_stop(struct ward *ward)
{
    for (size_t i = 0; i < ward->names_count; i++)
        name_stop(ward->names[i]);
}

void ward_names_ask(struct ward *ward)
{
    for (size_t i = 0; i < ward->names_count; i++) {
        if (target_is_name(ward->names[i]->target))
            ask(ward->names[i]);
    }
}
