#include <stdio.h>

#include "control/admin_ask.h"
#include "control/command.h"
#include "control/json.h"

/* More than the process itself takes to give up. */
enum { UPGRADE_SECONDS = 90 };

static enum exit_code print_reply(const struct admin_reply *reply, bool flag)
{
    json_t *json = reply->json;

    json_show_controls(json);
    if (reply->status != 200) {
        fprintf(stderr, "portico: no upgrade: %s\n", json_text_of(json, "error"));
        return EXIT_WRONG;
    }
    printf("upgraded: pid %lld → %lld, version %s → %s\n", (long long)json_number_of(json, "pid_before"),
           (long long)json_number_of(json, "pid"), json_text_of(json, "version_before"),
           json_text_of(json, "version"));
    return EXIT_FINE;
}

enum exit_code command_upgrade(int argc, char **argv)
{
    struct admin_options options;

    if (!options_read_admin(argc, argv, NULL, &options))
        return command_usage("upgrade");
    return admin_ask(&options, "POST", "/upgrade", UPGRADE_SECONDS, print_reply);
}
