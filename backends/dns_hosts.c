#include "backends/dns_hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/dns_answer.h"
#include "backends/file_stamp.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

static const char BLANKS[] = " \t\r\n";

/* One address of one name. */
struct row {
    struct ip ip;
    uint32_t next; /* of the same name; MAP_NONE: none */
};

struct dns_hosts {
    const char *path;
    struct file_stamp stamp;
    bool is_kept; /* it cannot be read any more, which was told */
    struct arena names;
    struct map firsts; /* a name in lower case: its first row */
    struct row *rows;
    size_t count, cap;
};

struct dns_hosts *dns_hosts_new(const char *path)
{
    struct dns_hosts *hosts = mem_new(struct dns_hosts);

    hosts->path = path;
    return hosts;
}

static void forget(struct dns_hosts *hosts)
{
    map_fini(&hosts->firsts);
    arena_fini(&hosts->names);
    mem_free(hosts->rows);
    hosts->firsts = (struct map){0};
    hosts->names = (struct arena){0};
    hosts->rows = NULL;
    hosts->count = hosts->cap = 0;
}

void dns_hosts_free(struct dns_hosts *hosts)
{
    if (!hosts)
        return;
    forget(hosts);
    mem_free(hosts);
}

/* ---- reading ---- */

static uint32_t row_new(struct dns_hosts *hosts, struct ip ip)
{
    mem_grow((void **)&hosts->rows, &hosts->cap, hosts->count + 1, sizeof(*hosts->rows));
    hosts->rows[hosts->count] = (struct row){ip, MAP_NONE};
    return (uint32_t)hosts->count++;
}

/* Behind those that the name has; a name that has enough of them, or this one, gets no more. */
static void append(struct dns_hosts *hosts, uint32_t at, struct ip ip)
{
    uint32_t row;

    for (size_t length = 1; !ip_eq(hosts->rows[at].ip, ip); length++, at = hosts->rows[at].next) {
        if (length >= DNS_IPS_MAX)
            return;
        if (hosts->rows[at].next == MAP_NONE) {
            row = row_new(hosts, ip);
            hosts->rows[at].next = row;
            return;
        }
    }
}

static void lower(const char *name, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++)
        out[i] = ascii_lower(name[i]);
}

static void add(struct dns_hosts *hosts, const char *name, struct ip ip)
{
    char text[DNS_NAME_MAX];
    const size_t len = strlen(name);
    struct slice key;
    uint32_t first;

    if (len > sizeof(text))
        return;
    lower(name, len, text);
    first = map_get(&hosts->firsts, slice_of(text, len));
    if (first != MAP_NONE) {
        append(hosts, first, ip);
        return;
    }
    key = arena_copy(&hosts->names, slice_of(text, len));
    map_put(&hosts->firsts, key, row_new(hosts, ip));
}

/* "10.0.0.1 app app.example.com # ours" (hosts(5)). */
static void take_line(struct dns_hosts *hosts, char *line)
{
    char *rest = NULL;
    const char *word;
    struct ip ip;

    line[strcspn(line, "#")] = '\0';
    word = strtok_r(line, BLANKS, &rest);
    if (!word || !ip_parse(slice_str(word), &ip))
        return;
    while ((word = strtok_r(NULL, BLANKS, &rest)))
        add(hosts, word, ip);
}

static void take_file(struct dns_hosts *hosts, FILE *file)
{
    char *line = NULL;
    size_t cap = 0;

    while (getline(&line, &cap, file) >= 0)
        take_line(hosts, line);
    free(line);
}

static void keep(struct dns_hosts *hosts, const char *why)
{
    if (!hosts->is_kept)
        log_event(LOG_WARN, "hosts_not_used", "path=%s error=%s", hosts->path, log_quote(slice_str(why)));
    hosts->is_kept = true;
}

static void look(struct dns_hosts *hosts)
{
    const struct file_stamp now = file_stamp_of(hosts->path);
    FILE *file;

    if (file_stamp_eq(&now, &hosts->stamp))
        return;
    file = fopen(hosts->path, "re");
    if (!file && errno != ENOENT) {
        keep(hosts, strerror(errno));
        return;
    }
    forget(hosts);
    hosts->stamp = now;
    hosts->is_kept = false;
    if (!file)
        return;
    take_file(hosts, file);
    fclose(file);
}

/* ---- finding ---- */

static size_t find(const struct dns_hosts *hosts, struct slice name, struct ip *out, size_t max)
{
    char text[DNS_NAME_MAX];
    size_t count = 0;

    if (name.len > sizeof(text))
        return 0;
    lower(name.data, name.len, text);
    for (uint32_t at = map_get(&hosts->firsts, slice_of(text, name.len)); at != MAP_NONE && count < max;
         at = hosts->rows[at].next)
        out[count++] = hosts->rows[at].ip;
    return count;
}

static size_t find_localhost(struct ip *out, size_t max)
{
    const struct ip both[] = {{.family = 4, .bytes = {127, 0, 0, 1}}, {.family = 6, .bytes = {[15] = 1}}};
    size_t count = MIN(max, ARRAY_LEN(both));

    memcpy(out, both, count * sizeof(*out));
    return count;
}

size_t dns_hosts_find(struct dns_hosts *hosts, const char *name, struct ip *out, size_t max)
{
    size_t count;

    if (max > 0 && ip_parse(slice_str(name), out))
        return 1;
    look(hosts);
    count = find(hosts, slice_str(name), out, max);
    if (count == 0 && (strcmp(name, "localhost") == 0 || slice_ends(slice_str(name), SLICE(".localhost"))))
        return find_localhost(out, max);
    return count;
}
