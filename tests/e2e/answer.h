/** Answers and heads as a test reads them. */
#ifndef E2E_ANSWER_H
#define E2E_ANSWER_H

#include "e2e/wire.h"

struct answer {
    int status; /* 0: none came */
    char *head;
    char *body; /* without its chunks; with a NUL after it */
    size_t length;
    char *trailers; /* "" when there are none */
    bool complete;
};

/** The next one; an interim one (1xx) counts as an answer. */
struct answer answer_read(struct wire *wire);
/** The answer to a HEAD: no body follows. */
struct answer answer_read_head(struct wire *wire);

/** Sends the text on a connection of its own and reads one answer. */
struct answer ask(int port, const char *format, ...) PRINTF_LIKE(2, 3);
/** GET of that path with that Host (the port is not added), on a connection of its own. */
struct answer get(int port, const char *host, const char *path);
/** Asserts that an honest request for that host is answered 200 with that body. */
void assert_honest(int port, const char *host, const char *body);

/** The value of the first field of that name in a head, "" when it has none; names compared without case. */
char *field_of(const char *head, const char *name);
int field_count(const char *head, const char *name);

#endif
