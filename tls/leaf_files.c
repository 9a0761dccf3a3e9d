#include "tls/leaf_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/text.h"

enum { HALF_WRITTEN_AFTER_S = 60 };

struct leaf_file {
    char *path;
    time_t used_at;
};

char *leaf_files_path(const char *folder, struct slice leaf_name)
{
    struct text path = {0};
    bool is_wildcard = slice_starts(leaf_name, SLICE("*"));

    /* A plus stands in no host name, and shells leave it alone. */
    text_printf(&path, "%s/%s%.*s.pem", folder, is_wildcard ? "+" : "",
                FMT_SLICE(slice_from(leaf_name, is_wildcard ? 1 : 0)));
    return path.data;
}

void leaf_files_mark_used(const char *path)
{
    utimensat(AT_FDCWD, path, NULL, 0);
}

static int newest_first(const void *a, const void *b)
{
    const struct leaf_file *one = a, *other = b;

    return (one->used_at < other->used_at) - (one->used_at > other->used_at);
}

/* @return false when it is no leaf; half written files go at once */
static bool look_at(const char *folder, const char *name, struct leaf_file *out)
{
    struct text path = {0};
    struct stat info;

    text_printf(&path, "%s/%s", folder, name);
    if (stat(path.data, &info) == 0 && S_ISREG(info.st_mode)) {
        if (slice_ends(slice_str(name), SLICE(".pem"))) {
            *out = (struct leaf_file){.path = path.data, .used_at = info.st_mtime};
            return true;
        }
        if (info.st_mtime + HALF_WRITTEN_AFTER_S < time(NULL))
            unlink(path.data);
    }
    text_fini(&path);
    return false;
}

void leaf_files_trim(const char *folder, size_t keep)
{
    DIR *dir = opendir(folder);
    struct leaf_file *files = NULL;
    size_t count = 0, cap = 0;
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        mem_grow((void **)&files, &cap, count + 1, sizeof(*files));
        count += look_at(folder, entry->d_name, &files[count]);
    }
    if (count)
        qsort(files, count, sizeof(*files), newest_first);
    for (size_t i = 0; i < count; i++) {
        if (i >= keep)
            unlink(files[i].path);
        mem_free(files[i].path);
    }
    mem_free(files);
    if (dir)
        closedir(dir);
}
