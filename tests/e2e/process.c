#include "e2e/process.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- transcripts ---- */

void transcript_init(struct transcript *transcript)
{
    pthread_condattr_t monotonic;

    *transcript = (struct transcript){.bytes = calloc(1, 1)};
    pthread_mutex_init(&transcript->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&transcript->grown, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void transcript_add(struct transcript *transcript, const char *bytes, size_t count)
{
    pthread_mutex_lock(&transcript->lock);
    transcript->bytes = realloc(transcript->bytes, transcript->length + count + 1);
    if (!transcript->bytes)
        abort();
    memcpy(transcript->bytes + transcript->length, bytes, count);
    transcript->length += count;
    transcript->bytes[transcript->length] = 0;
    pthread_cond_broadcast(&transcript->grown);
    pthread_mutex_unlock(&transcript->lock);
}

void transcript_end(struct transcript *transcript)
{
    pthread_mutex_lock(&transcript->lock);
    transcript->ended = true;
    pthread_cond_broadcast(&transcript->grown);
    pthread_mutex_unlock(&transcript->lock);
}

bool transcript_says(struct transcript *transcript, const char *text, int ms)
{
    const int64_t end_ms = now_ms() + ms;
    const struct timespec end = {.tv_sec = end_ms / 1000, .tv_nsec = end_ms % 1000 * 1000000};
    bool found;

    pthread_mutex_lock(&transcript->lock);
    while (!(found = memmem(transcript->bytes, transcript->length, text, strlen(text)) != NULL) &&
           !transcript->ended) {
        if (pthread_cond_timedwait(&transcript->grown, &transcript->lock, &end) == ETIMEDOUT)
            break;
    }
    pthread_mutex_unlock(&transcript->lock);
    return found;
}

char *transcript_copy(struct transcript *transcript)
{
    char *copy;

    pthread_mutex_lock(&transcript->lock);
    copy = scene_alloc(transcript->length + 1);
    memcpy(copy, transcript->bytes, transcript->length);
    pthread_mutex_unlock(&transcript->lock);
    return copy;
}

/* ---- processes ---- */

enum { GIVEN_FIRST = 3, GIVEN_MAX = 8, ASIDE = 100 };

static int given[GIVEN_MAX], given_count;

void process_gives(const int *descriptors, int count)
{
    cr_assert_leq(count, GIVEN_MAX);
    memcpy(given, descriptors, (size_t)count * sizeof *given);
    given_count = count;
}

/** First all of them aside, as one may be where another one goes. */
static void place_given(void)
{
    for (int i = 0; i < given_count; i++)
        given[i] = fcntl(given[i], F_DUPFD_CLOEXEC, ASIDE);
    for (int i = 0; i < given_count; i++)
        dup2(given[i], GIVEN_FIRST + i);
}

/** Runs in the new process: nothing of the test but its directory, its environment and what is given goes on. */
static _Noreturn void become(const char *command, pid_t parent, int out, int err)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    signal(SIGPIPE, SIG_DFL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(STDIN_FILENO);
    if (open("/dev/null", O_RDONLY) != STDIN_FILENO)
        _exit(127);
    place_given();
    close_range(GIVEN_FIRST + (unsigned)given_count, ~0U, 0);
    execl("/bin/bash", "bash", "-c", command, (char *)NULL);
    _exit(127);
}

/** Collects both outputs until both have ended. */
static void *pump(void *arg)
{
    struct process *process = arg;
    struct transcript *transcripts[2] = {&process->out, &process->err};
    struct pollfd ends[2] = {{.fd = process->pipes[0], .events = POLLIN},
                             {.fd = process->pipes[1], .events = POLLIN}};
    char part[16384];

    for (int open_ends = 2; open_ends > 0;) {
        poll(ends, 2, -1);
        for (int i = 0; i < 2; i++) {
            ssize_t got;

            if (ends[i].fd < 0 || !ends[i].revents)
                continue;
            got = read(ends[i].fd, part, sizeof part);
            if (got > 0) {
                transcript_add(transcripts[i], part, (size_t)got);
                continue;
            }
            close(ends[i].fd);
            ends[i].fd = -1;
            transcript_end(transcripts[i]);
            open_ends--;
        }
    }
    return NULL;
}

static struct process *process_spawn(const char *command)
{
    struct process *process = scene_alloc(sizeof *process);
    const pid_t parent = getpid();
    int out[2], err[2];
    pthread_t thread;

    cr_assert(pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0);
    process->pid = fork();
    cr_assert_geq(process->pid, 0);
    if (process->pid == 0)
        become(command, parent, out[1], err[1]);
    given_count = 0;
    setpgid(process->pid, process->pid);
    scene_watch(process->pid);
    close(out[1]);
    close(err[1]);
    process->pipes[0] = out[0];
    process->pipes[1] = err[0];
    transcript_init(&process->out);
    transcript_init(&process->err);
    cr_assert_eq(pthread_create(&thread, NULL, pump, process), 0);
    pthread_detach(thread);
    return process;
}

static PRINTF_LIKE(1, 0) char *command_of(const char *format, va_list values)
{
    char *command = NULL, *kept;

    if (vasprintf(&command, format, values) < 0)
        abort();
    kept = scene_text("%s", command);
    free(command);
    return kept;
}

struct process *process_start(const char *format, ...)
{
    va_list values;
    struct process *process;

    va_start(values, format);
    process = process_spawn(command_of(format, values));
    va_end(values);
    return process;
}

void process_signal(struct process *process, int signal_number)
{
    cr_assert_not(process->has_ended);
    cr_assert_eq(kill(process->pid, signal_number), 0);
}

static bool process_reap(struct process *process)
{
    int status;

    if (process->has_ended)
        return true;
    if (waitpid(process->pid, &status, WNOHANG) != process->pid)
        return false;
    process->has_ended = true;
    process->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

int process_wait(struct process *process, int ms)
{
    if (!WAIT_FOR(process_reap(process), ms))
        return -1;
    kill(-process->pid, SIGKILL); /* what it left behind, which would also hold the pipes */
    scene_unwatch(process->pid);
    WAIT_FOR(process->out.ended && process->err.ended, PATIENCE_MS);
    return process->status;
}

void process_kill(struct process *process)
{
    if (!process->has_ended)
        kill(-process->pid, SIGKILL);
    process_wait(process, PATIENCE_MS);
}

static struct run run_of(struct process *process, int ms)
{
    struct run run = {.status = process_wait(process, ms)};

    if (run.status < 0)
        process_kill(process);
    run.out = transcript_copy(&process->out);
    run.err = transcript_copy(&process->err);
    run.all = scene_text("%s%s", run.err, run.out);
    return run;
}

struct run sh(const char *format, ...)
{
    va_list values;
    struct run run;

    va_start(values, format);
    run = run_of(process_spawn(command_of(format, values)), PATIENCE_MS);
    va_end(values);
    return run;
}

struct run sh_within(int ms, const char *format, ...)
{
    va_list values;
    struct run run;

    va_start(values, format);
    run = run_of(process_spawn(command_of(format, values)), ms);
    va_end(values);
    return run;
}

/* ---- what the kernel knows of them ---- */

char *proc_status(pid_t pid, const char *key)
{
    char *status = file_read(scene_text("/proc/%d/status", (int)pid));
    char *line = strstr(status, scene_text("\n%s:", key));

    if (!line)
        return scene_text("%s", "");
    line += strlen(key) + 2;
    line += strspn(line, " \t");
    return scene_text("%.*s", (int)strcspn(line, "\n"), line);
}

long rss_kib(pid_t pid)
{
    return strtol(proc_status(pid, "VmRSS"), NULL, 10);
}

long peak_rss_kib(pid_t pid)
{
    return strtol(proc_status(pid, "VmHWM"), NULL, 10);
}

long cpu_ms(pid_t pid)
{
    const char *stat = file_read(scene_text("/proc/%d/stat", (int)pid));
    const char *after_name = strrchr(stat, ')');
    unsigned long user = 0, system_time = 0;

    if (!after_name ||
        sscanf(after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system_time) != 2)
        return -1;
    return (long)(user + system_time) * 1000 / sysconf(_SC_CLK_TCK);
}

int fd_count(pid_t pid)
{
    DIR *dir = opendir(scene_text("/proc/%d/fd", (int)pid));
    int count = -2; /* . and .. */

    if (!dir)
        return -1;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

int fd_count_of(pid_t pid, const char *kind)
{
    const char *path = scene_text("/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    struct dirent *entry;
    char target[256];
    int count = 0;

    if (!dir)
        return -1;
    while ((entry = readdir(dir)) != NULL) {
        const ssize_t length = readlink(scene_text("%s/%s", path, entry->d_name), target, sizeof target - 1);

        target[length > 0 ? length : 0] = 0;
        count += strncmp(target, kind, strlen(kind)) == 0;
    }
    closedir(dir);
    return count;
}
