#include "control/sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "control/capabilities.h"
#include "control/landlock.h"
#include "control/seccomp.h"

static struct sandbox sandbox = {.is_dumpable = true};

const struct sandbox *sandbox_now(void)
{
    return &sandbox;
}

static void miss(const char *what, const char *why)
{
    text_printf(&sandbox.missing, "%s%s (%s)", sandbox.missing.len ? ", " : "", what, why);
}

/* ---- the walls ---- */

void sandbox_prepare(void)
{
    sandbox.given_up = capabilities_held();
    sandbox.is_bounded = capabilities_empty_bounds();
    capabilities_outlive_user();
}

static void reduce_capabilities(uint64_t kept)
{
    struct error error;

    if (capabilities_reduce(kept, &error) < 0)
        miss("capabilities", error.text);
    sandbox.capabilities = capabilities_held();
    sandbox.given_up &= ~sandbox.capabilities;
}

#ifndef PORTICO_INSTRUMENTED

static void enter_landlock(const struct sandbox_reach *reach)
{
    struct landlock *landlock = NULL;
    struct error error;
    int version;

    if (landlock_new(&landlock, &error) < 0) {
        miss("landlock", error.text);
        return;
    }
    sandbox_paths_allow(landlock, reach);
    version = landlock_enter(landlock, &error);
    if (version < 0)
        miss("landlock", error.text);
    else
        sandbox.landlock = version;
    landlock_free(landlock);
}

/* A thread that is there already could do for this one what it cannot do any more. */
static void look_for_threads(void)
{
    struct stat tasks;

    if (stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 3) /* itself, its parent, one thread */
        miss("landlock and capabilities", "threads of before are not bound");
}

static void forbid_dumps(void)
{
    const struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        miss("dumpable", strerror(errno));
    else
        sandbox.is_dumpable = false;
}

/* The C library loads this when a thread is cancelled or ends by itself: too late behind the walls, and then it aborts. */
static void load_what_comes_late(void)
{
    dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_GLOBAL);
}

static void enter_seccomp(void)
{
    struct error error;

    if (seccomp_enter(&error) < 0)
        miss("seccomp", error.text);
    else
        sandbox.has_seccomp = true;
}

static void raise_walls(const struct sandbox_terms *terms)
{
    look_for_threads();
    load_what_comes_late();
    enter_landlock(&terms->reach);
    reduce_capabilities(terms->capabilities);
    forbid_dumps();
    enter_seccomp(); /* last: the others need calls that it takes away */
}

#else

static void raise_walls(const struct sandbox_terms *terms)
{
    reduce_capabilities(terms->capabilities);
    miss("landlock, seccomp, dumpable", "this program is built with sanitizers or for coverage");
}

#endif

/* ---- what holds ---- */

static void tell(void)
{
    struct text capabilities = {0};

    capabilities_describe(sandbox.capabilities, &capabilities);
    log_event(LOG_INFO, "sandboxed", "uid=%u capabilities=%s bounded=%s seccomp=%s landlock=%d dumpable=%s",
              sandbox.uid, log_quote(text_slice(&capabilities)), sandbox.is_bounded ? "yes" : "no",
              sandbox.has_seccomp ? "on" : "off", sandbox.landlock, sandbox.is_dumpable ? "yes" : "no");
    if (sandbox.missing.len)
        log_event(LOG_WARN, "sandbox_incomplete", "missing=%s", log_quote(text_slice(&sandbox.missing)));
    text_fini(&capabilities);
}

void sandbox_enter(const struct sandbox_terms *terms)
{
    sandbox.is_on = true;
    sandbox.uid = (unsigned)geteuid();
    raise_walls(terms);
    tell();
}

/* ---- what it refuses ---- */

static bool may_by_mode(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

static bool can_read(const char *path)
{
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno != EACCES;
}

/* The file's mode allows it, and the kernel does not: that is Landlock. */
const char *sandbox_why_unread(const char *path)
{
    if (!sandbox.is_on || can_read(path))
        return NULL;
    if (sandbox.landlock && may_by_mode(path, R_OK))
        return "the sandbox of the running process does not reach it: put it into a directory that the "
               "configuration named at the start, or restart (`portico upgrade`), or set `sandbox: off`";
    if (sandbox.uid == 0)
        return "the running process has given up root's right to read others' files: make it readable for "
               "root "
               "by owner and mode, or restart (`portico upgrade`), or set `sandbox: off`";
    return NULL;
}

/* @return the file, or the nearest directory above it that is there; freed with mem_free() */
static char *what_is_there(const char *path)
{
    char *at = mem_string(slice_str(path));
    char *slash;

    while (access(at, F_OK) < 0 && errno == ENOENT && (slash = strrchr(at, '/')) && slash > at)
        *slash = '\0';
    if (access(at, F_OK) == 0)
        return at;
    mem_free(at);
    return mem_string(slice_str(path[0] == '/' ? "/" : "."));
}

/* Into a directory: a file without a name, which is gone at once. */
static bool can_write(const char *path)
{
    struct stat status;
    const bool is_directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    const int fd = open(
        path, is_directory ? O_TMPFILE | O_WRONLY | O_CLOEXEC : O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC,
        0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno != EACCES;
}

const char *sandbox_why_unwritten(const char *path)
{
    char *there;
    bool is_hidden;

    if (!sandbox.landlock)
        return NULL;
    there = what_is_there(path);
    is_hidden = !can_write(there) && may_by_mode(there, W_OK);
    mem_free(there);
    return is_hidden ? "the sandbox of the running process does not let it write there: restart (`portico "
                       "upgrade`) so that it can, or set `sandbox: off`"
                     : NULL;
}
