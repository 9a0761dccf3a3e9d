/** One request to an admin socket, for the commands. Blocks. */
#ifndef CONTROL_ADMIN_CLIENT_H
#define CONTROL_ADMIN_CLIENT_H

#include <jansson.h>

#include "base/error.h"

struct admin_reply {
    long status;  /* of HTTP */
    json_t *json; /* an object; json_decref() it */
};

/** @param method   "GET" or "POST"
 *  @param seconds  for all of it
 *  @return 0 with whatever was answered, or -1 when nobody did, or not in JSON */
int admin_call(const char *socket, const char *method, const char *target, long seconds,
               struct admin_reply *out, struct error *error) NODISCARD;

/** Of libcurl. */
const char *admin_client_library_version(void);

#endif
