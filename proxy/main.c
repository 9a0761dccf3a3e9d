/* The apex: finds the command and runs it. */

#include <string.h>

#include "control/command.h"

static int is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2)
        return (int)command_usage(NULL);
    if (is_help(argv[1]))
        return (int)command_help();
    command = command_find(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
    if (!command)
        return (int)command_usage(argv[1]);
    if (argc == 3 && is_help(argv[2])) {
        command_usage(argv[1]);
        return EXIT_FINE;
    }
    return (int)command->run(argc - 1, argv + 1);
}
