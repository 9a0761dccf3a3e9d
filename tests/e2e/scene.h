/** One test's own world: a directory, free ports and everything it started.
 *  Each test runs in a process of its own. A watcher process, made with the scene, ends what was started and
 *  removes the directory as soon as that process is gone, however it went. */
#ifndef E2E_SCENE_H
#define E2E_SCENE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PRINTF_LIKE(format_at, values_at) __attribute__((format(printf, format_at, values_at)))

/** A suite whose every test begins in a fresh scene. */
#define SUITE(name) TestSuite(name, .init = scene_open, .timeout = 180)

/** True as soon as the condition is; false when it is not within that many milliseconds. */
#define WAIT_FOR(condition, ms)                                                                              \
    __extension__({                                                                                          \
        const int64_t wait_end_ms = now_ms() + (ms);                                                         \
        bool wait_held;                                                                                      \
        while (!(wait_held = (condition)) && now_ms() < wait_end_ms)                                         \
            poll(NULL, 0, 2);                                                                                \
        wait_held;                                                                                           \
    })

/** What one step of a test may take before it counts as failed. */
enum { PATIENCE_MS = 8000 };

void scene_open(void);
/** Gives this test a network of its own (only lo), so that ports 80 and 443 are free, and an empty /run and
 * /var/lib; skips the test where the system does not allow it. Call it first. */
void scene_alone(void);
void scene_needs_root(void);
/** Portico is built with sanitizers: all takes its time. */
bool scene_has_sanitizers(void);
/** Skips where the sanitizers' own memory or time would be measured. */
void scene_needs_plain_build(void);

const char *scene_dir(void);
/** The scene's directory with that name in it; not created. */
char *scene_path(const char *name);
/** Writes that file and returns its path. */
char *scene_file(const char *name, const char *format, ...) PRINTF_LIKE(2, 3);
/** Memory and text that live as long as the test. */
void *scene_alloc(size_t bytes);
char *scene_text(const char *format, ...) PRINTF_LIKE(1, 2);
/** A port that nobody listens on, in IPv4 and IPv6, and that no other running test will be given. */
int scene_port(void);

/** Contents of a file, "" when there is none. */
char *file_read(const char *path);
bool file_says(const char *path, const char *text, int ms);

int64_t now_ms(void);

/** For process.c: the watcher ends this process group with the scene, until told otherwise. */
void scene_watch(pid_t group);
void scene_unwatch(pid_t group);

#endif
