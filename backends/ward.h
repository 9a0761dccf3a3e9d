/** One pool in the warden's care. For backends/warden and its parts alone: ward.c keeps the roster, ward_names.c what the
 *  names of its targets stand for, ward_checks.c how its endpoints are. */
#ifndef BACKENDS_WARD_H
#define BACKENDS_WARD_H

#include "backends/health.h"
#include "backends/resolver.h"
#include "backends/roster.h"
#include "base/random.h"
#include "net/loop.h"

struct probe;

/** What the wards of a warden share. */
struct ward_keeper {
    struct loop *loop;
    struct resolver *resolver;
    struct slice secret; /* of sticky cookies */
    struct random random;
    void *pools_owner; /* of the pools that are taken now */
    void (*hold)(void *pools_owner);
    void (*let_go)(void *pools_owner);
    void (*changed)(void *owner, const struct pool *pool, struct roster *roster);
    void *owner;
};

/** What a target's name stands for. Of targets that are no names: empty, for ever. */
struct ward_name {
    struct ward *ward;
    const struct target *target;
    struct lookup *lookup; /* under way */
    struct timer again;
    struct found_address *found; /* sorted, so that two answers can be compared */
    size_t count;
    char *reason;       /* why there is none, or why the last lookup failed */
    uint64_t failed_ms; /* the delay after the last failure; 0: there was none */
    bool is_answered;   /* once at least, well or not */
};

/** One endpoint's checks. */
struct ward_patient {
    struct ward *ward;
    size_t index; /* in the roster, and in ward.healths */
    struct standing *standing;
    struct timer next;
    struct probe *probe; /* under way, of an endpoint of *probed* */
    struct roster *probed;
    void *probed_of; /* the owner of its pool */
};

struct ward {
    struct ward_keeper *keeper;
    const struct pool *pool;
    struct ward_name **names; /* one for each target */
    size_t names_count;
    struct roster *roster;
    struct ward_patient **patients; /* as in the roster */
    struct health *healths;         /* likewise */
    struct timer readmit;
    struct pending publish;
    struct places *places; /* NULL: no max_connections */
    uint64_t places_max;
    bool is_outdated; /* names say something else than the roster */
    bool is_taken;    /* by warden_take(), this time */
};

struct ward *ward_new(struct ward_keeper *keeper, const struct pool *pool);
void ward_free(struct ward *ward);
/** The same pool of another snapshot. */
void ward_take(struct ward *ward, const struct pool *pool);
/** At the end of the turn: whoever looks at the pool is told. @param is_outdated  the roster is made anew before */
void ward_publish(struct ward *ward, bool is_outdated);

/** The names of the pool's targets: those that the ward knows already keep their answers. */
void ward_names_take(struct ward *ward);
void ward_names_free(struct ward *ward);
/** For another resolver: nothing is under way between the two. */
void ward_names_stop(struct ward *ward);
void ward_names_ask(struct ward *ward);

void ward_checks_init(struct ward *ward);
/** The roster is another one than *before*: the patients follow. */
void ward_patients_take(struct ward *ward, const struct roster *before);
void ward_patients_free(struct ward *ward);
void ward_reported(struct ward_patient *patient, enum outlier_kind kind);
void ward_served(struct ward_patient *patient);

#endif
