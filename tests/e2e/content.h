/** Content that can be checked anywhere: a stream without end, of which any part can be made. What is lost, doubled or
 *  swapped on the way shows. */
#ifndef E2E_CONTENT_H
#define E2E_CONTENT_H

#include <stdatomic.h>

#include "e2e/wire.h"

enum { CONTENT_PART = 256 * 1024 };

/** Before all else, and before there are threads. */
void content_init(void);
/** CONTENT_PART bytes of the stream from there on. */
const void *content_at(uint64_t offset);

/** Sends the beginning of the stream. @param sent  what went is added; NULL: nobody counts */
bool content_send(struct wire *wire, uint64_t total, atomic_ullong *sent);
/** Reads exactly so many bytes, without keeping them; how many of them, from the first, were right. */
uint64_t content_check(struct wire *wire, uint64_t total);

#endif
