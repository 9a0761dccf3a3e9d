#include "control/notifier.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/timer.h"
#include "net/address.h"
#include "net/loop.h"

enum {
    STATUS_BYTES = 512,
    SEND_MS = 200, /* the manager may be busy, but the main loop must not wait for it long */
};

/* "No limit" for a manager that wants a number. */
static const uint64_t A_YEAR_US = UINT64_C(365) * 24 * 3600 * 1000 * 1000;

struct notifier {
    int fd; /* -1: nobody listens */
    struct address manager;
    uint64_t watchdog_us;
    bool has_failed; /* said once */
};

/* ---- the environment ---- */

static uint64_t environment_number(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    uint64_t number;

    return value && slice_to_u64(slice_str(value), UINT64_MAX, &number) ? number : otherwise;
}

static uint64_t watchdog_us(void)
{
    if (environment_number("WATCHDOG_PID", (uint64_t)getpid()) != (uint64_t)getpid())
        return 0;
    return environment_number("WATCHDOG_USEC", 0);
}

static int open_socket(void)
{
    const struct timeval patience = {.tv_usec = SEND_MS * 1000};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    else
        log_event(LOG_WARN, "notify_failed", "reason=\"%s\"", strerror(errno));
    return fd;
}

struct notifier *notifier_new(void)
{
    struct notifier *notifier = mem_new(struct notifier);
    const struct slice path = slice_str(getenv("NOTIFY_SOCKET"));

    notifier->fd = -1;
    if (path.len && path.data[0] != '/' && path.data[0] != '@')
        log_event(LOG_WARN, "notify_failed", "socket=%s reason=\"neither a path nor @NAME\"",
                  log_quote(path));
    else if (path.len && address_from_path(path, &notifier->manager) < 0)
        log_event(LOG_WARN, "notify_failed", "socket=%s reason=\"too long\"", log_quote(path));
    else if (path.len)
        notifier->fd = open_socket();
    if (notifier->fd >= 0)
        notifier->watchdog_us = watchdog_us();
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return notifier;
}

void notifier_free(struct notifier *notifier)
{
    if (notifier && notifier->fd >= 0)
        close(notifier->fd);
    mem_free(notifier);
}

uint64_t notifier_watchdog_us(const struct notifier *notifier)
{
    return notifier->watchdog_us;
}

/* ---- messages ---- */

static void send_message(struct notifier *notifier, struct slice message)
{
    struct sockaddr_storage to;
    const socklen_t len = address_to_sockaddr(&notifier->manager, &to);

    if (sendto(notifier->fd, message.data, message.len, MSG_NOSIGNAL, (struct sockaddr *)&to, len) >= 0) {
        notifier->has_failed = false;
        return;
    }
    if (!notifier->has_failed)
        log_event(LOG_WARN, "notify_failed", "reason=\"%s\"", strerror(errno));
    notifier->has_failed = true;
}

/* A line of its own: what a path brings of newlines must not begin another variable. */
static PRINTF(2, 0) void add_status(struct text *message, const char *format, va_list values)
{
    char status[STATUS_BYTES];

    vsnprintf(status, sizeof(status), format, values);
    for (char *at = status; *at; at++) {
        if ((unsigned char)*at < ' ')
            *at = '?';
    }
    text_printf(message, "STATUS=%s\n", status);
}

static PRINTF(3, 0) void say(struct notifier *notifier, const char *variables, const char *format,
                             va_list values)
{
    struct text message = {0};

    if (notifier->fd < 0)
        return;
    text_add(&message, slice_str(variables));
    add_status(&message, format, values);
    send_message(notifier, text_slice(&message));
    text_fini(&message);
}

void notifier_ready(struct notifier *notifier, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    say(notifier, "READY=1\n", format, values);
    va_end(values);
}

void notifier_reloading(struct notifier *notifier)
{
    struct text message = {0};

    if (notifier->fd < 0)
        return;
    text_printf(&message, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reading the configuration\n",
                (unsigned long long)loop_now_us());
    send_message(notifier, text_slice(&message));
    text_fini(&message);
}

void notifier_stopping(struct notifier *notifier, uint64_t within_ms, const char *format, ...)
{
    const uint64_t within_us = within_ms < A_YEAR_US / 1000 ? within_ms * 1000 : A_YEAR_US;
    struct text variables = {0};
    va_list values;

    text_printf(&variables, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu\n", (unsigned long long)within_us);
    va_start(values, format);
    say(notifier, variables.data, format, values);
    va_end(values);
    text_fini(&variables);
}

void notifier_status(struct notifier *notifier, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    say(notifier, "", format, values);
    va_end(values);
}

void notifier_alive(struct notifier *notifier)
{
    if (notifier->fd >= 0)
        send_message(notifier, SLICE("WATCHDOG=1\n"));
}

void notifier_main_pid(struct notifier *notifier, int64_t pid)
{
    struct text message = {0};

    if (notifier->fd < 0)
        return;
    text_printf(&message, "MAINPID=%lld\n", (long long)pid);
    send_message(notifier, text_slice(&message));
    text_fini(&message);
    close(notifier->fd);
    notifier->fd = -1;
}
