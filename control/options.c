#include "control/options.h"

#include <getopt.h>

bool options_read_origin(int argc, char **argv, bool with_arguments, struct origin *origin)
{
    int option;

    *origin = (struct origin){0};
    optind = 1;
    while ((option = getopt(argc, argv, "c:")) != -1) {
        if (option != 'c')
            return false;
        origin->path = optarg;
    }
    origin->arguments = argv + optind;
    origin->arguments_count = (size_t)(argc - optind);
    return with_arguments || origin->arguments_count == 0;
}
