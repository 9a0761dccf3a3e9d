#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/command.h"
#include "control/launcher.h"
#include "control/options.h"
#include "control/service.h"

/* Without one all goes on, but for upgrades. */
static struct launcher *make_launcher(int argc, char **argv, char **program)
{
    struct launcher *launcher = NULL;
    struct error error;
    char **all = mem_new_n(char *, (size_t)argc + 2);

    all[0] = program_invocation_name;
    for (int i = 0; i < argc; i++)
        all[i + 1] = argv[i];
    *program = launcher_program();
    if (*program)
        launcher = launcher_new(*program, all, &error);
    else
        error_set(&error, "nothing says where this program lies");
    if (!launcher)
        log_event(LOG_WARN, "no_launcher", "reason=%s", log_quote(slice_str(error.text)));
    mem_free(all);
    return launcher;
}

enum exit_code command_run(int argc, char **argv)
{
    struct launcher *launcher;
    struct origin origin;
    enum exit_code code;
    char *program;

    if (!options_read_origin(argc, argv, true, &origin))
        return command_usage("run");
    launcher = make_launcher(argc, argv, &program);
    code = service_run(&origin, launcher);
    mem_free(program);
    return code;
}
