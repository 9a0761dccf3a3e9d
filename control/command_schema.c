#include <stdio.h>

#include "conf/conf.h"
#include "control/command.h"

enum exit_code command_schema(int argc, char **argv)
{
    struct text out = {0};

    if (argc > 1)
        return command_usage("schema");
    conf_schema(&out);
    fwrite(out.data, 1, out.len, stdout);
    text_fini(&out);
    return EXIT_FINE;
}
