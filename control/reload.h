/** Who waits for a reload, one after the other, and what became of the last one. The reload itself is the
 *  service's. On the main thread.
 *
 *  asked → waits while another one is being applied → begun → done() with its outcome */
#ifndef CONTROL_RELOAD_H
#define CONTROL_RELOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/list.h"
#include "base/text.h"

enum reload_result {
    RELOAD_APPLIED,   /* by all workers */
    RELOAD_LOOKED_AT, /* a dry run */
    RELOAD_REFUSED,
};

/** Slices are lent for the call. */
struct reload_outcome {
    enum reload_result result;
    uint64_t version;     /* of the configuration that serves now */
    struct slice said;    /* errors and warnings, as `check` prints them; may be empty */
    struct slice changes; /* a line each; empty where there were errors */
    struct slice reason;  /* RELOAD_REFUSED: a sentence */
};

/** One that someone waits for; in the asker's memory until done() or reloads_forget(). */
struct reload {
    struct link link;
    bool is_dry; /* nothing is applied */
    void (*done)(struct reload *reload, const struct reload_outcome *outcome);
};

struct reloads {
    struct link waiting;
    struct reload *current; /* begun; NULL: by a signal, or its asker is gone */
    bool is_signalled;      /* SIGHUP came, once or more */
    bool is_dry;            /* the one that was begun */
    struct text said, changes;
    time_t last_at;      /* the end of the last one that was no dry run; 0: there was none */
    struct text refusal; /* of the last one, with what was said; empty: it was applied */
};

void reloads_init(struct reloads *reloads);
/** Nobody waits any more. */
void reloads_fini(struct reloads *reloads);

void reloads_ask(struct reloads *reloads, struct reload *reload);
/** done() is not called any more; what was begun goes on. Harmless for one that never asked. */
void reloads_forget(struct reloads *reloads, struct reload *reload);
/** Begins the next one: a signal's before all others, which come in order. @return false: nobody wants one */
bool reloads_next(struct reloads *reloads);
/** Of the one that was begun. @param reason  RELOAD_REFUSED: a sentence; else NULL */
void reloads_end(struct reloads *reloads, enum reload_result result, uint64_t version, const char *reason);

#endif
