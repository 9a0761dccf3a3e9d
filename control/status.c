#include "control/status.h"

#include <unistd.h>

#include "backends/warden.h"
#include "control/capabilities.h"
#include "control/drain_watch.h"
#include "control/json.h"
#include "control/load.h"
#include "control/reload.h"
#include "control/sandbox.h"
#include "net/dial.h"
#include "proxy/listen_set.h"
#include "proxy/snapshot.h"
#include "proxy/worker_count.h"

/* ---- pools ---- */

static const char *standing_word(const struct standing *standing)
{
    static const char *const WORDS[] = {
        [STANDING_UP] = "up",
        [STANDING_DOWN] = "down",
        [STANDING_EJECTED] = "ejected",
    };

    return WORDS[standing ? atomic_load_explicit(&standing->state, memory_order_relaxed) : STANDING_UP];
}

static json_t *endpoint_of(const struct endpoint *endpoint)
{
    json_t *json = json_object();

    json_object_set_new(json, "endpoint", json_of_slice(endpoint->text));
    json_object_set_new(json, "standing", json_string(standing_word(endpoint->standing)));
    if (endpoint->is_backup)
        json_object_set_new(json, "backup", json_true());
    return json;
}

static void add_pool(void *argument, const struct pool *pool, const struct roster *roster)
{
    json_t *json = json_object(), *endpoints = json_array();

    for (size_t i = 0; i < roster->count; i++)
        json_array_append_new(endpoints, endpoint_of(&roster->endpoints[i]));
    json_object_set_new(json, "pool", json_of_slice(pool->key));
    json_object_set_new(json, "endpoints", endpoints);
    if (roster->count == 0)
        json_object_set_new(json, "reason",
                            roster->is_settled ? json_of_slice(roster->why_empty)
                                               : json_string("its names are being looked up"));
    json_array_append_new(argument, json);
}

/* Those of one address and without checks: nobody looks after them, so that nothing speaks against it. */
static void add_fixed_pools(json_t *pools, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->pools_count; i++) {
        struct roster *roster;

        if (!pool_is_fixed(&snapshot->pools[i]))
            continue;
        roster = roster_fixed(&snapshot->pools[i]);
        add_pool(pools, &snapshot->pools[i], roster);
        roster_unref(roster);
    }
}

static json_t *pools_of(const struct status_facts *facts)
{
    json_t *pools = json_array();

    warden_each(facts->warden, add_pool, pools);
    add_fixed_pools(pools, facts->snapshot);
    return pools;
}

/* ---- the sandbox ---- */

static json_t *walls_of(const struct sandbox *sandbox)
{
    struct text capabilities = {0};
    json_t *json = json_object();

    capabilities_describe(sandbox->capabilities, &capabilities);
    json_object_set_new(json, "on", json_boolean(sandbox->is_on));
    if (sandbox->is_on) {
        json_object_set_new(json, "uid", json_integer(sandbox->uid));
        json_object_set_new(json, "capabilities", json_of_slice(text_slice(&capabilities)));
        json_object_set_new(json, "bounded", json_boolean(sandbox->is_bounded));
        json_object_set_new(json, "seccomp", json_boolean(sandbox->has_seccomp));
        json_object_set_new(json, "landlock", json_integer(sandbox->landlock));
        json_object_set_new(json, "dumpable", json_boolean(sandbox->is_dumpable));
        json_object_set_new(json, "missing", json_of_slice(text_slice(&sandbox->missing)));
    }
    text_fini(&capabilities);
    return json;
}

/* ---- the rest ---- */

static json_t *configuration_of(const struct status_facts *facts)
{
    json_t *json = json_object(), *arguments = json_array();

    for (size_t i = 0; i < facts->origin->arguments_count; i++)
        json_array_append_new(arguments, json_of_slice(slice_str(facts->origin->arguments[i])));
    json_object_set_new(json, "file", facts->file ? json_of_slice(slice_str(facts->file)) : json_null());
    json_object_set_new(json, "arguments", arguments);
    json_object_set_new(json, "version", json_integer((json_int_t)facts->snapshot->version));
    json_object_set_new(json, "loaded_at", json_of_time(facts->loaded_at));
    return json;
}

static json_t *last_reload_of(const struct reloads *reloads)
{
    const bool is_refused = reloads->refusal.len > 0;
    json_t *json;

    if (reloads->last_at == 0)
        return json_null();
    json = json_object();
    json_object_set_new(json, "at", json_of_time(reloads->last_at));
    json_object_set_new(json, "outcome", json_string(is_refused ? "refused" : "applied"));
    if (is_refused)
        json_object_set_new(json, "reason", json_of_slice(text_slice(&reloads->refusal)));
    return json;
}

static json_t *listeners_of(const struct listen_set *listens)
{
    json_t *json = json_array();
    char text[ADDRESS_TEXT];

    for (size_t i = 0; i < listens->count; i++) {
        const struct address *address = &listens->entries[i].address;

        if (i == 0 ||
            !address_eq(address, &listens->entries[i - 1].address)) /* one address, several sockets */
            json_array_append_new(json, json_string(address_describe(address, text)));
    }
    return json;
}

/* Rounded up; none: null. */
static json_t *seconds_of(uint64_t left_ms)
{
    return left_ms == TIMER_NEVER ? json_null() : json_integer((json_int_t)((left_ms + 999) / 1000));
}

static void add_load(json_t *json, const char *requests, const char *tunnels, struct load load)
{
    json_object_set_new(json, requests, json_integer((json_int_t)load.requests));
    json_object_set_new(json, tunnels, json_integer((json_int_t)load.tunnels));
}

static json_t *version_of(const struct version_count *version)
{
    const bool has_leaving = version->leaving.requests + version->leaving.tunnels > 0;
    json_t *json = json_object();

    json_object_set_new(json, "version", json_integer((json_int_t)version->version));
    add_load(json, "requests", "tunnels", version->all);
    json_object_set_new(json, "tls_connections", json_integer((json_int_t)version->connections));
    add_load(json, "leaving_requests", "leaving_tunnels", version->leaving);
    json_object_set_new(json, "seconds_left", has_leaving ? seconds_of(version->left_ms) : json_null());
    return json;
}

/* Of older configurations, and of the newest where something of it has a deadline: its endpoints left by themselves. */
static json_t *versions_of(const struct status_facts *facts)
{
    json_t *json = json_array();

    for (size_t i = 0; i < facts->count->versions_count; i++) {
        const struct version_count *version = &facts->count->versions[i];

        if (version->version < facts->snapshot->version ||
            version->leaving.requests + version->leaving.tunnels > 0)
            json_array_append_new(json, version_of(version));
    }
    return json;
}

static json_t *draining_of(const struct status_facts *facts)
{
    const struct worker_count *count = facts->count;
    json_t *json = json_object();

    json_object_set_new(json, "stopping", json_boolean(facts->is_stopping));
    json_object_set_new(json, "workers", json_integer(facts->draining));
    if (facts->is_stopping) {
        add_load(json, "requests", "tunnels", count->load);
        json_object_set_new(json, "seconds_left",
                            seconds_of(drain_watch_left_ms(facts->drain_watch, count->load)));
    }
    json_object_set_new(json, "oldest_version",
                        count->versions_count ? json_integer((json_int_t)count->versions[0].version)
                                              : json_null());
    json_object_set_new(json, "versions", versions_of(facts));
    json_object_set_new(json, "pid_before",
                        facts->predecessor ? json_integer(facts->predecessor) : json_null());
    return json;
}

static void add_process(const struct status_facts *facts, json_t *json)
{
    json_object_set_new(json, "version", json_string(PORTICO_VERSION));
    json_object_set_new(json, "pid", json_integer(getpid()));
    json_object_set_new(json, "started_at", json_of_time(facts->started_at));
    json_object_set_new(json, "uptime_seconds", json_integer((json_int_t)(facts->uptime_ms / 1000)));
}

void status_write(const struct status_facts *facts, struct text *out)
{
    json_t *json = json_object();

    add_process(facts, json);
    json_object_set_new(json, "configuration", configuration_of(facts));
    json_object_set_new(json, "last_reload", last_reload_of(facts->reloads));
    json_object_set_new(json, "sandbox", walls_of(sandbox_now()));
    json_object_set_new(json, "reloading", json_boolean(facts->is_applying));
    json_object_set_new(json, "workers", json_integer(facts->workers));
    json_object_set_new(json, "listeners", listeners_of(facts->listens));
    json_object_set_new(json, "routes", json_integer((json_int_t)facts->snapshot->routes_count));
    json_object_set_new(json, "connections", json_integer((json_int_t)facts->count->connections));
    add_load(json, "requests", "tunnels", facts->count->load);
    json_object_set_new(json, "no_local_port", json_integer((json_int_t)dial_count_no_local_port()));
    json_object_set_new(json, "draining", draining_of(facts));
    json_object_set_new(json, "pools", pools_of(facts));
    json_print(json, out);
    json_decref(json);
}
