#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A value with a try or three in it fits (log.h). */
enum { QUOTE_MAX = 480 };

static _Atomic int level_now = LOG_INFO;
static void (*_Atomic diverted)(struct slice line);
static const char *const LEVELS[] = {"error", "warn", "info", "debug"};

void log_divert(void (*write_line)(struct slice line))
{
    atomic_store(&diverted, write_line);
}

void log_set_level(enum log_level level)
{
    atomic_store(&level_now, (int)level);
}

bool log_is_on(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

static int stamp(char *out, size_t size)
{
    struct timespec now;
    struct tm utc;
    size_t len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return (int)len + snprintf(out + len, size - len, ".%03ldZ", now.tv_nsec / 1000000);
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    char line[4096];
    int len, room = (int)sizeof(line) - 1;
    va_list args;
    void (*divert)(struct slice) = atomic_load(&diverted);
    ssize_t written;

    if (!log_is_on(level))
        return;
    len = stamp(line, sizeof(line));
    len += snprintf(line + len, sizeof(line) - (size_t)len, " %s %s ", LEVELS[level], event);
    va_start(args, format);
    len += vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
    va_end(args);
    if (len > room)
        len = room;
    line[len++] = '\n';
    if (divert) {
        divert(slice_of(line, (size_t)len));
        return;
    }
    written = write(STDERR_FILENO, line, (size_t)len);
    (void)written; /* nowhere left to complain */
}

const char *log_quote(struct slice value)
{
    static _Thread_local char ring[8][QUOTE_MAX * 4 + 8];
    static _Thread_local unsigned turn;
    char *out = ring[turn++ % 8], *at = out;

    value = slice_head(value, QUOTE_MAX);
    *at++ = '"';
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if (c == '"' || c == '\\') {
            *at++ = '\\';
            *at++ = (char)c;
        } else if (c < 0x20 || c >= 0x7f) {
            at += sprintf(at, "\\x%02x", c);
        } else {
            *at++ = (char)c;
        }
    }
    *at++ = '"';
    *at = '\0';
    return out;
}
