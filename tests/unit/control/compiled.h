/* A configuration compiled from a text, with what was said about it. */
#ifndef TESTS_CONTROL_COMPILED_H
#define TESTS_CONTROL_COMPILED_H

#include "conf/diagnostics.h"
#include "proxy/snapshot.h"

struct compiled {
    struct snapshot *snapshot; /* NULL: there were errors */
    struct ticket_keys *keys;
    struct diagnostics diagnostics;
    struct text said;
};

struct compiled compile_text_of(const char *yaml);
/** Must be without errors and warnings. */
struct compiled compile_good(const char *yaml);
void compiled_fini(struct compiled *compiled);

/** What a request for "http://host/path" (or https) gets, by the key of its route; "404" for none. */
const char *compiled_taken_by(const struct compiled *compiled, const char *url);
/** "0.0.0.0:80 [::]:80": all addresses in order, with "?" behind optional ones and "<" behind those where the
 * client speaks first. */
void compiled_listens(const struct compiled *compiled, struct text *out);

/** A YAML text that must fail or warn, and all that must be said. */
struct said_case {
    const char *name, *yaml, *said;
};
void expect_errors(const struct said_case *cases, size_t count);
void expect_warnings(const struct said_case *cases, size_t count);

#endif
