/** A backend that takes nothing on trust: every byte that arrives is parsed by rules stricter than the RFCs',
 *  since Portico writes each head anew. Requests are kept by the client that X-Forwarded-For names; a client of
 *  the corpus has an address of its own.
 *
 *  One thread serves all listeners, so entries stand in the order in which requests were complete. */
#ifndef CORPUS_RECORDER_H
#define CORPUS_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

enum { RECORDER_KEYS = 1 << 19 };

struct recorder;

/** @param tokens     a backend for each letter
 *  @param directory  every byte that arrives is also kept there, one file a connection; NULL: it is not */
struct recorder *recorder_start(const char *tokens, int front_port, const char *directory);
int recorder_port(const struct recorder *recorder, char token);

/** Everything that a backend got and could not be, described; NULL: nothing. */
char *recorder_garbage(struct recorder *recorder);
/** The complete requests of that client, as cases.h writes them. */
const char *recorder_entries(struct recorder *recorder, uint32_t key);
/** Did a head of its arrive whose content did not? */
bool recorder_has_part(struct recorder *recorder, uint32_t key);

/** 127.x.y.z of that client; keys begin at 1. */
uint32_t recorder_address(uint32_t key);

#endif
