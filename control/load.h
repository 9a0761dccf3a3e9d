/** From what the operator wrote to a snapshot: read, check, compile; every error at once. */
#ifndef CONTROL_LOAD_H
#define CONTROL_LOAD_H

#include <stddef.h>

#include "base/macro.h"
#include "base/text.h"

struct conf;
struct named_files;
struct snapshot;
struct ticket_keys;

/** Where a configuration comes from: a file, `URL=TARGET` arguments, both, or a text that is built in. */
struct origin {
    const char *path; /* NULL: ./portico.yaml, then /etc/portico/portico.yaml, unless there are arguments */
    char *const *arguments; /* URL=TARGET */
    size_t arguments_count;
    const char *text; /* then no file is read */
};

/** The same, with the file that is meant without -c named: so that later loads read that one again, though another may
 *  have come, or this one gone. */
struct origin load_settled(const struct origin *origin);

/** Reads and compiles.
 *  @param said  errors and warnings as a person reads them are added here, also on success
 *  @param files  what the configuration names is added here, also on failure, as far as it could be read; NULL: not
 *                wanted
 *  @return 0, or -1 when there is an error; then *out is untouched */
int load_snapshot(const struct origin *origin, struct ticket_keys *keys, struct text *said,
                  struct named_files *files, struct snapshot **out) NODISCARD;

/** Reads only, without a look at certificates and targets. The same returns. */
int load_conf(const struct origin *origin, struct text *said, struct conf **out) NODISCARD;

/** The absolute path of the file that is read, to be freed with mem_free(); NULL when there is none. Links in it stay
 * links: what they lead to may change. */
char *load_file(const struct origin *origin);

/** The file that -c, or its absence, means; NULL when there is none. */
const char *load_path(const struct origin *origin);

#endif
