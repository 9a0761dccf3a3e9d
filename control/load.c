#include "control/load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "control/compile.h"
#include "control/named_files.h"
#include "control/sandbox.h"

static const char *const PATHS[] = {"portico.yaml", "/etc/portico/portico.yaml"};

const char *load_path(const struct origin *origin)
{
    if (origin->path)
        return origin->path;
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
        if (access(PATHS[i], F_OK) == 0)
            return PATHS[i];
    }
    return NULL;
}

char *load_file(const struct origin *origin)
{
    const char *path = origin->text || (origin->arguments_count && !origin->path) ? NULL : load_path(origin);
    char *here = path && path[0] != '/' ? getcwd(NULL, 0) : NULL;
    struct text absolute = {0};

    if (!path)
        return NULL;
    if (here)
        text_printf(&absolute, "%s/", strcmp(here, "/") == 0 ? "" : here);
    text_add(&absolute, slice_str(slice_starts(slice_str(path), SLICE("./")) ? path + 2 : path));
    free(here);
    return absolute.data;
}

static int read_file(const struct origin *origin, struct diagnostics *diagnostics, struct conf **out)
{
    const char *path = load_path(origin);

    if (!path) {
        diagnostics_error(
            diagnostics, (struct mark){0},
            "there is no portico.yaml here and no /etc/portico/portico.yaml: name a file with -c, or say "
            "what to serve: portico run app.localhost=3000");
        return -1;
    }
    if (conf_load(path, out, diagnostics) < 0) {
        if (sandbox_why_unread(path))
            diagnostics_hint(diagnostics, "%s", sandbox_why_unread(path));
        return -1;
    }
    conf_add_arguments(*out, origin->arguments, origin->arguments_count, diagnostics);
    return 0;
}

static bool reads_file(const struct origin *origin)
{
    return !origin->text && (origin->path || !origin->arguments_count);
}

struct origin load_settled(const struct origin *origin)
{
    struct origin settled = *origin;

    if (reads_file(origin))
        settled.path = load_path(origin);
    return settled;
}

static int read_origin(const struct origin *origin, struct diagnostics *diagnostics, struct conf **out)
{
    if (origin->text)
        return conf_load_bytes(SLICE("built in"), slice_str(origin->text), out, diagnostics);
    if (!reads_file(origin)) {
        conf_from_arguments(origin->arguments, origin->arguments_count, out, diagnostics);
        return 0;
    }
    return read_file(origin, diagnostics, out);
}

static void say(struct diagnostics *diagnostics, struct text *said)
{
    diagnostics_print(diagnostics, said);
    diagnostics_fini(diagnostics);
}

int load_conf(const struct origin *origin, struct text *said, struct conf **out)
{
    struct diagnostics diagnostics = {0};
    struct conf *conf;
    int rc = read_origin(origin, &diagnostics, &conf);

    if (rc == 0 && diagnostics.errors) {
        conf_free(conf);
        rc = -1;
    }
    if (rc == 0)
        *out = conf;
    say(&diagnostics, said);
    return rc;
}

int load_snapshot(const struct origin *origin, struct ticket_keys *keys, struct text *said,
                  struct named_files *files, struct snapshot **out)
{
    struct diagnostics diagnostics = {0};
    struct conf *conf;
    int rc = read_origin(origin, &diagnostics, &conf);

    if (rc == 0) {
        if (files)
            named_files_add(files, reads_file(origin) ? load_path(origin) : NULL, conf);
        rc = compile(conf, keys, &diagnostics, out);
        say(&diagnostics, said); /* before what it points into goes */
        conf_free(conf);
    } else {
        say(&diagnostics, said);
    }
    return rc;
}
