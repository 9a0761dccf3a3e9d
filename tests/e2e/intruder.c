#include "e2e/intruder.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "e2e/scene.h"

#if defined(__x86_64__)

enum {
    SYSCALL_BYTES = 2,  /* of the instruction, behind which a thread waits */
    BELOW_STACK = 4096, /* out of the way of what it keeps there */
};

static struct user_regs_struct before;

/* ptrace() takes addresses and numbers alike as pointers. */
static void *as_pointer(unsigned long value)
{
    void *pointer;

    memcpy(&pointer, &value, sizeof pointer);
    return pointer;
}

static void wait_for_stop(pid_t thread)
{
    int status = 0;

    cr_assert(WAIT_FOR(waitpid(thread, &status, __WALL | WNOHANG) == thread, PATIENCE_MS), "no stop");
    cr_assert(WIFSTOPPED(status), "it ended: %x", (unsigned)status);
}

/* @return false when it was running, and goes on */
static bool stop_in_call(pid_t thread)
{
    static const long instruction = 0x050f;

    cr_assert_eq(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL), 0);
    wait_for_stop(thread);
    cr_assert_eq(ptrace(PTRACE_GETREGS, thread, NULL, &before), 0);
    if ((ptrace(PTRACE_PEEKTEXT, thread, as_pointer(before.rip - SYSCALL_BYTES), NULL) & 0xffff) ==
        instruction)
        return true;
    ptrace(PTRACE_CONT, thread, NULL, NULL);
    return false;
}

void intruder_enter(pid_t thread)
{
    cr_assert_eq(ptrace(PTRACE_SEIZE, thread, NULL, as_pointer(PTRACE_O_TRACESYSGOOD)), 0, "%s",
                 strerror(errno));
    cr_assert(WAIT_FOR(stop_in_call(thread), PATIENCE_MS));
}

static unsigned long place(pid_t thread, const char *text)
{
    const unsigned long at = (before.rsp - BELOW_STACK) & ~15UL;
    size_t len = strlen(text) + 1;

    for (size_t i = 0; i < len; i += sizeof(long)) {
        long word = 0;

        memcpy(&word, text + i, len - i < sizeof(long) ? len - i : sizeof(long));
        cr_assert_eq(ptrace(PTRACE_POKEDATA, thread, as_pointer(at + i), as_pointer((unsigned long)word)), 0);
    }
    return at;
}

static void step_to_stop(pid_t thread)
{
    cr_assert_eq(ptrace(PTRACE_SYSCALL, thread, NULL, NULL), 0);
    wait_for_stop(thread);
}

long intruder_calls(pid_t thread, long number, const char *text, int at, long a, long b, long c)
{
    struct user_regs_struct regs = before;
    long arguments[3] = {a, b, c};

    if (text)
        arguments[at] = (long)place(thread, text);
    regs.rip -= SYSCALL_BYTES;
    regs.rax = (unsigned long)number;
    regs.orig_rax = ~0UL; /* nothing is to be restarted */
    regs.rdi = (unsigned long)arguments[0];
    regs.rsi = (unsigned long)arguments[1];
    regs.rdx = (unsigned long)arguments[2];
    regs.r10 = regs.r8 = regs.r9 = 0;
    cr_assert_eq(ptrace(PTRACE_SETREGS, thread, NULL, &regs), 0);
    step_to_stop(thread); /* in front of the call */
    step_to_stop(thread); /* behind it */
    cr_assert_eq(ptrace(PTRACE_GETREGS, thread, NULL, &regs), 0);
    return (long)regs.rax;
}

void intruder_leave(pid_t thread)
{
    ptrace(PTRACE_SETREGS, thread, NULL, &before);
    ptrace(PTRACE_DETACH, thread, NULL, NULL);
}

#else

void intruder_enter(pid_t thread)
{
    cr_skip_test("knows x86-64 alone");
}

long intruder_calls(pid_t thread, long number, const char *text, int at, long a, long b, long c)
{
    return -ENOSYS;
}

void intruder_leave(pid_t thread)
{
}

#endif
