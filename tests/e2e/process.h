/** Programs that a test starts: their output is collected as it comes, their end has a deadline. */
#ifndef E2E_PROCESS_H
#define E2E_PROCESS_H

#include <pthread.h>
#include <sys/types.h>

#include "e2e/scene.h"

/** Text that grows; one thread writes, others wait for what it will say. */
struct transcript {
    pthread_mutex_t lock;
    pthread_cond_t grown;
    char *bytes; /* with a NUL after it */
    size_t length;
    bool ended;
};

void transcript_init(struct transcript *transcript);
void transcript_add(struct transcript *transcript, const char *bytes, size_t count);
void transcript_end(struct transcript *transcript);
/** Waits until the text stands in it; false at the deadline or at its end. */
bool transcript_says(struct transcript *transcript, const char *text, int ms);
/** A copy, as it is now. */
char *transcript_copy(struct transcript *transcript);

struct process {
    pid_t pid; /* also the number of its process group */
    struct transcript out, err;
    int status; /* once has_ended: exit code, or 128 + signal */
    bool has_ended;
    int pipes[2];
};

/** The next one that is started gets copies of these descriptors, as 3, 4 and so on. */
void process_gives(const int *descriptors, int count);
/** Starts a shell command; begin it with `exec` and the pid is the program's own. */
struct process *process_start(const char *format, ...) PRINTF_LIKE(1, 2);
void process_signal(struct process *process, int signal_number);
/** Its exit code (128 + signal when killed), or -1 when it still runs at the deadline. */
int process_wait(struct process *process, int ms);
/** Ends it at once. */
void process_kill(struct process *process);

struct run {
    int status;
    char *out, *err;
    char *all; /* err, then out */
};

/** Runs a shell command to its end, within PATIENCE_MS; status -1 when it had to be killed. */
struct run sh(const char *format, ...) PRINTF_LIKE(1, 2);
struct run sh_within(int ms, const char *format, ...) PRINTF_LIKE(2, 3);

/** Of /proc/PID; KiB, milliseconds of user and system time, open descriptors. */
long rss_kib(pid_t pid);
long peak_rss_kib(pid_t pid);
long cpu_ms(pid_t pid);
int fd_count(pid_t pid);
/** Those whose name in /proc/PID/fd begins so: "pipe:", "socket:". */
int fd_count_of(pid_t pid, const char *kind);
/** The value of a line of /proc/PID/status ("Uid"). */
char *proc_status(pid_t pid, const char *key);

#endif
