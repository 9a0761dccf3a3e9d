/** A client's connection, in clear or over TLS, that knows how it failed. For threads of a test: nothing here asserts,
 *  and nothing is kept of what was read. */
#ifndef E2E_CALLER_H
#define E2E_CALLER_H

#include <openssl/ssl.h>

#include "e2e/account.h"

struct caller {
    int fd; /* -1: none */
    SSL *tls;
    int room_bytes;     /* of its receive buffer; 0: the kernel's choice */
    enum mishap mishap; /* the first one of this connection: all calls after it fail */
    char detail[128];
    bool has_begun;        /* some of the present answer is there */
    bool closes;           /* the last answer's head says so: nothing may be asked behind it */
    char text[4096];       /* what caller_until() found */
    char bytes[32 * 1024]; /* read, and not yet used: from `at` on */
    size_t at, length;
};

/** To 127.0.0.1. All return false after a mishap. */
bool caller_connect(struct caller *caller, int port);
/** TLS over it, for that name. @param session  one to resume; NULL: none */
bool caller_secure(struct caller *caller, SSL_CTX *context, const char *name, SSL_SESSION *session);
bool caller_send(struct caller *caller, const void *bytes, size_t count);
bool caller_say(struct caller *caller, const char *format, ...) PRINTF_LIKE(2, 3);
/** Up to and with that text, in caller->text. */
bool caller_until(struct caller *caller, const char *text);
/** Exactly so many bytes, which must be those of the content from there on. */
bool caller_check(struct caller *caller, uint64_t offset, uint64_t count);
/** Exactly those bytes. */
bool caller_expect(struct caller *caller, const void *bytes, size_t count);
/** An answer's head, into caller->text, with that status. */
bool caller_answer(struct caller *caller, int status);
/** Marks it as failed. @return false */
bool caller_fail(struct caller *caller, enum mishap mishap, const char *format, ...) PRINTF_LIKE(3, 4);
/** Closes it and forgets the mishap. */
void caller_hang_up(struct caller *caller);

#endif
