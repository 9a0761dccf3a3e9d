/** The commands of `portico NAME …`, one file each. */
#ifndef CONTROL_COMMAND_H
#define CONTROL_COMMAND_H

#include "control/exit_code.h"

/** @param argc, argv  what follows `portico`; argv[0] is the command's own name */
enum exit_code command_run(int argc, char **argv);
enum exit_code command_check(int argc, char **argv);
enum exit_code command_routes(int argc, char **argv);
enum exit_code command_explain(int argc, char **argv);
enum exit_code command_schema(int argc, char **argv);
enum exit_code command_demo(int argc, char **argv);
enum exit_code command_trust(int argc, char **argv);
enum exit_code command_health(int argc, char **argv);
enum exit_code command_reload(int argc, char **argv);
enum exit_code command_upgrade(int argc, char **argv);
enum exit_code command_status(int argc, char **argv);
enum exit_code command_why(int argc, char **argv);
enum exit_code command_version(int argc, char **argv);

/** One row of control/command.def. */
struct command {
    const char *name;
    const char *arguments; /* as usage shows them */
    const char *summary;
    enum exit_code (*run)(int argc, char **argv);
};

/** The command of that name, or NULL. */
const struct command *command_find(const char *name);
/** Prints all commands, or how one is used, to standard error. @return EXIT_USAGE */
enum exit_code command_usage(const char *name);
/** The same to standard output. @return EXIT_FINE */
enum exit_code command_help(void);

#endif
