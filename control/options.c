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

static bool read_admin(int argc, char **argv, const char *flag, struct admin_options *options)
{
    const struct option LONG[] = {
        {"admin", required_argument, NULL, 'a'}, {flag, no_argument, NULL, 'f'}, {0}};
    int option;

    *options = (struct admin_options){0};
    optind = 1;
    while ((option = getopt_long(argc, argv, "c:", LONG, NULL)) != -1) {
        if (option == 'c')
            options->origin.path = optarg;
        else if (option == 'a')
            options->socket = optarg;
        else if (option == 'f')
            options->flag = true;
        else
            return false;
    }
    if (optind == argc - 1)
        options->argument = argv[optind];
    return optind >= argc - 1;
}

bool options_read_admin(int argc, char **argv, const char *flag, struct admin_options *options)
{
    return read_admin(argc, argv, flag, options) && !options->argument;
}

bool options_read_admin_argument(int argc, char **argv, const char *flag, struct admin_options *options)
{
    return read_admin(argc, argv, flag, options) && options->argument;
}
