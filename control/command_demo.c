#include <stdio.h>

#include "base/mem.h"
#include "control/command.h"
#include "control/demo_servers.h"
#include "control/service.h"
#include "control/state.h"
#include "tls/certificates.h"
#include "tls/local_ca.h"

/* What a newcomer would write for the sample servers. */
static const char TABLE[] = "routes:\n"
                            "  http://app.localhost:8000: 8080      # by Host\n"
                            "  https://app.localhost:8443: 8080     # TLS ends here\n"
                            "  tls://closed.localhost:8443: 8081    # TLS stays closed, by SNI\n"
                            "  ssh://:8443: 2222                    # by the first bytes\n"
                            "local_ca: true\n";

static void print_lines(const char *ca)
{
    printf("Portico's demo: three sample servers on 8080, 8081 (TLS) and 2222, and Portico in front of them "
           "with\n\n%s\n",
           TABLE);
    printf("Paste any of these into another terminal:\n\n");
    printf("# by Host\ncurl http://app.localhost:8000/\n\n");
    printf(
        "# the same port without a name: no route, and Portico says so\ncurl -i http://127.0.0.1:8000/\n\n");
    printf("# TLS ended by Portico, with a certificate of this machine's own authority\n"
           "curl --cacert %s https://app.localhost:8443/\n\n",
           ca);
    printf("# TLS passed through by SNI to the server on 8081\n"
           "curl --cacert %s https://closed.localhost:8443/\n\n",
           ca);
    printf("# SSH on the same port, known by its first bytes\n"
           "printf 'SSH-2.0-me\\r\\n' | curl -s --max-time 3 telnet://127.0.0.1:8443\n\n");
    printf("# a WebSocket (the greeting comes as a frame; it stays open until curl leaves)\n"
           "curl -i -N --http1.1 --max-time 2 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H "
           "'Sec-WebSocket-Version: "
           "13' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' http://app.localhost:8000/ws\n\n");
    printf("Stop with ctrl-C. Access lines follow.\n\n");
    fflush(stdout);
}

static enum exit_code serve(struct certificates *certificates, const char *ca)
{
    const struct origin origin = {.text = TABLE};
    struct demo_servers *servers;
    struct error error = {0};
    enum exit_code code;

    if (demo_servers_start(certificates, &servers, &error) < 0) {
        fprintf(stderr, "portico: %s\n", error.text);
        return EXIT_PORT;
    }
    print_lines(ca);
    code = service_run(&origin, NULL);
    demo_servers_stop(servers);
    return code;
}

enum exit_code command_demo(int argc, char **argv)
{
    struct ticket_keys *keys;
    struct certificates *certificates;
    struct local_ca *ca = NULL;
    struct error error = {0};
    char *state = NULL;
    enum exit_code code = EXIT_WRONG;

    if (argc > 1)
        return command_usage("demo");
    keys = ticket_keys_new();
    certificates = certificates_new(keys);
    if (state_of_conf(NULL, &state, &error) == 0 && local_ca_open(state, &ca, &error) == 0) {
        certificates_set_local_ca(certificates, ca);
        code = serve(certificates, local_ca_path(ca));
    } else {
        fprintf(stderr, "portico: %s\n", error.text);
    }
    certificates_free(certificates);
    ticket_keys_free(keys);
    mem_free(state);
    return code;
}
