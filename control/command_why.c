#include <stdio.h>

#include "base/text.h"
#include "control/admin_ask.h"
#include "control/command.h"
#include "control/json.h"
#include "control/why.h"

enum { WHY_SECONDS = 15 };

static void print_line(const char *name, const char *text)
{
    printf("%-10s%s\n", name, text[0] ? text : "none");
}

static void print_failure(const json_t *why)
{
    const char *detail = json_text_of(why, "detail");

    printf("%s: %lld %s, at %s, %lld ms after the request came\n", json_text_of(why, "id"),
           (long long)json_number_of(why, "status"), json_text_of(why, "reason"), json_text_of(why, "at"),
           (long long)json_number_of(why, "after_ms"));
    printf("%-10s%s %s of %s, from %s\n", "request", json_text_of(why, "method"), json_text_of(why, "target"),
           json_text_of(why, "host"), json_text_of(why, "client"));
    printf("%-10s%s, version %lld\n", "route",
           json_text_of(why, "route")[0] ? json_text_of(why, "route") : "none",
           (long long)json_number_of(why, "version"));
    print_line("backend", json_text_of(why, "backend"));
    printf("%-10s%s%s%s\n", "why", json_text_of(why, "sentence"), detail[0] ? ": " : "", detail);
    print_line("tries", json_text_of(why, "tries"));
}

static enum exit_code print_reply(const struct admin_reply *reply, bool is_json)
{
    return admin_show(reply, is_json, "", print_failure);
}

enum exit_code command_why(int argc, char **argv)
{
    struct admin_options options;
    struct text target = {0};
    enum exit_code code;
    uint64_t id;

    if (!options_read_admin_argument(argc, argv, "json", &options))
        return command_usage("why");
    if (!why_read_id(slice_str(options.argument), &id)) {
        fprintf(stderr, "portico: an id is 16 hexadecimal digits, as X-Portico-Error has it\n");
        return EXIT_USAGE;
    }
    text_printf(&target, "/why?id=%s", options.argument);
    code = admin_ask(&options, "GET", target.data, WHY_SECONDS, print_reply);
    text_fini(&target);
    return code;
}
