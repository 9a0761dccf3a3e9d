#include "backends/probe.h"
#include "backends/ward.h"
#include "base/log.h"
#include "base/mem.h"

static const char *const OUTLIERS[OUTLIER_KINDS] = {
    [OUTLIER_CONNECT] = "it could not be connected to",
    [OUTLIER_RESET] = "it ended connections without a whole answer",
    [OUTLIER_ERROR] = "it answered with errors",
};

static uint64_t now_of(const struct ward *ward)
{
    return loop_now_ms(ward->keeper->loop);
}

/* ---- what becomes of it ---- */

static void log_state(const struct ward_patient *patient, enum standing_state state, struct slice why)
{
    static const struct {
        enum log_level level;
        const char *event;
    } EVENTS[] = {
        [STANDING_UP] = {LOG_INFO, "endpoint_up"},
        [STANDING_DOWN] = {LOG_WARN, "endpoint_down"},
        [STANDING_EJECTED] = {LOG_WARN, "endpoint_ejected"},
    };
    const struct ward *ward = patient->ward;

    log_event(EVENTS[state].level, EVENTS[state].event, "pool=%s endpoint=%s reason=%s",
              log_quote(ward->pool->key), log_quote(ward->roster->endpoints[patient->index].text),
              log_quote(why));
}

/* Everyone sees it from here on; who waits for it is told at the end of the turn. */
static void update(struct ward_patient *patient, struct slice why)
{
    struct ward *ward = patient->ward;
    enum standing_state state = health_state(&ward->healths[patient->index]);

    if (atomic_load_explicit(&patient->standing->state, memory_order_relaxed) == state)
        return;
    if (state == STANDING_UP)
        atomic_store_explicit(&patient->standing->up_since_ms, now_of(ward), memory_order_relaxed);
    atomic_store_explicit(&patient->standing->state, (unsigned char)state, memory_order_release);
    log_state(patient, state, why);
    ward_publish(ward, false);
}

static void arm_readmit(struct ward *ward)
{
    uint64_t now_ms = now_of(ward), due_ms = UINT64_MAX;

    for (size_t i = 0; i < ward->roster->count; i++)
        due_ms = MIN(due_ms, health_readmit_at_ms(&ward->healths[i]));
    loop_arm(ward->keeper->loop, &ward->readmit,
             due_ms == UINT64_MAX ? TIMER_NEVER
             : due_ms > now_ms    ? due_ms - now_ms
                                  : 0);
}

static void on_readmit(struct timer *timer)
{
    struct ward *ward = CONTAINER_OF(timer, struct ward, readmit);

    for (size_t i = 0; i < ward->roster->count; i++) {
        if (health_readmit(&ward->healths[i], now_of(ward)))
            update(ward->patients[i], SLICE("the time of its ejection is over"));
    }
    arm_readmit(ward);
}

void ward_reported(struct ward_patient *patient, enum outlier_kind kind)
{
    struct ward *ward = patient->ward;
    size_t count = ward->roster->count;

    /* One that stands alone is used all the same. */
    if (count < 2 ||
        !health_reported(ward->healths, count, patient->index, &ward->pool->outlier, now_of(ward)))
        return;
    for (size_t i = 0; i < count; i++)
        update(ward->patients[i], slice_str(OUTLIERS[kind]));
    arm_readmit(ward);
}

void ward_served(struct ward_patient *patient)
{
    struct ward *ward = patient->ward;

    if (!health_served(&ward->healths[patient->index], now_of(ward)))
        return;
    update(patient, SLICE("it serves again"));
    arm_readmit(ward);
}

/* ---- checks ---- */

static void probe_end(struct ward_patient *patient)
{
    struct ward_keeper *keeper = patient->ward->keeper;

    patient->probe = NULL;
    roster_unref(TAKE(patient->probed));
    keeper->let_go(TAKE(patient->probed_of));
}

static void on_probed(void *owner, enum probe_result result, struct slice why)
{
    struct ward_patient *patient = owner;
    struct ward *ward = patient->ward;
    const struct pool_health *rules = &ward->pool->health;
    bool is_good = result == PROBE_GOOD;

    if (result != PROBE_UNMADE &&
        health_checked(&ward->healths[patient->index], rules, is_good, now_of(ward)))
        update(patient, is_good ? SLICE("its checks are good") : why);
    loop_arm(ward->keeper->loop, &patient->next,
             health_next_check_ms(rules, (uint32_t)random_next(&ward->keeper->random)));
    probe_end(patient);
}

static void on_next(struct timer *timer)
{
    struct ward_patient *patient = CONTAINER_OF(timer, struct ward_patient, next);
    struct ward *ward = patient->ward;

    roster_ref(ward->roster);
    patient->probed = ward->roster;
    patient->probed_of = ward->keeper->pools_owner;
    ward->keeper->hold(patient->probed_of);
    patient->probe = probe_start(ward->keeper->loop, &ward->roster->endpoints[patient->index], ward->pool,
                                 on_probed, patient);
}

static void stop_check(struct ward_patient *patient)
{
    if (patient->probe) {
        probe_cancel(patient->probe);
        probe_end(patient);
    }
    loop_cancel(patient->ward->keeper->loop, &patient->next);
}

void ward_checks_init(struct ward *ward)
{
    timer_init(&ward->readmit, on_readmit);
}

/* ---- patients ---- */

static struct ward_patient *patient_new(struct ward *ward)
{
    struct ward_patient *patient = mem_new(struct ward_patient);

    patient->ward = ward;
    patient->standing = standing_new();
    patient->standing->watched_by = patient;
    timer_init(&patient->next, on_next);
    return patient;
}

static void patient_free(struct ward_patient *patient)
{
    stop_check(patient);
    patient->standing->watched_by = NULL;
    standing_unref(patient->standing);
    mem_free(patient);
}

/* At once, but for a thousand of them not all at once. */
static uint64_t first_check_ms(const struct ward *ward, size_t index)
{
    return MIN((uint64_t)index, ward->pool->health.interval_ms);
}

/* Checks that were switched off say nothing any more. */
static void check_from_now_on(struct ward_patient *patient)
{
    struct ward *ward = patient->ward;

    if (ward->pool->health.is_on) {
        if (!patient->probe && !timer_is_armed(&patient->next))
            loop_arm(ward->keeper->loop, &patient->next, first_check_ms(ward, patient->index));
        return;
    }
    stop_check(patient);
    ward->healths[patient->index].is_down = false;
    update(patient, SLICE("it is not checked any more"));
}

/* @return the index in *before*, or its count */
static size_t find(const struct roster *before, const struct endpoint *endpoint, size_t likely)
{
    size_t count = before ? before->count : 0;

    for (size_t i = 0; i < count; i++) {
        size_t at = (likely + i) % count;

        if (before->endpoints[at].name == endpoint->name &&
            slice_eq(before->endpoints[at].identity, endpoint->identity))
            return at;
    }
    return count;
}

void ward_patients_take(struct ward *ward, const struct roster *before)
{
    struct ward_patient **old = ward->patients;
    struct health *old_healths = ward->healths;
    struct roster *roster = ward->roster;
    size_t old_count = before ? before->count : 0;

    ward->patients = mem_new_n(struct ward_patient *, roster->count);
    ward->healths = mem_new_n(struct health, roster->count);
    for (size_t i = 0; i < roster->count; i++) {
        size_t was = find(before, &roster->endpoints[i], i);

        if (was < old_count && old[was]) {
            ward->patients[i] = TAKE(old[was]);
            ward->healths[i] = old_healths[was];
        } else {
            ward->patients[i] = patient_new(ward);
        }
        ward->patients[i]->index = i;
        roster->endpoints[i].standing = standing_ref(ward->patients[i]->standing);
    }
    for (size_t i = 0; i < roster->count; i++)
        check_from_now_on(ward->patients[i]);
    for (size_t i = 0; i < old_count; i++) {
        if (old[i])
            patient_free(old[i]);
    }
    arm_readmit(ward);
    mem_free(old);
    mem_free(old_healths);
}

void ward_patients_free(struct ward *ward)
{
    for (size_t i = 0; ward->roster && i < ward->roster->count; i++)
        patient_free(ward->patients[i]);
    loop_cancel(ward->keeper->loop, &ward->readmit);
    mem_free(ward->patients);
    mem_free(ward->healths);
}
