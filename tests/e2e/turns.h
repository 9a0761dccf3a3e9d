/** Who of a pool answers: requests one after the other, each on a connection of its own, to http://a.test. */
#ifndef E2E_TURNS_H
#define E2E_TURNS_H

#include "e2e/answer.h"
#include "e2e/server.h"

/** The servers answer with their names; so many are started as names are given. */
void servers_start(struct server **servers, const char *const *names, int count);

/** How many of that many requests were answered 200 with that body; all the others must be good as well. */
int turns_of(int port, int requests, const char *name);
/** Each of that many requests was answered 200 with that body. */
bool turns_all(int port, int requests, const char *name);
/** The body of the answer to a GET with those fields ("Cookie: a=1\r\n"), "" when it was not 200. */
char *turn_with(int port, const char *fields);

#endif
