#include "control/command.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/suggest.h"

static const struct command COMMANDS[] = {
#define COMMAND(name, arguments, summary) {#name, arguments, summary, command_##name},
#include "control/command.def"
#undef COMMAND
};

static const char *const NAMES[] = {
#define COMMAND(name, arguments, summary) #name,
#include "control/command.def"
#undef COMMAND
    NULL};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
    }
    return NULL;
}

static void print_all(FILE *to)
{
    fprintf(to, "usage: portico COMMAND ...\n\n");
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
        fprintf(to, "  %-8s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    fprintf(to, "\nWithout -c: ./portico.yaml, then /etc/portico/portico.yaml.\n");
}

enum exit_code command_usage(const char *name)
{
    const struct command *command = name ? command_find(name) : NULL;
    const char *near = name ? suggest_nearest(slice_str(name), NAMES) : NULL;

    if (command) {
        fprintf(stderr, "usage: portico %s %s\n  %s\n", command->name, command->arguments, command->summary);
        return EXIT_USAGE;
    }
    if (name)
        fprintf(stderr, "portico: unknown command \"%s\"%s%s%s\n\n", name, near ? "; did you mean \"" : "",
                near ? near : "", near ? "\"?" : "");
    print_all(stderr);
    return EXIT_USAGE;
}

enum exit_code command_help(void)
{
    print_all(stdout);
    return EXIT_FINE;
}
