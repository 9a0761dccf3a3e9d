#include <stdio.h>

#include "control/command.h"
#include "control/options.h"
#include "proxy/snapshot.h"

enum exit_code command_check(int argc, char **argv)
{
    struct origin origin;
    struct snapshot *snapshot;
    struct text said = {0};
    enum exit_code code = EXIT_WRONG;

    if (!options_read_origin(argc, argv, false, &origin))
        return command_usage("check");
    if (load_snapshot(&origin, NULL, &said, &snapshot) == 0) {
        printf("%.*s is fine: %zu routes on %zu addresses\n", FMT_SLICE(snapshot->source),
               snapshot->routes_count, snapshot->listens_count);
        snapshot_unref(snapshot);
        code = EXIT_FINE;
    }
    if (said.len)
        fputs(said.data, stderr);
    text_fini(&said);
    return code;
}
