#include "control/admin_find.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "control/admin_client.h"
#include "control/admin_path.h"
#include "control/json.h"

enum { STATUS_SECONDS = 5 };

/** A process that answered. */
struct candidate {
    char *path;
    json_t *status;
    bool is_ours; /* serves the file that the command means */
};

struct search {
    const struct origin *origin;
    char *directory;  /* of default sockets; NULL: there is none */
    char *file;       /* absolute; NULL: there is none */
    char *configured; /* the socket that it names, asked already; NULL: none */
    struct candidate *items;
    size_t count, cap, ours;
    struct text denied;     /* sockets that this user may not use */
    struct text silent;     /* those behind which somebody is who does not answer, and why */
    struct text unreadable; /* why the file does not say where its socket is */
};

/* ---- candidates ---- */

/* By their files, as the way there may be a link that was moved meanwhile. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat one, other;

    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* By the socket: a number is a process's in its container alone, and each has a process 1. */
static bool is_known(const struct search *search, const char *path)
{
    for (size_t i = 0; i < search->count; i++) {
        if (is_same_file(search->items[i].path, path))
            return true;
    }
    return false;
}

static void add_candidate(struct search *search, char *path, json_t *status)
{
    const char *file = json_text_of(json_object_get(status, "configuration"), "file");
    struct candidate *candidate;

    mem_grow((void **)&search->items, &search->cap, search->count + 1, sizeof(*search->items));
    candidate = &search->items[search->count++];
    candidate->path = path;
    candidate->status = status;
    candidate->is_ours = search->file && file[0] && is_same_file(file, search->file);
    search->ours += candidate->is_ours;
    json_show_controls(status); /* the rest is for messages */
}

/* Takes the path. */
static void ask(struct search *search, char *path)
{
    struct admin_reply reply;
    struct error error;
    int rc = admin_path_try(path);

    if (rc == EACCES || rc == EPERM)
        text_printf(&search->denied, "%s%s", search->denied.len ? ", " : "", path);
    if (rc == 0)
        rc = admin_call(path, "GET", "/status", STATUS_SECONDS, &reply, &error);
    if (rc < 0 && admin_path_try(path) == 0) /* else it has just ended */
        text_printf(&search->silent, "%s%s", search->silent.len ? ", " : "", error.text);
    if (rc != 0) {
        mem_free(path);
        return;
    }
    if (reply.status == 200 && !is_known(search, path)) {
        add_candidate(search, path, reply.json);
        return;
    }
    json_decref(reply.json);
    mem_free(path);
}

static void ask_directory(struct search *search)
{
    DIR *entries = search->directory ? opendir(search->directory) : NULL;
    struct dirent *entry;

    while (entries && (entry = readdir(entries))) {
        char *path;

        if (!admin_path_is_default(entry->d_name))
            continue;
        path = admin_path_in(search->directory, entry->d_name);
        if (search->configured && strcmp(path, search->configured) == 0)
            mem_free(path);
        else
            ask(search, path);
    }
    if (entries)
        closedir(entries);
}

/* Other mistakes in the file do not matter here: the process finds them. */
static void ask_configured(struct search *search)
{
    struct diagnostics diagnostics = {0};
    struct conf *conf;
    struct slice path;

    if (conf_load(search->file, &conf, &diagnostics) < 0) {
        diagnostics_print(&diagnostics, &search->unreadable);
        diagnostics_fini(&diagnostics);
        return;
    }
    path = conf->admin.text.text;
    if (path.data && admin_path_read(&path)) {
        search->configured = mem_string(path);
        ask(search, mem_string(path));
    }
    diagnostics_fini(&diagnostics);
    conf_free(conf);
}

/* ---- the choice ---- */

static int refuse_none(const struct search *search, struct error *error)
{
    struct text text = {0};

    text_add_literal(&text, "no running Portico ");
    if (search->origin->path)
        text_printf(&text, "serves %s", search->file ? search->file : search->origin->path);
    else
        text_printf(&text, "was found in %s", search->directory ? search->directory : "$XDG_RUNTIME_DIR");
    if (search->denied.len)
        text_printf(&text, " (only its owner may use %s)", search->denied.data);
    text_add_literal(&text, "; name its socket with --admin PATH");
    if (search->unreadable.len)
        text_printf(&text, ", as the file cannot say where it is:\n%s", search->unreadable.data);
    error_set(error, "%s", text.data);
    text_fini(&text);
    return -1;
}

static int refuse_several(const struct search *search, struct error *error)
{
    struct text text = {0};

    for (size_t i = 0; i < search->count; i++) {
        const struct candidate *candidate = &search->items[i];
        const char *file = json_text_of(json_object_get(candidate->status, "configuration"), "file");

        if (!search->ours || candidate->is_ours)
            text_printf(&text, "\n  %s (pid %d, %s)", candidate->path,
                        (int)json_number_of(candidate->status, "pid"), file[0] ? file : "without a file");
    }
    error_set(error, "several run%s; name one with --admin PATH:%s", search->ours ? " this file" : "",
              text.data);
    text_fini(&text);
    return -1;
}

/* It may be the one that is meant: so no other is taken for the only one. */
static int refuse_silent(const struct search *search, struct error *error)
{
    return error_set(error, "%s; another one must be named with --admin PATH", search->silent.data);
}

static int choose(struct search *search, char **out, struct error *error)
{
    size_t fit = search->ours ? search->ours : search->origin->path ? 0 : search->count;

    if (!search->ours && search->silent.len)
        return refuse_silent(search, error);
    if (fit == 0)
        return refuse_none(search, error);
    if (fit > 1)
        return refuse_several(search, error);
    for (size_t i = 0; i < search->count; i++) {
        if (!search->ours || search->items[i].is_ours)
            *out = TAKE(search->items[i].path);
    }
    return 0;
}

static void search_fini(struct search *search)
{
    for (size_t i = 0; i < search->count; i++) {
        json_decref(search->items[i].status);
        mem_free(search->items[i].path);
    }
    mem_free(search->items);
    mem_free(search->directory);
    mem_free(search->file);
    mem_free(search->configured);
    text_fini(&search->denied);
    text_fini(&search->silent);
    text_fini(&search->unreadable);
}

static int find_named(const char *name, char **out, struct error *error)
{
    struct slice path = slice_str(name);
    char *found;
    int rc;

    (void)admin_path_read(&path); /* as the configuration writes it will do as well */
    found = mem_string(path);
    rc = admin_path_try(found);
    if (rc == 0) {
        *out = found;
        return 0;
    }
    error_set(error, "no running Portico at %s: %s", found, strerror(rc));
    mem_free(found);
    return -1;
}

static void ask_all(struct search *search)
{
    search->directory = admin_directory();
    search->file = load_file(search->origin);
    if (search->file)
        ask_configured(search);
    ask_directory(search);
}

int admin_find(const struct admin_options *options, char **out, struct error *error)
{
    struct search search = {.origin = &options->origin};
    int rc;

    if (options->socket)
        return find_named(options->socket, out, error);
    ask_all(&search);
    rc = choose(&search, out, error);
    search_fini(&search);
    return rc;
}

bool admin_find_serves(const struct origin *origin, int pid)
{
    struct search search = {.origin = origin};
    bool serves = false;

    ask_all(&search);
    for (size_t i = 0; i < search.count; i++)
        serves |= search.items[i].is_ours && json_number_of(search.items[i].status, "pid") == pid;
    search_fini(&search);
    return serves;
}
