/** A process that confines itself, with files around it: in reach and out of reach. What it enters cannot be left, so it is a
 *  child of the test. */
#ifndef UNIT_CONTROL_CONFINED_H
#define UNIT_CONTROL_CONFINED_H

#include <stdbool.h>
#include <stdint.h>

enum { ROWS_MAX = 64 };

/** For a suite: directories conf, certs (now -> old, new), state, logs, run, and outside. */
void confined_open(void);
void confined_close(void);
/** Of a file there; valid until the 8th next call. */
const char *confined_path(const char *name);

/** What happened in the other process: errno of each attempt, 0 when it was let. */
struct outcome {
    int results[ROWS_MAX];
    int landlock;
    bool has_seccomp;
    uint64_t capabilities;
    char missing[256];
};

/** Runs *body* in a process of its own, to its end. */
struct outcome *confined_run(void (*body)(struct outcome *outcome));
/** For *body*: enters the sandbox, with all but *outside* in reach. */
void confined_enter(uint64_t capabilities);
/** What holds goes to the outcome. */
void confined_note(struct outcome *outcome);
/** Without the walls nothing that they refuse is to be tried. */
bool confined_has_all(const struct outcome *outcome);
/** Skips where this system lacks a wall. */
void confined_needs_all(const struct outcome *outcome);

/** Results of attempts: errno, or 0. */
int attempt_result(long rc);
int attempt_open(const char *path, int flags);
int attempt_socket(int family, int type, int protocol);

#endif
