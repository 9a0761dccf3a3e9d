#include "control/command.h"
#include "control/options.h"
#include "control/service.h"

enum exit_code command_run(int argc, char **argv)
{
    struct origin origin;

    if (!options_read_origin(argc, argv, true, &origin))
        return command_usage("run");
    return service_run(&origin);
}
