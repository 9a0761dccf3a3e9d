#include "control/sandbox_paths.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "control/landlock.h"
#include "control/named_files.h"
#include "tls/roots.h"

enum { LINKS_MAX = 40 }; /* as the kernel: ELOOP */

/* Roots of trust, name servers, time zones, randomness; how many processors there are (for malloc). */
static const char *const LIBRARIES[] = {
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust",
    "/usr/lib/ssl",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/services",
    "/etc/passwd",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/dev/urandom",
    "/dev/random",
    "/sys/devices/system/cpu",
};

/* Everybody's. */
static const char *const BROAD[] = {"/",    "/bin", "/boot", "/dev",  "/etc",    "/home",
                                    "/lib", "/mnt", "/opt",  "/proc", "/run",    "/sbin",
                                    "/srv", "/sys", "/usr",  "/var",  "/var/lib"};

static bool is_broad(const char *directory)
{
    for (size_t i = 0; i < ARRAY_LEN(BROAD); i++) {
        if (strcmp(directory, BROAD[i]) == 0)
            return true;
    }
    return false;
}

/* Nothing when it is not there, or everybody's. */
static void allow_directory(struct landlock *landlock, const char *directory, unsigned rights)
{
    char real[PATH_MAX];

    if (realpath(directory, real) && !is_broad(real))
        landlock_allow(landlock, real, rights);
}

/* The part in front of the last name; "." and "/" where there is none. */
static char *directory_of(struct slice path)
{
    size_t len = path.len;

    while (len && path.data[len - 1] != '/')
        len--;
    return len == 0 ? mem_string(SLICE(".")) : mem_string(slice_head(path, MAX(len - 1, (size_t)1)));
}

static void allow_around(struct landlock *landlock, struct slice path, unsigned rights)
{
    char *directory = directory_of(path);

    allow_directory(landlock, directory, rights);
    mem_free(directory);
}

/* ---- the way to a file ---- */

/* @param at  so many bytes of the path are the link  @return the path that it stands for; freed with text_fini() */
static struct text followed(struct slice path, size_t at, const char *target)
{
    char *directory = directory_of(slice_head(path, at));
    struct text on = {0};

    if (target[0] != '/')
        text_printf(&on, "%s/", directory);
    text_printf(&on, "%s%.*s", target, FMT_SLICE(slice_from(path, at)));
    mem_free(directory);
    return on;
}

/* @return how many bytes of the path are a link, the first one; 0: there is none */
static size_t find_link(struct slice path, char target[PATH_MAX])
{
    for (size_t at = 1; at <= path.len; at++) {
        char *part;
        ssize_t len;

        if (at < path.len && path.data[at] != '/')
            continue;
        part = mem_string(slice_head(path, at));
        len = readlink(part, target, PATH_MAX - 1);
        mem_free(part);
        if (len > 0) {
            target[len] = '\0';
            return at;
        }
    }
    return 0;
}

/* Links are swapped for others that stand beside them: certbot and Kubernetes do it, and so do releases. */
static void allow_links(struct landlock *landlock, const char *path)
{
    struct text now = {0};
    char target[PATH_MAX];
    size_t at;

    text_add(&now, slice_str(path));
    for (unsigned i = 0; i < LINKS_MAX && (at = find_link(text_slice(&now), target)) > 0; i++) {
        struct text next = followed(text_slice(&now), at, target);

        allow_around(landlock, slice_head(text_slice(&now), at), LANDLOCK_READ);
        text_fini(&now);
        now = next;
    }
    text_fini(&now);
}

static bool is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void allow_file(struct landlock *landlock, const char *path)
{
    char real[PATH_MAX];

    allow_links(landlock, path);
    landlock_allow(landlock, path, LANDLOCK_READ); /* though its directory may be everybody's */
    if (!is_directory(path))
        allow_around(landlock, slice_str(path), LANDLOCK_READ);
    if (realpath(path, real))
        allow_around(landlock, slice_str(real), LANDLOCK_READ);
}

/* ---- all of them ---- */

static void allow_list(struct landlock *landlock, const char *list)
{
    struct slice rest = slice_str(list);

    while (rest.len) {
        const ptrdiff_t colon = slice_find(rest, ':');
        const struct slice one = slice_head(rest, colon < 0 ? rest.len : (size_t)colon);
        char *path = mem_string(one);

        if (one.len)
            landlock_allow(landlock, path, LANDLOCK_READ);
        mem_free(path);
        rest = slice_from(rest, MIN(one.len + 1, rest.len));
    }
}

/* resolv.conf is often a link to where it is made, and made anew there. As root this process could read all of /etc,
 * shadow included; others read there what everybody may, and so see a resolv.conf that takes the other's place. */
static void allow_libraries(struct landlock *landlock)
{
    for (size_t i = 0; i < ARRAY_LEN(LIBRARIES); i++)
        landlock_allow(landlock, LIBRARIES[i], LANDLOCK_READ);
    allow_file(landlock, "/etc/resolv.conf");
    landlock_allow(landlock, "/dev/null", LANDLOCK_READ | LANDLOCK_WRITE);
    if (geteuid() != 0)
        landlock_allow(landlock, "/etc", LANDLOCK_READ);
    allow_list(landlock, tls_roots_file());
    allow_list(landlock, tls_roots_directories());
}

static bool is_path(struct slice log)
{
    return log.data && !slice_eq(log, SLICE("stdout")) && !slice_eq(log, SLICE("stderr")) &&
           !slice_eq(log, SLICE("off"));
}

/* A pipe or a device stays what it is; a file is made anew after a rotation. */
static void allow_log(struct landlock *landlock, struct slice log)
{
    struct stat status;

    if (!is_path(log))
        return;
    landlock_allow(landlock, log.data, LANDLOCK_WRITE);
    if (stat(log.data, &status) < 0 || S_ISREG(status.st_mode))
        allow_around(landlock, log, LANDLOCK_WRITE | LANDLOCK_CREATE);
}

void sandbox_paths_allow(struct landlock *landlock, const struct sandbox_reach *reach)
{
    for (size_t i = 0; i < reach->files->count; i++)
        allow_file(landlock, reach->files->places[i].path);
    allow_libraries(landlock);
    allow_log(landlock, reach->log);
    if (reach->state.data)
        allow_directory(landlock, reach->state.data, LANDLOCK_KEEP);
    if (reach->admin.data)
        allow_around(landlock, reach->admin, LANDLOCK_REMOVE);
}
