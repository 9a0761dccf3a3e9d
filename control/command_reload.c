#include <stdio.h>

#include "control/admin_ask.h"
#include "control/command.h"
#include "control/json.h"

/* More than the process itself takes to give up. */
enum { RELOAD_SECONDS = 30 };

static void print_changes(const json_t *json)
{
    const json_t *line;
    size_t i;

    json_array_foreach(json_object_get(json, "changes"), i, line) puts(json_text(line));
}

static enum exit_code print_reply(const struct admin_reply *reply, bool is_dry)
{
    json_show_controls(reply->json);
    fputs(json_text_of(reply->json, "diagnostics"), stderr);
    if (reply->status != 200) {
        const char *why = json_text_of(reply->json, "error");

        fprintf(stderr, "portico: %s: %s\n", reply->status == 422 ? "nothing was changed" : "no reload", why);
        return EXIT_WRONG;
    }
    print_changes(reply->json);
    if (is_dry)
        puts("dry run: nothing was changed");
    else
        printf("applied: version %lld\n", (long long)json_number_of(reply->json, "version"));
    return EXIT_FINE;
}

enum exit_code command_reload(int argc, char **argv)
{
    struct admin_options options;

    if (!options_read_admin(argc, argv, "dry-run", &options))
        return command_usage("reload");
    return admin_ask(&options, "POST", options.flag ? "/reload?dry-run" : "/reload", RELOAD_SECONDS,
                     print_reply);
}
