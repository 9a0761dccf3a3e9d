#include "control/renewal.h"

enum {
    GATHER_MS = 300
}; /* what belongs together, such as a certificate and its key, is mostly written within it */

void renewal_init(struct renewal *renewal, struct loop *loop,
                  void (*on_changed)(void *owner, const char *path), void *owner)
{
    *renewal = (struct renewal){.watch = file_watch_new(loop, GATHER_MS, on_changed, owner)};
}

void renewal_fini(struct renewal *renewal)
{
    file_watch_free(renewal->watch);
    named_files_fini(&renewal->files);
}

void renewal_take(struct renewal *renewal, struct named_files *files, bool is_accepted, int64_t since)
{
    if (is_accepted)
        renewal->is_on = files->are_watched;
    if (files->count) {
        named_files_fini(&renewal->files);
        renewal->files = *files;
        *files = (struct named_files){0};
    }
    file_watch_set(renewal->watch, renewal->files.places, renewal->is_on ? renewal->files.count : 0, since);
}
