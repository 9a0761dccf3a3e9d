/** What the commands that talk to a running Portico have in common: find it, ask it, print what it says. */
#ifndef CONTROL_ADMIN_ASK_H
#define CONTROL_ADMIN_ASK_H

#include <jansson.h>

#include "control/admin_client.h"
#include "control/exit_code.h"
#include "control/options.h"

/** @param flag  the command's own, of the options */
typedef enum exit_code admin_print(const struct admin_reply *reply, bool flag);

/** Where nobody is, or nobody answers, that is printed. The other arguments are admin_call()'s.
 *  @return what print() returns, or EXIT_NO_PROCESS */
enum exit_code admin_ask(const struct admin_options *options, const char *method, const char *target,
                         long seconds, admin_print *print);

/** Of a question that is answered 200: the answer as JSON, or by *show*; of any other, the reason behind these words. */
enum exit_code admin_show(const struct admin_reply *reply, bool is_json, const char *words,
                          void (*show)(const json_t *answer));

#endif
