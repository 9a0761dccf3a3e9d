/** What the parts of control/changes share: sets of named things that are compared, and the lines about them. */
#ifndef CONTROL_CHANGES_PARTS_H
#define CONTROL_CHANGES_PARTS_H

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"
#include "conf/fields.h"
#include "control/changes_affected.h"
#include "proxy/snapshot.h"

/* ---- lines: control/changes_line.c ---- */

/** "~ noun name: this; that". Begins with the first thing that is said of it: nothing said, no line. */
struct change_line {
    struct text *out;
    const char *noun;
    struct slice name;
    bool has_begun;
};

void change_line_say(struct change_line *line, struct slice words);
/** "what BEFORE -> AFTER"; without the values where they are long. @param what  may be "" */
void change_line_compare(struct change_line *line, const char *what, struct slice before, struct slice after);
/** What goes on at what goes, and how long it may; nothing where there is none. */
void change_line_affected(struct change_line *line, const struct affected *affected, struct load load);
void change_line_end(struct change_line *line);

/* ---- sets: control/changes_line.c ---- */

/** All things of one kind in one snapshot. In the owner's memory; all zero is an empty set. */
struct change_set {
    struct arena arena; /* for whoever fills it: what is added is lent */
    struct change_item {
        struct slice name;
        const void *thing;
    } * items;
    size_t count, cap;
    struct map by_id;
};

/** @param id    what it is known by in both snapshots; a second one of the same id is not added
 *  @param name  as it is shown */
void change_set_add(struct change_set *set, struct slice id, struct slice name, const void *thing);
void change_set_fini(struct change_set *set);

struct change_kind {
    const char *noun;
    /** What stands behind the name of something that comes or goes; NULL: nothing. */
    void (*describe)(const void *thing, struct text *out);
    /** Says what is different; NULL: nothing can be. */
    void (*compare)(const void *before, const void *after, struct change_line *line);
};
/** Lines of what is only in *after*, then only in *before*, then in both and different. */
void change_sets_compare(const struct change_set *before, const struct change_set *after,
                         const struct change_kind *kind, struct text *out);

/* ---- values: control/changes_value.c ---- */

/** A member of a struct that has a key in the configuration. */
struct trait {
    const char *name;
    enum {
        TRAIT_SWITCH,   /* bool: on, off */
        TRAIT_UNSIGNED, /* unsigned */
        TRAIT_COUNT,    /* uint64_t, and so are the next two */
        TRAIT_DURATION, /* in milliseconds */
        TRAIT_SIZE,
        TRAIT_TEXT, /* struct slice */
    } type;
    size_t offset;
    const char *zero; /* how nothing (0, an empty text) reads; NULL: as it is */
};
void traits_compare(const struct trait *traits, size_t count, const void *before, const void *after,
                    struct change_line *line);

/** Two structs of one section of the configuration that has nothing but numbers. */
struct change_numbers {
    enum section_id section;
    const void *before, *after;
    /** What they start from. Where both follow it, it is the one that changes. NULL: nothing */
    const void *base_before, *base_after;
};
void numbers_compare(const struct change_numbers *numbers,
                     void (*each)(void *argument, const char *name, struct slice before, struct slice after),
                     void *argument);

/* ---- the parts, in the order of their lines ---- */

void changes_of_routes(const struct affected *affected, struct text *out);
void changes_of_certificates(const struct snapshot *before, const struct snapshot *after, struct text *out);
/** The pools of `backends:`. */
void changes_of_pools(const struct affected *affected, struct text *out);
void changes_of_settings(const struct snapshot *before, const struct snapshot *after, struct text *out);

/** A pool, and the snapshot that it is part of. */
struct pool_in {
    const struct snapshot *snapshot;
    const struct pool *pool;
    const struct affected *affected; /* of the snapshot that goes; NULL: of the one that comes */
};
/** The targets, the first few of many: "10.0.0.7:80, 10.0.0.8:80 and 12 more". */
void pool_targets_brief(const struct pool *pool, struct text *out);
/** "+10.0.0.9:80; -10.0.0.8:80" */
void pool_targets_compare(const struct pool *before, const struct pool *after, struct change_line *line);
bool pool_targets_eq(const struct pool *before, const struct pool *after);
/** All but the targets. */
void pool_settings_compare(struct pool_in before, struct pool_in after, struct change_line *line);

#endif
