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

/** What a route's long form says besides `to`. All short forms share one. */
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
    bool redirect_http;  /* the route's, else the file's */
    struct conf_text ca; /* PEM file that https:// targets are verified against; not given: the system's */
    bool verify;         /* of https:// targets */
};

/** One route, or one alternative of one: alternatives follow each other, with the same key. */
struct conf_route {
    struct conf_text key;
    struct mark mark;     /* of the value, or of the alternative */
    struct conf_texts to; /* CONF_PROXY: at least one */
    const struct conf_options *options;
};

/** Either cert and key, or path: a directory of pairs. */
struct conf_certificate {
    struct conf_text cert, key, path;
};

struct conf_listen {
    uint16_t port;
    struct mark mark;
    struct conf_addresses bind; /* none: all addresses */
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
    struct conf_certificate *certificates;
    size_t certificates_count;
    struct conf_certificate default_certificate; /* cert.text.data NULL: none */
    bool local_ca;
    uint64_t workers; /* SETTING_NONE: auto */
    struct conf_text user;
    struct conf_listen *listens;
    size_t listens_count;
    bool redirect_http;
    struct conf_networks trusted_proxies;
    struct timeouts timeouts;
    struct limits limits;
    struct conf_log log;
    struct conf_text state;      /* not given: chosen by whoever needs it */
    struct conf_options options; /* of all short forms */
    char *bytes;                 /* of the file */
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
