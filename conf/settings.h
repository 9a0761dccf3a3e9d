/** Plain values that the running proxy takes from the configuration: the one header of conf/ that proxy/
 * sees. */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

/** A limit that is lifted (`none`). */
#define SETTING_NONE UINT64_MAX

/** Milliseconds. Defaults and meaning: conf/fields.def. */
struct timeouts {
    uint64_t handshake, head, stall, idle, idle_h2, connect, answer, answer_idle, tunnel, sniff, drain,
        drain_tunnels;
};

/** Bytes, but for fields, connections and what is per client or connection, which are counts. */
struct limits {
    uint64_t head, fields, target, body;
    uint64_t connections; /* SETTING_NONE: auto, from RLIMIT_NOFILE */
    uint64_t connections_per_client, requests_per_connection;
};

enum access_format { ACCESS_COMBINED, ACCESS_JSON };

#endif
