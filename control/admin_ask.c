#include "control/admin_ask.h"

#include <stdio.h>

#include "base/mem.h"
#include "control/admin_find.h"

enum exit_code admin_ask(const struct admin_options *options, const char *method, const char *target,
                         long seconds, admin_print *print)
{
    enum exit_code code = EXIT_NO_PROCESS;
    struct admin_reply reply;
    struct error error;
    char *socket = NULL;

    if (admin_find(options, &socket, &error) < 0 ||
        admin_call(socket, method, target, seconds, &reply, &error) < 0) {
        fprintf(stderr, "portico: %s\n", error.text);
    } else {
        code = print(&reply, options->flag);
        json_decref(reply.json);
    }
    mem_free(socket);
    return code;
}
