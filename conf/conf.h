/** What the operator wrote, read and checked as far as that needs no other room.
 *  URL keys, targets and certificates are texts with marks here: control/compile gives them their meaning,
 * and says what is wrong with them through the same diagnostics. Meaning, range and default of each key:
 *  conf/fields.def. Everything lives as long as the struct conf. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/ip.h"
#include "base/macro.h"
#include "base/text.h"
#include "conf/diagnostics.h"
#include "conf/mark.h"
#include "conf/settings.h"

struct conf_texts {
    struct conf_text *items;
    size_t count;
};

struct conf_pair {
    struct conf_text name, value; /* value.text.data NULL: `true` or nothing was written */
};

struct conf_pairs {
    struct conf_pair *items;
    size_t count;
};

struct conf_networks {
    struct cidr *items;
    size_t count;
};

struct conf_addresses {
    struct ip *items;
    size_t count;
};

struct conf_server {
    struct ip ip;
    uint16_t port;
};

struct conf_servers {
    struct conf_server *items;
    size_t count;
};

struct conf_range {
    unsigned min, max;
};

/** Either cert and key, or path: a directory of pairs. */
struct conf_certificate {
    struct conf_text cert, key, path;
};

/** One target of a pool, or "@NAME": a pool of `backends:`. */
struct conf_target {
    struct conf_text address;
    uint64_t weight;
    bool is_backup;
};

struct conf_targets {
    struct conf_target *items;
    size_t count;
};

struct conf_hash {
    enum { CONF_BY_CLIENT, CONF_BY_PATH, CONF_BY_NAME } by;
    struct conf_text header, cookie; /* CONF_BY_NAME: one of them */
};

struct conf_balance {
    enum { CONF_ROUND_ROBIN, CONF_LEAST_CONNECTIONS, CONF_TWO_CHOICES, CONF_HASH } kind;
    struct conf_hash hash; /* CONF_HASH */
    struct mark mark;
};

struct conf_health {
    enum { CONF_HEALTH_OFF, CONF_HEALTH_CONNECT, CONF_HEALTH_MAP } kind;
    struct conf_text path, host; /* neither path nor grpc: a connection is enough */
    struct conf_text grpc;       /* a service, "": the server as a whole */
    struct conf_range status;
    uint64_t interval, timeout, rise, fall;
};

struct conf_outlier {
    enum { CONF_OUTLIER_OFF, CONF_OUTLIER_ON, CONF_OUTLIER_MAP } kind;
    uint64_t connect_failures, resets, errors; /* SETTING_NONE: not counted */
    uint64_t eject, eject_max;
    struct mark mark;
};

struct conf_retry {
    uint64_t tries;
    bool resets;
    uint64_t budget;
    struct mark mark;
};

/** The settings of one pool: of an entry of `backends:`, or of a route for its own targets. Routes without such keys
 *  share one. Marks are those of the keys, where they are there. */
struct conf_pool {
    struct conf_balance balance;
    struct conf_text sticky; /* a cookie's name */
    struct conf_health health;
    struct conf_outlier outlier;
    uint64_t slow_start, hold, max_connections; /* SETTING_NONE: none */
    uint64_t queue;
    struct conf_retry retry;
    enum { CONF_PROXY_OFF, CONF_PROXY_V1, CONF_PROXY_V2 } proxy_protocol;
    struct conf_addresses source;
    struct conf_text
        ca;      /* PEM file that https:// and h2:// targets are verified against; not given: the system's */
    bool verify; /* of https:// and h2:// targets */
    struct conf_certificate client_certificate; /* without its path; cert.text.data NULL: none */
    struct conf_text server_name;
};

/** A map whose one key has a text. */
struct conf_text_owner {
    struct conf_text text;
};

/** An entry of `backends:`. */
struct conf_backend {
    struct conf_text name;
    struct mark mark; /* of its value */
    struct conf_targets to;
    struct conf_pool pool;
};

/** Every part that is not empty must hold. */
struct conf_when {
    struct conf_texts methods;
    struct conf_pairs headers, query; /* a value of NULL: must be there */
    struct conf_networks from;
    struct conf_addresses local;
};

/** Done in this order: remove, set, add. */
struct conf_edits {
    struct conf_texts remove;
    struct conf_pairs set, add;
};

/** What a route's long form says besides `to` and its pool. All short forms share one. */
struct conf_options {
    enum { CONF_PROXY, CONF_REDIRECT, CONF_RESPOND } kind;
    bool has_when;
    struct conf_when when;
    struct conf_text redirect; /* CONF_REDIRECT: an http(s) URL or an absolute path */
    uint64_t code;             /* CONF_REDIRECT: status */
    uint64_t respond;          /* CONF_RESPOND: status */
    bool strip_prefix;
    struct conf_text rewrite_path;
    struct conf_edits request_headers, response_headers;
    struct timeouts timeouts; /* the file's, with the route's over them */
    struct limits limits;     /* likewise */
    bool access_log;
    bool redirect_http; /* the route's, else the file's */
};

/** One route, or one alternative of one: alternatives follow each other, with the same key. */
struct conf_route {
    struct conf_text key;
    struct mark mark;       /* of the value, or of the alternative */
    struct conf_targets to; /* CONF_PROXY: at least one */
    const struct conf_pool *pool;
    const struct conf_options *options;
};

struct conf_listen {
    uint16_t port;
    struct mark mark;
    struct conf_addresses bind; /* none: all addresses */
};

/** What the operator expects of the table: that URL takes a route of that key. */
struct conf_expectation {
    struct conf_text url, route;
};

struct conf_access {
    struct conf_text to; /* "stdout", "stderr", "off", or a file's path */
    int format;          /* enum access_format */
};

struct conf_log {
    int level; /* enum log_level of base/log.h */
    struct conf_access access;
};

struct conf {
    struct arena arena;
    struct slice name; /* of the file; "arguments" when there is none */
    struct mark start; /* of the file, for what is wrong with it as a whole */
    struct conf_route *routes;
    size_t routes_count, routes_cap;
    struct conf_backend *backends;
    size_t backends_count;
    struct conf_servers resolvers;
    struct conf_certificate *certificates;
    size_t certificates_count;
    struct conf_certificate default_certificate; /* cert.text.data NULL: none */
    bool local_ca;
    uint64_t workers; /* SETTING_NONE: auto */
    struct conf_text user;
    bool sandbox;
    struct conf_listen *listens;
    size_t listens_count;
    struct conf_expectation *expectations;
    size_t expectations_count;
    bool redirect_http;
    bool http2;
    struct conf_networks trusted_proxies;
    struct timeouts timeouts;
    struct limits limits;
    struct conf_log log;
    bool watch;
    struct conf_text_owner admin; /* not given: the default's place */
    struct conf_text state;       /* not given: chosen by whoever needs it */
    struct conf_options options;  /* of all short forms */
    struct conf_pool pool;        /* likewise */
    struct conf_target target;    /* what each target starts from */
    char *bytes;                  /* of the file */
};

/** Reads and checks a file. Prints nothing.
 *  @return 0 with what could be read, also when there are errors, so that whoever checks more can say all of them at once:
 *          nothing may be served while diagnostics->errors is not 0. -1 when it cannot be read as YAML; *out is untouched
 *          then */
int conf_load(const char *path, struct conf **out, struct diagnostics *diagnostics) NODISCARD;
/** The same from memory, which is copied. @param name  for messages */
int conf_load_bytes(struct slice name, struct slice bytes, struct conf **out,
                    struct diagnostics *diagnostics) NODISCARD;
/** Routes of the command line, URL=TARGET each, under the defaults. */
void conf_from_arguments(char *const *arguments, size_t count, struct conf **out,
                         struct diagnostics *diagnostics);
/** Adds routes of the command line to those of a file. */
void conf_add_arguments(struct conf *conf, char *const *arguments, size_t count,
                        struct diagnostics *diagnostics);
void conf_free(struct conf *conf);

/** The JSON Schema (draft 2020-12) of a configuration file: conf/portico.schema.json. */
void conf_schema(struct text *out);
/** The reference of all keys as Markdown: docs/configuration.md. */
void conf_reference(struct text *out);
/** Of the YAML library. */
const char *conf_library_version(void);

#endif
