/** A connection in a test's hands, byte by byte: the client's side or a backend's. */
#ifndef E2E_WIRE_H
#define E2E_WIRE_H

#include "e2e/process.h"

struct wire {
    int fd;
    char *bytes; /* all that was received */
    size_t length, room;
    size_t at;                 /* what was read of it */
    bool ended;                /* the other side has closed, or broken, its direction */
    bool was_reset;            /* that end was none in good order */
    struct transcript *record; /* also kept there, when set */
};

struct wire *wire_connect(int port);    /* 127.0.0.1 */
struct wire *wire_connect_v6(int port); /* ::1 */
struct wire *wire_connect_unix(const char *path);
/** Takes the descriptor. */
struct wire *wire_of(int fd);
/** NULL when nobody listens there. */
struct wire *wire_try(int port);
/** Of no use where whoever listens may be gone in the next moment. */
bool wire_can_connect(int port);

void wire_send(struct wire *wire, const char *format, ...) PRINTF_LIKE(2, 3);
/** False when the other side is gone. */
bool wire_send_bytes(struct wire *wire, const void *bytes, size_t count);
/** One byte a segment: each is acknowledged before the next one leaves. */
void wire_drip(struct wire *wire, const void *bytes, size_t count);

/** Up to and with that text; NULL when it does not come within PATIENCE_MS, or the end comes first. */
char *wire_read_until(struct wire *wire, const char *text);
char *wire_read_until_within(struct wire *wire, const char *text, int ms);
/** Exactly so many; NULL likewise. */
char *wire_read_bytes(struct wire *wire, size_t count);
char *wire_read_bytes_within(struct wire *wire, size_t count, int ms);
/** All until the end; NULL when the end does not come. */
char *wire_read_all(struct wire *wire);
/** Nothing comes, and no end either, for that long. */
bool wire_is_silent(struct wire *wire, int ms);
/** The end (or a reset) comes and nothing before it. */
bool wire_sees_end(struct wire *wire);
/** Reads what is there now, without waiting; false once the end was seen. */
bool wire_take(struct wire *wire);

void wire_shut(struct wire *wire);  /* our direction only */
void wire_close(struct wire *wire); /* both */
void wire_reset(struct wire *wire); /* with RST */

#endif
