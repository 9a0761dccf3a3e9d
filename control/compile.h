/** A checked configuration's meaning: keys, targets, certificates and listeners become a snapshot. */
#ifndef CONTROL_COMPILE_H
#define CONTROL_COMPILE_H

#include "base/macro.h"

struct conf;
struct diagnostics;
struct snapshot;
struct ticket_keys;

/** @return -1 when something was wrong, with all of it in *diagnostics; *out is untouched then */
int compile(const struct conf *conf, struct ticket_keys *keys, struct diagnostics *diagnostics,
            struct snapshot **out) NODISCARD;

#endif
