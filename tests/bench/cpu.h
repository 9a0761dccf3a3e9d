/** Processor time of processes, as the scheduler counts it. */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <stdint.h>
#include <sys/types.h>

/** Nanoseconds, user and system, that the living threads of one process have run, or -1 when it is gone.
 *  Threads that ended are not in it: a proxy that makes and ends threads under load would look too good. */
int64_t cpu_ns(pid_t pid);

#endif
