#include "proxy/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

/* The thread looks at its channels every ROUND_MS while lines come, and sleeps until it is woken when none
 * came for a round. So under load a line costs a lock that nobody contends and a copy, and no system call. */
enum { CHANNEL_BYTES = 1024 * 1024, ROUND_MS = 20, CLOSE_MS = 2000 };

struct log_channel {
    struct log_channel *next;
    struct log_writer *writer;
    pthread_mutex_t lock;
    struct text lines;
};

struct log_writer {
    pthread_t thread;
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t wake;
    struct log_channel *channels;
    bool is_closing;
    bool is_started; /* there is a thread */
    int next_fd;     /* to go on with; -1: none */
    atomic_bool sleeps;
    atomic_bool is_on;
    atomic_uint_least64_t dropped;
    int fd; /* of the thread alone */
};

static int open_sink(struct slice to, bool *is_on, struct error *error)
{
    char *path;
    int fd;

    *is_on = !slice_eq(to, SLICE("off"));
    if (!*is_on)
        return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (slice_eq(to, SLICE("stdout")))
        fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    else if (slice_eq(to, SLICE("stderr")))
        fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    else {
        path = mem_string(to);
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        mem_free(path);
    }
    if (fd < 0)
        error_set(error, "the log %.*s cannot be opened: %s", FMT_SLICE(to), strerror(errno));
    return fd;
}

/* A sink that is gone or full for ever must not end the process: what it does not take is counted. */
static void write_all(struct log_writer *writer, struct slice lines)
{
    while (lines.len) {
        ssize_t n = write(writer->fd, lines.data, lines.len);

        if (n > 0) {
            lines = slice_from(lines, (size_t)n);
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd ready = {.fd = writer->fd, .events = POLLOUT};

            poll(&ready, 1, 1000);
        } else if (n < 0 && errno != EINTR) {
            for (size_t i = 0; i < lines.len; i++)
                writer->dropped += lines.data[i] == '\n';
            return;
        }
    }
}

/* @param is_for_lines  some are about to be written: what was logged before "off" goes where it was meant to go */
static void take_next_fd(struct log_writer *writer, bool is_for_lines)
{
    pthread_mutex_lock(&writer->lock);
    if (writer->next_fd >= 0 && (writer->is_on || !is_for_lines)) {
        close(writer->fd);
        writer->fd = writer->next_fd;
        writer->next_fd = -1;
    }
    pthread_mutex_unlock(&writer->lock);
}

/* Where to is asked once the lines are in hand, so that none that was logged behind a reopening is written to the
 * old file. */
static void write_lines(struct log_writer *writer, struct slice lines)
{
    take_next_fd(writer, true);
    write_all(writer, lines);
}

static bool empty_channels(struct log_writer *writer, struct text *spare)
{
    struct log_channel *channel;
    bool any = false;

    pthread_mutex_lock(&writer->lock);
    channel = writer->channels;
    pthread_mutex_unlock(&writer->lock);
    for (; channel; channel = channel->next) {
        struct text lines;

        pthread_mutex_lock(&channel->lock);
        lines = channel->lines;
        channel->lines = *spare;
        pthread_mutex_unlock(&channel->lock);
        if (lines.len)
            write_lines(writer, text_slice(&lines));
        any |= lines.len > 0;
        text_clear(&lines);
        *spare = lines;
    }
    return any;
}

/* With writer->lock held: a line that came before *sleeps* was set did not wake anybody. */
static bool any_waits(struct log_writer *writer)
{
    bool any = false;

    for (struct log_channel *channel = writer->channels; channel && !any; channel = channel->next) {
        pthread_mutex_lock(&channel->lock);
        any = channel->lines.len > 0;
        pthread_mutex_unlock(&channel->lock);
    }
    return any;
}

/* Sleeps for a round, or until something comes when the last round was empty. */
static bool wait_for_lines(struct log_writer *writer, bool was_busy)
{
    struct timespec until;
    bool is_closing;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += was_busy ? ROUND_MS * 1000000L : 0;
    until.tv_sec += until.tv_nsec / 1000000000L + (was_busy ? 0 : 1);
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&writer->lock);
    writer->sleeps = !was_busy;
    if (!writer->is_closing && writer->next_fd < 0 && (was_busy || !any_waits(writer)))
        pthread_cond_timedwait(&writer->wake, &writer->lock, &until);
    writer->sleeps = false;
    is_closing = writer->is_closing;
    pthread_mutex_unlock(&writer->lock);
    return is_closing;
}

static void *run(void *argument)
{
    struct log_writer *writer = argument;
    struct text spare = {0};
    bool is_closing = false, was_busy = false;

    pthread_setname_np(pthread_self(), "log");
    while (!is_closing || was_busy) {
        is_closing = wait_for_lines(writer, was_busy);
        was_busy = empty_channels(writer, &spare);
        take_next_fd(writer, false);
    }
    text_fini(&spare);
    return NULL;
}

int log_writer_open(struct slice to, struct log_writer **out, struct error *error)
{
    struct log_writer *writer;
    bool is_on;
    int fd = open_sink(to, &is_on, error);

    if (fd < 0)
        return -1;
    writer = mem_new(struct log_writer);
    writer->fd = fd;
    writer->next_fd = -1;
    writer->is_on = is_on;
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->wake, NULL);
    *out = writer;
    return 0;
}

int log_writer_start(struct log_writer *writer, struct error *error)
{
    const int rc = pthread_create(&writer->thread, NULL, run, writer);

    if (rc != 0)
        return error_set(error, "no thread for the log: %s", strerror(rc));
    writer->is_started = true;
    return 0;
}

static void join_or_leave(struct log_writer *writer)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += CLOSE_MS / 1000;
    if (pthread_timedjoin_np(writer->thread, NULL, &until) != 0) {
        pthread_cancel(writer->thread); /* it hangs in write(2) on a sink that nobody reads */
        pthread_join(writer->thread, NULL);
    }
}

void log_writer_close(struct log_writer *writer)
{
    if (!writer)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->is_closing = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    if (writer->is_started)
        join_or_leave(writer);
    while (writer->channels) {
        struct log_channel *channel = writer->channels;

        writer->channels = channel->next;
        text_fini(&channel->lines);
        pthread_mutex_destroy(&channel->lock);
        mem_free(channel);
    }
    close(writer->fd);
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->lock);
    mem_free(writer);
}

int log_writer_reopen(struct log_writer *writer, struct slice to, struct error *error)
{
    bool is_on;
    int fd = open_sink(to, &is_on, error);

    if (fd < 0)
        return -1;
    pthread_mutex_lock(&writer->lock);
    if (writer->next_fd >= 0)
        close(writer->next_fd);
    writer->next_fd = fd;
    writer->is_on = is_on;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    return 0;
}

struct log_channel *log_writer_channel(struct log_writer *writer)
{
    struct log_channel *channel = mem_new(struct log_channel);

    channel->writer = writer;
    pthread_mutex_init(&channel->lock, NULL);
    pthread_mutex_lock(&writer->lock);
    channel->next = writer->channels;
    writer->channels = channel;
    pthread_mutex_unlock(&writer->lock);
    return channel;
}

void log_channel_add(struct log_channel *channel, struct slice line)
{
    struct log_writer *writer = channel->writer;

    pthread_mutex_lock(&channel->lock);
    if (channel->lines.len + line.len > CHANNEL_BYTES)
        atomic_fetch_add(&writer->dropped, 1);
    else
        text_add(&channel->lines, line);
    pthread_mutex_unlock(&channel->lock);
    if (atomic_load_explicit(&writer->sleeps, memory_order_relaxed)) {
        pthread_mutex_lock(&writer->lock);
        pthread_cond_signal(&writer->wake);
        pthread_mutex_unlock(&writer->lock);
    }
}

bool log_channel_is_on(const struct log_channel *channel)
{
    return atomic_load_explicit(&channel->writer->is_on, memory_order_relaxed);
}

uint64_t log_writer_dropped(struct log_writer *writer)
{
    return atomic_load(&writer->dropped);
}
