#include <stdio.h>

#include "control/command.h"
#include "control/options.h"
#include "control/pool_text.h"
#include "control/port_check.h"
#include "proxy/snapshot.h"

static void praise(const struct snapshot *snapshot)
{
    size_t pools = 0;

    while (pools < snapshot->pools_count && pool_text_has_name(&snapshot->pools[pools]))
        pools++;
    printf("%.*s is fine: %zu routes on %zu addresses", FMT_SLICE(snapshot->source), snapshot->routes_count,
           snapshot->listens_count);
    if (pools)
        printf(", %zu %s", pools, pools > 1 ? "pools" : "pool");
    putchar('\n');
}

enum exit_code command_check(int argc, char **argv)
{
    struct origin origin;
    struct snapshot *snapshot;
    struct text said = {0}, ports = {0};
    enum exit_code code = EXIT_WRONG;

    if (!options_read_origin(argc, argv, false, &origin))
        return command_usage("check");
    if (load_snapshot(&origin, NULL, &said, NULL, &snapshot) == 0) {
        praise(snapshot);
        port_check(snapshot, &origin, &ports);
        snapshot_unref(snapshot);
        code = EXIT_FINE;
    }
    if (said.len)
        fputs(said.data, stderr);
    if (ports.len)
        fputs(ports.data, stderr);
    text_fini(&said);
    text_fini(&ports);
    return code;
}
