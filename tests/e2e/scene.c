#include "e2e/scene.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct {
    char dir[64];
    int watcher; /* pipe: "+group" and "-group", and its end is the scene's end */
    unsigned next_port;
} scene = {.watcher = -1};

int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the watcher ---- */

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    return remove(path);
}

static void watcher_note(pid_t *groups, size_t limit, int note)
{
    for (size_t i = 0; i < limit; i++) {
        if (note > 0 && groups[i] == 0) {
            groups[i] = note;
            return;
        }
        if (note < 0 && groups[i] == -note)
            groups[i] = 0;
    }
}

/** Runs beside the test until the test's process is gone. */
static _Noreturn void watcher_run(int notes)
{
    pid_t groups[64] = {0};
    int note;

    setsid();
    if (notes != 0)
        dup2(notes, 0);
    close_range(1, ~0U, 0);
    while (read(0, &note, sizeof note) == sizeof note)
        watcher_note(groups, sizeof groups / sizeof *groups, note);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (groups[i])
            kill(-groups[i], SIGKILL);
    }
    for (int tries = 0; tries < 50 && nftw(scene.dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0; tries++)
        poll(NULL, 0, 20); /* what was killed may still be writing */
    _exit(0);
}

static void watcher_tell(int note)
{
    if (write(scene.watcher, &note, sizeof note) != sizeof note)
        abort();
}

void scene_watch(pid_t group)
{
    watcher_tell(group);
}

void scene_unwatch(pid_t group)
{
    watcher_tell(-group);
}

/* ---- the scene ---- */

/** What the machine's owner has set must not reach the programs of a test. */
static void environment_clean(void)
{
    static const char *const foreign[] = {
        "http_proxy",    "https_proxy",  "all_proxy",      "no_proxy",       "HTTP_PROXY",
        "HTTPS_PROXY",   "ALL_PROXY",    "NO_PROXY",       "SSH_AUTH_SOCK",  "CURL_HOME",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS"};

    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        unsetenv(foreign[i]);
    setenv("HOME", scene.dir, 1);
    setenv("XDG_STATE_HOME", scene_path("xdg-state"), 1);
    setenv("XDG_RUNTIME_DIR", scene_path("xdg-run"), 1);
    setenv("LC_ALL", "C", 1);
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
}

void scene_open(void)
{
    struct rlimit files;
    int notes[2];

    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    snprintf(scene.dir, sizeof scene.dir, "/tmp/portico-e2e-XXXXXX");
    cr_assert_not_null(mkdtemp(scene.dir));
    chmod(scene.dir, 0755); /* other users run there as well */
    cr_assert_eq(pipe2(notes, O_CLOEXEC), 0);
    if (fork() == 0)
        watcher_run(notes[0]);
    close(notes[0]);
    scene.watcher = notes[1];
    scene.next_port = (unsigned)getpid() * 37;
    environment_clean();
    mkdir(scene_path("run"), 0777);
    chmod(scene_path("run"), 0777); /* for admin sockets, whoever Portico becomes */
    cr_assert_eq(chdir(scene.dir), 0);
}

static bool id_map(const char *file, unsigned inner, unsigned outer)
{
    FILE *map = fopen(file, "w");

    if (!map)
        return false;
    fprintf(map, "%u %u 1\n", inner, outer);
    return fclose(map) == 0;
}

/** What programs write to the machine's own places is seen by this test alone. */
static bool places_cover(void)
{
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", "/var/lib", "tmpfs", 0, "mode=755") == 0 &&
           mount("none", "/run", "tmpfs", 0, "mode=755") == 0;
}

/** As root it is simple; others need a user namespace, in which they are root. */
static bool network_unshare(void)
{
    unsigned uid = getuid(), gid = getgid();
    FILE *groups;

    if (unshare(CLONE_NEWNET | CLONE_NEWNS) == 0)
        return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0)
        return false;
    groups = fopen("/proc/self/setgroups", "w");
    if (!groups || fputs("deny", groups) < 0 || fclose(groups) != 0)
        return false;
    return id_map("/proc/self/uid_map", 0, uid) && id_map("/proc/self/gid_map", 0, gid);
}

void scene_alone(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd;

    if (!network_unshare() || !places_cover())
        cr_skip_test("needs namespaces, which this system does not give");
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
    close(fd);
}

void scene_needs_root(void)
{
    if (getuid() != 0)
        cr_skip_test("needs root");
}

bool scene_has_sanitizers(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    const char *preset = getenv("PORTICO_PRESET"); /* of the program, which may be another than ours */

    return preset && (strcmp(preset, "tsan") == 0 || strcmp(preset, "asan") == 0);
#endif
}

void scene_needs_plain_build(void)
{
    if (scene_has_sanitizers())
        cr_skip_test("measures memory or time, which the sanitizers change");
}

/* ---- memory, text, files ---- */

void *scene_alloc(size_t bytes)
{
    struct kept {
        struct kept *next;
        char bytes[];
    };
    static struct kept *all; /* reachable until the process ends */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct kept *kept = calloc(1, sizeof *kept + bytes);

    if (!kept)
        abort();
    pthread_mutex_lock(&lock);
    kept->next = all;
    all = kept;
    pthread_mutex_unlock(&lock);
    return kept->bytes;
}

static PRINTF_LIKE(1, 0) char *text_of(const char *format, va_list values)
{
    va_list again;
    int length;
    char *text;

    va_copy(again, values);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    text = scene_alloc((size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, values);
    return text;
}

char *scene_text(const char *format, ...)
{
    va_list values;
    char *text;

    va_start(values, format);
    text = text_of(format, values);
    va_end(values);
    return text;
}

const char *scene_dir(void)
{
    return scene.dir;
}

char *scene_path(const char *name)
{
    return scene_text("%s/%s", scene.dir, name);
}

char *scene_file(const char *name, const char *format, ...)
{
    char *path = scene_path(name);
    va_list values;
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file, "%s", path);
    va_start(values, format);
    vfprintf(file, format, values);
    va_end(values);
    cr_assert_eq(fclose(file), 0);
    return path;
}

char *file_read(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = scene_text("%s", "");
    char part[4096];
    size_t got;

    if (!file)
        return text;
    while ((got = fread(part, 1, sizeof part - 1, file)) > 0) {
        part[got] = 0;
        text = scene_text("%s%s", text, part);
    }
    fclose(file);
    return text;
}

bool file_says(const char *path, const char *text, int ms)
{
    return WAIT_FOR(strstr(file_read(path), text) != NULL, ms);
}

/* ---- ports ---- */

/** Held until the process ends: other tests see that the number is taken. */
static bool port_claim(unsigned port)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int length = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "portico-e2e-port-%u", port);

    if (bind(fd, (struct sockaddr *)&name,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0)
        return true;
    close(fd);
    return false;
}

static bool port_is_free(unsigned port)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0); /* :: without V6ONLY is both families */
    int no = 0, yes = 1;
    bool is_free;

    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    is_free = bind(fd, (struct sockaddr *)&any, sizeof any) == 0 && listen(fd, 1) == 0;
    close(fd);
    return is_free;
}

/** Below the range from which the kernel gives ports to connections, so that none of those takes it. */
int scene_port(void)
{
    enum { FIRST = 10240, LAST = 32700 };

    for (int tries = 0; tries < 1000; tries++) {
        unsigned port = FIRST + scene.next_port++ % (LAST - FIRST);

        if (port_is_free(port) && port_claim(port))
            return (int)port;
    }
    cr_assert(false, "no free port: %s", strerror(errno));
    return 0;
}
