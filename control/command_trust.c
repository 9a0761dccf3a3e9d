#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "control/command.h"
#include "control/options.h"
#include "control/state.h"
#include "tls/local_ca.h"

static int copy_file(const char *from, const char *to, struct error *error)
{
    FILE *in = fopen(from, "r"), *out = in ? fopen(to, "w") : NULL;
    char buffer[4096];
    size_t n;
    int rc = in && out ? 0 : -1;

    while (rc == 0 && (n = fread(buffer, 1, sizeof(buffer), in)) > 0) {
        if (fwrite(buffer, 1, n, out) != n)
            rc = -1;
    }
    if (out && fclose(out) != 0)
        rc = -1;
    if (rc < 0)
        error_set(error, "%s: %s", in ? to : from, strerror(errno));
    if (in)
        fclose(in);
    return rc;
}

static void print_how(const char *path)
{
    printf("The certificate of this machine's own authority is\n  %s\n\n", path);
    printf("It may only sign names under localhost, test, internal and home.arpa. To trust it:\n\n");
    printf("  Debian, Ubuntu   sudo cp %s /usr/local/share/ca-certificates/portico.crt && sudo "
           "update-ca-certificates\n",
           path);
    printf("  Fedora           sudo trust anchor %s\n", path);
    printf("  macOS            sudo security add-trusted-cert -d -k /Library/Keychains/System.keychain %s\n",
           path);
    printf("  Chromium (Linux) certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n Portico -i %s\n", path);
    printf("  Firefox          Settings, Certificates, Authorities, Import: %s\n", path);
    printf("  curl             curl --cacert %s https://...\n", path);
}

/* Without a configuration the default state directory is meant; one with errors is said. */
static int find_state(const struct origin *origin, char **state, struct error *error)
{
    struct conf *conf = NULL;
    struct text said = {0};
    int rc = load_path(origin) ? load_conf(origin, &said, &conf) : 0;

    if (said.len)
        fputs(said.data, stderr);
    text_fini(&said);
    rc = rc < 0 ? error_set(error, "the configuration has errors") : state_of_conf(conf, state, error);
    if (conf)
        conf_free(conf);
    return rc;
}

static enum exit_code trust(const struct origin *origin, const char *to)
{
    struct local_ca *ca = NULL;
    struct error error = {0};
    char *state = NULL;
    enum exit_code code = EXIT_WRONG;

    if (find_state(origin, &state, &error) == 0 && local_ca_open(state, &ca, &error) == 0 &&
        (!to || copy_file(local_ca_path(ca), to, &error) == 0)) {
        print_how(to ? to : local_ca_path(ca));
        code = EXIT_FINE;
    } else {
        fprintf(stderr, "portico: %s\n", error.text);
    }
    local_ca_free(ca);
    mem_free(state);
    return code;
}

enum exit_code command_trust(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"export", required_argument, NULL, 'e'}, {0}};
    struct origin origin = {0};
    const char *to = NULL;
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "c:", OPTIONS, NULL)) != -1) {
        if (option == 'c')
            origin.path = optarg;
        else if (option == 'e')
            to = optarg;
        else
            return command_usage("trust");
    }
    return optind < argc ? command_usage("trust") : trust(&origin, to);
}
