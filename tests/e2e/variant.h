/** A configuration in ever other variants: what the clients of a mixed load use stays in all of them, while its options,
 *  its order, its neighbours and all else change. Which number makes which variant is fixed, so that one that fails can
 *  be made again. And files that are wrong, each in its way. */
#ifndef E2E_VARIANT_H
#define E2E_VARIANT_H

#include "e2e/portico.h"

enum { VARIANT_EXTRA_PORTS = 4 };

/** Ways for a file to be wrong. */
enum variant_fault {
    FAULT_SYNTAX,
    FAULT_UNKNOWN_KEY,
    FAULT_NO_CERTIFICATE,
    FAULT_KEY_OF_ANOTHER,
    FAULT_PORT_HELD,
    FAULT_KINDS
};

struct variant_terms {
    int http_port, tls_port, tcp_port;
    int extra_ports[VARIANT_EXTRA_PORTS]; /* listened on now and then, at ever other addresses */
    int held_port;                        /* of another process */
    int nobody_port;                      /* of an endpoint that refuses; at times in the pool */
    int lasting_backend;                  /* of all that is long, and of the pool */
    int fleeting_backend;                 /* at times in the pool */
    int echo_backend;
    int neighbours; /* how many routes beside the clients' at least; up to a half more */
    const char *cert, *key;
    const char *other_key; /* not of this certificate */
};

/** Writes portico.yaml. Number 0 is the plainest: one backend, all addresses, no extras. */
void variant_write(const struct variant_terms *terms, uint64_t number);
/** The same, wrong. */
void variant_write_wrong(const struct variant_terms *terms, uint64_t number, enum variant_fault fault);
/** What the message of that one must say. */
const char *variant_complaint(enum variant_fault fault);

#endif
