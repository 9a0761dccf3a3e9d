/** What tests of the slow and of the many share: short limits, a pace, and ground on which buffers stay small. */
#ifndef E2E_SLOW_H
#define E2E_SLOW_H

#include "e2e/tls_wire.h"

/* A timer of LIMIT_MS must not fire before EARLIEST_MS; late is what takes longer than any step may. */
enum { LIMIT_MS = 300, EARLIEST_MS = 250, PACE_MS = 50, KIB = 1024 };
#define LIMIT "300ms"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

void expect_in_time(int64_t began_ms, const char *what);

/** So many bytes each PACE_MS, until something comes back or all is sent. */
void trickle_by(size_t step, struct wire *wire, const char *bytes, size_t count);
void trickle(struct wire *wire, const char *bytes, size_t count);

char *letters(size_t count);
struct certificate leaf_for(const char *names);

/** A backend that says what it hears. */
void play_echo(struct wire *wire, struct backend *backend);

enum { NARROW_PORT = 8000 };
/** A network of this test's own, with segments as outside: the kernel's buffers, which go by them, stay small. */
void narrow_ground(void);

#endif
