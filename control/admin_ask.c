#include "control/admin_ask.h"

#include <stdio.h>

#include "base/mem.h"
#include "control/admin_find.h"
#include "control/json.h"

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

enum exit_code admin_show(const struct admin_reply *reply, bool is_json, const char *words,
                          void (*show)(const json_t *answer))
{
    if (is_json && reply->status == 200) {
        json_dumpf(reply->json, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        putchar('\n');
        return EXIT_FINE;
    }
    json_show_controls(reply->json);
    if (reply->status != 200) {
        fprintf(stderr, "portico: %s%s\n", words, json_text_of(reply->json, "error"));
        return EXIT_WRONG;
    }
    show(reply->json);
    return EXIT_FINE;
}
