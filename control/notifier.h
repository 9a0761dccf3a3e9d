/** What the service manager hears of us: systemd's notify protocol (sd_notify(3)), datagrams of VARIABLE=VALUE lines to
 *  the socket that $NOTIFY_SOCKET names. Where there is none, nothing is said and all of this does nothing.
 *  Of the main thread. */
#ifndef CONTROL_NOTIFIER_H
#define CONTROL_NOTIFIER_H

#include <stdint.h>

#include "base/macro.h"

struct notifier;

/** Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so before any other thread runs. */
struct notifier *notifier_new(void);
void notifier_free(struct notifier *notifier);

/** What is said with the format is for people: `systemctl status` shows it. */
void notifier_ready(struct notifier *notifier, const char *format, ...) PRINTF(2, 3);
/** Each is followed by notifier_ready(), also when the reload changed nothing. */
void notifier_reloading(struct notifier *notifier);
/** @param within_ms  how long it may take from now on, so that the manager waits for it; TIMER_NEVER: no limit */
void notifier_stopping(struct notifier *notifier, uint64_t within_ms, const char *format, ...) PRINTF(3, 4);
void notifier_status(struct notifier *notifier, const char *format, ...) PRINTF(2, 3);
void notifier_alive(struct notifier *notifier);
/** That process is the service from now on; nothing more is said of this one. */
void notifier_main_pid(struct notifier *notifier, int64_t pid);

/** How long the manager waits for notifier_alive() before it takes us for dead; 0: it does not. */
uint64_t notifier_watchdog_us(const struct notifier *notifier);

#endif
