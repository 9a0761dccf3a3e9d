#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/admin_ask.h"
#include "control/command.h"
#include "control/json.h"

enum { STATUS_SECONDS = 15, DAY_S = 86400, HOUR_S = 3600, MINUTE_S = 60 };

static void print_name(const char *name)
{
    printf("%-15s", name);
}

/* The two largest units that are not 0: "3d 4h". */
static void print_duration(int64_t seconds)
{
    if (seconds >= DAY_S)
        printf("%lldd %lldh", (long long)(seconds / DAY_S), (long long)(seconds % DAY_S / HOUR_S));
    else if (seconds >= HOUR_S)
        printf("%lldh %lldm", (long long)(seconds / HOUR_S), (long long)(seconds % HOUR_S / MINUTE_S));
    else if (seconds >= MINUTE_S)
        printf("%lldm %llds", (long long)(seconds / MINUTE_S), (long long)(seconds % MINUTE_S));
    else
        printf("%llds", (long long)seconds);
}

static void print_process(const json_t *status)
{
    printf("Portico %s, pid %lld, up ", json_text_of(status, "version"),
           (long long)json_number_of(status, "pid"));
    print_duration(json_number_of(status, "uptime_seconds"));
    putchar('\n');
}

static void print_list(const json_t *list, const char *separator)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item) printf("%s%s", i ? separator : "", json_text(item));
}

static void print_configuration(const json_t *configuration)
{
    const char *file = json_text_of(configuration, "file");
    const json_t *arguments = json_object_get(configuration, "arguments");

    print_name("configuration");
    fputs(file, stdout);
    if (file[0] && json_array_size(arguments))
        fputs(" with ", stdout);
    print_list(arguments, " ");
    if (!file[0] && !json_array_size(arguments))
        fputs("built in", stdout);
    printf(", version %lld, loaded %s\n", (long long)json_number_of(configuration, "version"),
           json_text_of(configuration, "loaded_at"));
}

/* The lines of a reason stand below each other. */
static void print_reason(const char *reason)
{
    size_t len = strcspn(reason, "\n");

    printf(": %.*s\n", (int)len, reason);
    for (reason += len; *reason == '\n' && reason[1]; reason += len) {
        len = strcspn(++reason, "\n");
        print_name("");
        printf("%.*s\n", (int)len, reason);
    }
}

static void print_last_reload(const json_t *last)
{
    print_name("last reload");
    if (!json_is_object(last)) {
        puts("none");
        return;
    }
    printf("%s %s", json_text_of(last, "at"), json_text_of(last, "outcome"));
    if (json_text_of(last, "reason")[0])
        print_reason(json_text_of(last, "reason"));
    else
        putchar('\n');
}

static void print_sandbox(const json_t *sandbox)
{
    const char *missing = json_text_of(sandbox, "missing");

    print_name("sandbox");
    if (!json_is_true(json_object_get(sandbox, "on"))) {
        puts("off: this process can do what its user can");
        return;
    }
    printf("on: uid %lld, capabilities %s, seccomp %s, landlock %lld",
           (long long)json_number_of(sandbox, "uid"), json_text_of(sandbox, "capabilities"),
           json_is_true(json_object_get(sandbox, "seccomp")) ? "on" : "off",
           (long long)json_number_of(sandbox, "landlock"));
    printf("%s%s\n", missing[0] ? "; missing: " : "", missing);
}

static void print_numbers(const json_t *status)
{
    static const char *const KEYS[] = {"workers", "routes", "connections", "requests", "tunnels"};

    print_name("listeners");
    print_list(json_object_get(status, "listeners"), ", ");
    putchar('\n');
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        print_name(KEYS[i]);
        printf("%lld\n", (long long)json_number_of(status, KEYS[i]));
    }
}

static void print_count(const json_t *json, const char *key, const char *noun, const char *before)
{
    const long long count = (long long)json_number_of(json, key);

    printf("%s%lld %s%s", before, count, noun, count == 1 ? "" : "s");
}

/* How long: "no limit" where it is null. */
static void print_limit(const json_t *json)
{
    const json_t *left = json_object_get(json, "seconds_left");

    if (json_is_integer(left))
        printf("cut in %llds", (long long)json_integer_value(left));
    else
        printf("no limit");
}

static void print_stop(const json_t *draining)
{
    print_count(draining, "requests", "request", "the process stops: ");
    print_count(draining, "tunnels", "tunnel", ", ");
    fputs("; ", stdout);
    print_limit(draining);
    putchar('\n');
}

static void print_version(const json_t *version)
{
    printf("version %lld: ", (long long)json_number_of(version, "version"));
    print_count(version, "requests", "request", "");
    print_count(version, "tunnels", "tunnel", ", ");
    if (json_number_of(version, "tls_connections"))
        print_count(version, "tls_connections", "TLS connection", ", ");
    if (json_number_of(version, "leaving_requests") + json_number_of(version, "leaving_tunnels")) {
        print_count(version, "leaving_requests", "request", "; of these ");
        print_count(version, "leaving_tunnels", "tunnel", " and ");
        fputs(" at what is gone, ", stdout);
        print_limit(version);
    }
    putchar('\n');
}

static void print_draining(const json_t *status)
{
    const json_t *draining = json_object_get(status, "draining"), *version;
    const json_t *versions = json_object_get(draining, "versions");
    const bool is_stopping = json_is_true(json_object_get(draining, "stopping"));
    const int64_t before = json_number_of(draining, "pid_before");
    size_t i;

    print_name("draining");
    if (before)
        printf("process %lld, whose place this one took\n", (long long)before);
    if (before && (is_stopping || json_array_size(versions)))
        print_name("");
    if (is_stopping)
        print_stop(draining);
    json_array_foreach(versions, i, version)
    {
        if (is_stopping || i > 0)
            print_name("");
        print_version(version);
    }
    if (!before && !is_stopping && json_array_size(versions) == 0)
        puts("nothing");
}

/* ---- pools ---- */

static int width_of(const json_t *pools)
{
    size_t width = 0, i, k;
    const json_t *pool, *endpoint;

    json_array_foreach(pools, i, pool)
    {
        json_array_foreach(json_object_get(pool, "endpoints"), k, endpoint) width =
            MAX(width, strlen(json_text_of(endpoint, "endpoint")));
    }
    return (int)width;
}

static void print_pool(const json_t *pool, int width)
{
    const json_t *endpoints = json_object_get(pool, "endpoints"), *endpoint;
    size_t i;

    printf("pool %s\n", json_text_of(pool, "pool"));
    json_array_foreach(endpoints, i, endpoint)
    {
        const bool is_backup = json_is_true(json_object_get(endpoint, "backup"));

        printf("  %-*s  %s%s\n", width, json_text_of(endpoint, "endpoint"),
               json_text_of(endpoint, "standing"), is_backup ? " (backup)" : "");
    }
    if (json_array_size(endpoints) == 0)
        printf("  nobody: %s\n", json_text_of(pool, "reason"));
}

static void print_status(const json_t *status)
{
    const json_t *pools = json_object_get(status, "pools"), *pool;
    const int width = width_of(pools);
    size_t i;

    print_process(status);
    print_configuration(json_object_get(status, "configuration"));
    print_last_reload(json_object_get(status, "last_reload"));
    print_sandbox(json_object_get(status, "sandbox"));
    print_numbers(status);
    print_draining(status);
    json_array_foreach(pools, i, pool) print_pool(pool, width);
}

static enum exit_code print_reply(const struct admin_reply *reply, bool is_json)
{
    return admin_show(reply, is_json, "no status: ", print_status);
}

enum exit_code command_status(int argc, char **argv)
{
    struct admin_options options;

    if (!options_read_admin(argc, argv, "json", &options))
        return command_usage("status");
    return admin_ask(&options, "GET", "/status", STATUS_SECONDS, print_reply);
}
