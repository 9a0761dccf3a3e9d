/** Exact accounts of what clients met, kept by many threads. */
#ifndef E2E_ACCOUNT_H
#define E2E_ACCOUNT_H

#include <stdatomic.h>

#include "e2e/scene.h"

/** Ways for an exchange to fail. */
enum mishap {
    MISHAP_NONE,
    MISHAP_REFUSED,   /* no connection */
    MISHAP_CLOSED,    /* the end came before any byte of the answer */
    MISHAP_RESET,     /* an end in no good order, at any time */
    MISHAP_TRUNCATED, /* the end came before it was all there */
    MISHAP_SILENT,    /* nothing came, or nothing was taken, for long */
    MISHAP_HANDSHAKE, /* TLS did not come about, or its certificate was not right */
    MISHAP_STATUS,
    MISHAP_CONTENT, /* other bytes, or another number of them, than were due */
    MISHAP_KINDS
};

/** Of clients of one kind. */
struct account {
    const char *name;
    atomic_int done, failed[MISHAP_KINDS];
    atomic_int resumed; /* of those over TLS: without a full handshake */
    atomic_ullong longest_us;
};

void account_done(struct account *account, int64_t took_us);
void account_fail(struct account *account, enum mishap mishap, const char *detail);

int account_failures(const struct account *account);
/** For messages: a line for each account, and the first failures of all with their times. */
char *accounts_describe(const struct account *accounts, int count);

int64_t now_us(void);

#endif
