#include <stdio.h>

#include "backends/resolver.h"
#include "conf/conf.h"
#include "control/admin_client.h"
#include "control/command.h"
#include "control/json.h"
#include "control/seccomp.h"
#include "http/head.h"
#include "net/loop.h"
#include "tls/tls_stream.h"

enum exit_code command_version(int argc, char **argv)
{
    if (argc > 1)
        return command_usage("version");
    printf("portico %s\n", PORTICO_VERSION);
    printf("  libuv    %s\n", loop_library_version());
    printf("  llhttp   %s\n", http_library_version());
    printf("  nghttp2  %s\n", h2_library_version());
    printf("  OpenSSL  %s\n", tls_library_version());
    printf("  libfyaml %s\n", conf_library_version());
    printf("  c-ares   %s\n", resolver_library_version());
    printf("  jansson  %s\n", json_library_version());
    printf("  libcurl  %s\n", admin_client_library_version());
    printf("  libseccomp %s\n", seccomp_library_version());
    return EXIT_FINE;
}
