#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "control/launcher.h"

static const char SELF[] = "/proc/self/exe";

/* Nobody says that argv[0] tells the truth. */
static bool is_self(const char *path)
{
    struct stat one, other;

    return stat(path, &one) == 0 && stat(SELF, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* @param directory  empty: this one */
static char *path_in(struct slice directory, const char *name)
{
    char *here = directory.len == 0 || directory.data[0] != '/' ? getcwd(NULL, 0) : NULL;
    struct text path = {0};

    if (here)
        text_printf(&path, "%s/", strcmp(here, "/") == 0 ? "" : here);
    if (directory.len)
        text_printf(&path, "%.*s/", FMT_SLICE(directory));
    text_add(&path, slice_str(name));
    free(here);
    return path.data;
}

/* As the shell found it. */
static char *find_by_path(const char *name)
{
    struct slice rest = slice_str(getenv("PATH"));

    while (rest.data) {
        const ptrdiff_t end = slice_find(rest, ':');
        char *path = path_in(slice_head(rest, end < 0 ? rest.len : (size_t)end), name);

        if (is_self(path))
            return path;
        mem_free(path);
        rest = end < 0 ? (struct slice){0} : slice_from(rest, (size_t)end + 1);
    }
    return NULL;
}

static char *find_named(const char *name)
{
    char *path;

    if (!strchr(name, '/'))
        return find_by_path(name);
    path = name[0] == '/' ? mem_string(slice_str(name)) : path_in(SLICE(""), name);
    if (is_self(path))
        return path;
    mem_free(path);
    return NULL;
}

/* Where the kernel knows it; a file that was removed since has a word behind its name. */
static char *find_self(void)
{
    const struct slice removed = SLICE(" (deleted)");
    char *path = realpath(SELF, NULL), link[4096];
    struct slice name;
    ssize_t len;

    if (path) {
        name = slice_str(path);
        char *found = mem_string(name);

        free(path);
        return found;
    }
    len = readlink(SELF, link, sizeof(link));
    if (len <= 0 || len == sizeof(link))
        return NULL;
    name = slice_of(link, (size_t)len);
    return mem_string(slice_ends(name, removed) ? slice_head(name, name.len - removed.len) : name);
}

char *launcher_program(void)
{
    char *named = find_named(program_invocation_name);

    return named ? named : find_self();
}
