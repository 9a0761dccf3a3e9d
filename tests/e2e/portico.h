/** Portico itself, and the servers and keys that others made. */
#ifndef E2E_PORTICO_H
#define E2E_PORTICO_H

#include "e2e/backend.h"

/** Path of the program under test (environment: PORTICO). */
const char *portico_binary(void);

/** Writes portico.yaml in the scene's directory and serves it; returns once it is ready. */
struct process *portico_start(const char *format, ...) PRINTF_LIKE(1, 2);
/** The same behind a piece of shell ("ulimit -n 64; exec", "exec setpriv …"), whose last word runs it. */
struct process *portico_start_by(const char *shell, const char *format, ...) PRINTF_LIKE(2, 3);
/** Serves the file as it stands. */
struct process *portico_serve(const char *shell);
/** Asks it to stop and waits; its exit code, -1 when it does not end. Prints what it said if that is not 0.
 */
int portico_stop(struct process *portico);
/** Its log, or its access log, has that text. */
bool portico_logs(struct process *portico, const char *text);
bool portico_access_logs(struct process *portico, const char *text);

/** Runs `portico COMMAND` in the scene's directory to its end, after writing portico.yaml. */
struct run portico_does(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);
struct run portico_cli(const char *arguments);

/** A Node.js application of this directory, which says "PORT ready". */
struct app {
    struct process *process;
    int port;
};
/** app.js: HTTP/1.1 in clear. */
struct app app_start(void);
/** h2_app.js, HTTP/2, with those arguments. */
struct app h2_app_start(const char *arguments);
/** A client, h2_load.js, that keeps so many requests to that URL under way; it has had answers already. */
struct process *h2_load_start(const char *url, int streams);
/** An nginx with those server blocks; returns once one listens on that port. */
struct process *nginx_start(int port, const char *servers, ...) PRINTF_LIKE(2, 3);

struct certificate {
    char *cert, *key; /* paths */
};
struct certificate authority_make(const char *name);
/** A leaf. @param kind "ec" or "rsa"  @param names "DNS:a.test,DNS:b.test" */
struct certificate certificate_make(const struct certificate *authority, const char *kind, const char *names);

#endif
