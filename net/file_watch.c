#include "net/file_watch.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/loop.h"

enum { LINKS_MAX = 40 }; /* as the kernel: ELOOP */

struct folder {
    uv_fs_event_t uv;
    struct file_watch *watch;
    struct slice path; /* NUL-terminated */
    struct map names;  /* that matter; the values mean nothing */
    bool (*holds)(struct slice name);
};

/** What one call of file_watch_set() watches. */
struct plan {
    struct arena arena; /* paths and names */
    struct folder **folders;
    size_t count, cap;
    struct map by_path; /* numbers of folders */
};

struct file_watch {
    struct loop *loop;
    struct timer gather;
    uint64_t gather_ms;
    void (*on_changed)(void *owner, const char *path);
    void *owner;
    struct plan plan;
    struct text changed; /* the first one of those that are gathered */
};

/** On the way to a place. */
struct walk {
    struct file_watch *watch;
    int64_t since, now;
    struct text at;   /* a directory without symlinks in it */
    struct text rest; /* the path from there on, behind the first so many bytes */
    size_t used;
    unsigned links; /* that were followed */
};

static int64_t nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static int64_t clock_now(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return nanoseconds(&now);
}

int64_t file_watch_now(void)
{
    /* The kernel stamps files by the coarse clock, or not earlier: so no later change seems an earlier one. */
    return clock_now(CLOCK_REALTIME_COARSE);
}

/* ---- changes ---- */

static void on_gathered(struct timer *timer)
{
    struct file_watch *watch = CONTAINER_OF(timer, struct file_watch, gather);
    struct text changed = watch->changed;

    watch->changed = (struct text){0};
    watch->on_changed(watch->owner, changed.data);
    text_fini(&changed);
}

static void note_change(struct file_watch *watch, struct slice directory, struct slice name)
{
    if (timer_is_armed(&watch->gather))
        return;
    text_clear(&watch->changed);
    text_printf(&watch->changed, "%.*s%s%.*s", FMT_SLICE(directory),
                slice_ends(directory, SLICE("/")) ? "" : "/", FMT_SLICE(name));
    loop_arm(watch->loop, &watch->gather, watch->gather_ms);
}

static bool matters(const struct folder *folder, struct slice name)
{
    return map_get(&folder->names, name) != MAP_NONE || (folder->holds && folder->holds(name));
}

static void on_event(uv_fs_event_t *uv, const char *name, int events, int status)
{
    struct folder *folder = uv->data;

    loop_refresh(folder->watch->loop);
    if (!name || matters(folder, slice_str(name)))
        note_change(folder->watch, folder->path, slice_str(name));
}

/* ---- folders ---- */

static void on_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void folder_close(struct folder *folder)
{
    map_fini(&folder->names);
    uv_close((uv_handle_t *)&folder->uv, on_closed);
}

static void plan_close(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        folder_close(plan->folders[i]);
    mem_free(plan->folders);
    map_fini(&plan->by_path);
    arena_fini(&plan->arena);
    *plan = (struct plan){0};
}

static struct folder *folder_new(struct file_watch *watch, struct slice path)
{
    struct folder *folder = mem_new(struct folder);
    int rc;

    folder->watch = watch;
    folder->path = arena_copy(&watch->plan.arena, path);
    folder->uv.data = folder;
    uv_fs_event_init(loop_uv(watch->loop), &folder->uv);
    rc = uv_fs_event_start(&folder->uv, on_event, folder->path.data, 0);
    uv_unref((uv_handle_t *)&folder->uv);
    if (rc < 0 && rc != UV_ENOENT && rc != UV_ENOTDIR) /* then the folder before it tells of its coming */
        log_event(LOG_WARN, "watch_failed", "directory=%s reason=\"%s\"", log_quote(folder->path),
                  uv_strerror(rc));
    return folder;
}

static struct folder *folder_of(struct file_watch *watch, struct slice path)
{
    struct plan *plan = &watch->plan;
    const uint32_t number = map_get(&plan->by_path, path);
    struct folder *folder;

    if (number != MAP_NONE)
        return plan->folders[number];
    folder = folder_new(watch, path);
    mem_grow((void **)&plan->folders, &plan->cap, plan->count + 1, sizeof(struct folder *));
    plan->folders[plan->count] = folder;
    map_put(&plan->by_path, folder->path, (uint32_t)plan->count++);
    return folder;
}

static void folder_add(struct folder *folder, struct slice name)
{
    if (map_get(&folder->names, name) == MAP_NONE)
        map_put(&folder->names, arena_copy(&folder->watch->plan.arena, name), 1);
}

/* ---- the way to a place ---- */

/* What was left comes behind it. */
static void turn_to(struct walk *walk, struct slice path)
{
    struct text rest = {0};

    text_add(&rest, path);
    text_add_char(&rest, '/');
    text_add(&rest, slice_from(text_slice(&walk->rest), walk->used));
    text_fini(&walk->rest);
    walk->rest = rest;
    walk->used = 0;
    if (slice_starts(path, SLICE("/"))) {
        text_clear(&walk->at);
        text_add_char(&walk->at, '/');
    }
}

static bool next_name(struct walk *walk, struct slice *out)
{
    struct slice rest;

    do {
        while (walk->used < walk->rest.len && walk->rest.data[walk->used] == '/')
            walk->used++;
        rest = slice_from(text_slice(&walk->rest), walk->used);
        if (rest.len == 0)
            return false;
        *out = slice_head(rest, (size_t)slice_find(rest, '/')); /* there is always one behind */
        walk->used += out->len;
    } while (slice_eq(*out, SLICE(".")));
    return true;
}

static void go_down(struct walk *walk, struct slice name)
{
    if (!slice_ends(text_slice(&walk->at), SLICE("/")))
        text_add_char(&walk->at, '/');
    text_add(&walk->at, name);
}

/* A time to come is a clock that was set back; it would seem new for ever. Of directories it tells nothing: it also is
 * that of the last file that was made in them. */
static void look_at_time(const struct walk *walk, const struct stat *status, struct slice name)
{
    const int64_t changed = nanoseconds(&status->st_ctim);

    if (!S_ISDIR(status->st_mode) && changed >= walk->since && changed <= walk->now)
        note_change(walk->watch, text_slice(&walk->at), name);
}

static bool follow(struct walk *walk, const char *link)
{
    char target[PATH_MAX];
    const ssize_t length = readlink(link, target, sizeof(target));

    if (length <= 0 || ++walk->links > LINKS_MAX)
        return false;
    turn_to(walk, slice_of(target, (size_t)length));
    return true;
}

/* @return false where the way ends, be it only for now */
static bool step(struct walk *walk, struct slice name)
{
    struct text path = {0};
    struct stat status;
    bool goes_on;

    if (!slice_eq(name, SLICE("..")))
        folder_add(folder_of(walk->watch, text_slice(&walk->at)),
                   name); /* then look, so that nothing slips by */
    text_printf(&path, "%s/%.*s", walk->at.data, FMT_SLICE(name));
    goes_on = lstat(path.data, &status) == 0;
    if (goes_on)
        look_at_time(walk, &status, name);
    if (goes_on && S_ISLNK(status.st_mode))
        goes_on = follow(walk, path.data);
    else if (goes_on)
        go_down(walk, name);
    text_fini(&path);
    return goes_on;
}

/* @return true when the place is there; then walk->at is where */
static bool walk_to(struct walk *walk, const char *path)
{
    struct slice name;

    text_clear(&walk->at);
    text_add_char(&walk->at, '.');
    text_clear(&walk->rest);
    walk->used = 0;
    walk->links = 0;
    turn_to(walk, slice_str(path));
    while (next_name(walk, &name)) {
        if (!step(walk, name))
            return false;
    }
    return true;
}

/* ---- places ---- */

/* Symlinks among the files lead elsewhere. */
static void add_entries(struct walk *walk, const char *directory, bool (*holds)(struct slice name))
{
    DIR *entries = opendir(directory);
    struct text path = {0};
    struct dirent *entry;

    while (entries && (entry = readdir(entries))) {
        if (!holds(slice_str(entry->d_name)))
            continue;
        text_clear(&path);
        text_printf(&path, "%s/%s", directory, entry->d_name);
        walk_to(walk, path.data);
    }
    if (entries)
        closedir(entries);
    text_fini(&path);
}

static bool is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void add_place(struct walk *walk, const struct file_place *place)
{
    if (!walk_to(walk, place->path) || !place->holds || !is_directory(walk->at.data))
        return;
    folder_of(walk->watch, text_slice(&walk->at))->holds = place->holds;
    add_entries(walk, place->path, place->holds);
}

void file_watch_set(struct file_watch *watch, const struct file_place *places, size_t count, int64_t since)
{
    struct plan before = watch->plan;
    struct walk walk = {.watch = watch, .since = since, .now = clock_now(CLOCK_REALTIME)};

    watch->plan = (struct plan){0};
    for (size_t i = 0; i < count; i++)
        add_place(&walk, &places[i]);
    text_fini(&walk.at);
    text_fini(&walk.rest);
    plan_close(&before); /* only now: no moment without a watch */
    if (count == 0)
        loop_cancel(watch->loop, &watch->gather);
}

struct file_watch *file_watch_new(struct loop *loop, uint64_t gather_ms,
                                  void (*on_changed)(void *owner, const char *path), void *owner)
{
    struct file_watch *watch = mem_new(struct file_watch);

    watch->loop = loop;
    watch->gather_ms = gather_ms;
    watch->on_changed = on_changed;
    watch->owner = owner;
    timer_init(&watch->gather, on_gathered);
    return watch;
}

void file_watch_free(struct file_watch *watch)
{
    if (!watch)
        return;
    loop_cancel(watch->loop, &watch->gather);
    plan_close(&watch->plan);
    text_fini(&watch->changed);
    mem_free(watch);
}
