#include "control/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"

enum {
    HOT_PRIORITY = 200,
    TYPE_MASK = 0xf, /* of a socket: what is above are flags */
    BINARY_TREE = 2, /* SCMP_FLTATR_CTL_OPTIMIZE */
};

/* Landlock has no right for modes, and who is root owns most files. */
enum { MODE_OF_POWER = S_ISUID | S_ISGID, MODE_OF_OTHERS = S_ISVTX | S_IWGRP | S_IWOTH };

static const char *const HOT[] = {
#define HOT(name) #name,
#define CALL(name)
#define PROBED(name)
#include "control/seccomp_calls.def"
#undef HOT
#undef CALL
#undef PROBED
};

static const char *const PLAIN[] = {
#define HOT(name)
#define CALL(name) #name,
#define PROBED(name)
#include "control/seccomp_calls.def"
#undef HOT
#undef CALL
#undef PROBED
};

static const char *const PROBED[] = {
#define HOT(name)
#define CALL(name)
#define PROBED(name) #name,
#include "control/seccomp_calls.def"
#undef HOT
#undef CALL
#undef PROBED
};

/** The first failure stays. */
struct filter {
    scmp_filter_ctx ctx;
    int rc; /* -errno */
};

/* Negative: this architecture, or this libseccomp, has no such call. */
static int number_of(const char *name)
{
    return seccomp_syscall_resolve_name(name);
}

static void add(struct filter *filter, uint32_t action, const char *name, unsigned count,
                const struct scmp_arg_cmp *arguments)
{
    const int number = number_of(name);

    if (number >= 0 && filter->rc == 0)
        filter->rc = seccomp_rule_add_array(filter->ctx, action, number, count, arguments);
}

static void add_all(struct filter *filter, uint32_t action, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(filter, action, names[i], 0, NULL);
}

static void prefer_hot(struct filter *filter)
{
    for (size_t i = 0; i < ARRAY_LEN(HOT); i++) {
        const int number = number_of(HOT[i]);

        if (number >= 0 && filter->rc == 0)
            filter->rc = seccomp_syscall_priority(filter->ctx, number, HOT_PRIORITY);
    }
}

static void allow_when(struct filter *filter, const char *name, struct scmp_arg_cmp argument)
{
    add(filter, SCMP_ACT_ALLOW, name, 1, &argument);
}

/* Nothing that is written can be executed, and nothing that is read from a file either. */
static void allow_memory(struct filter *filter)
{
    allow_when(filter, "mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    allow_when(filter, "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* Threads of this process, in its namespaces. The flags are the first argument where this is built (clone(2)). */
static void allow_threads(struct filter *filter)
{
    static const uint64_t must = CLONE_VM | CLONE_THREAD;
    static const uint64_t must_not = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS |
                                     CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWUTS;

    allow_when(filter, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, must | must_not, must));
    allow_when(filter, "tgkill", SCMP_A0(SCMP_CMP_EQ, (uint64_t)getpid()));
}

static void allow_sockets(struct filter *filter)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6}, types[] = {SOCK_STREAM, SOCK_DGRAM};

    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        for (size_t k = 0; k < ARRAY_LEN(types); k++) {
            const struct scmp_arg_cmp both[] = {
                SCMP_A0(SCMP_CMP_EQ, (uint64_t)families[i]),
                SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_MASK, (uint64_t)types[k]),
            };

            add(filter, SCMP_ACT_ALLOW, "socket", ARRAY_LEN(both), both);
        }
    }
    allow_when(filter, "socketpair", SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
}

/* Files that are made or opened have no mode that lends their owner's power; one's own are not given to all. Which process a
 * descriptor sends which signal is nobody's to choose: that would be kill(). */
static void allow_files(struct filter *filter)
{
    static const int commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD,  F_SETFD,      F_GETFL,     F_SETFL,
                                   F_GETLK, F_SETLK,         F_SETLKW, F_GETPIPE_SZ, F_SETPIPE_SZ};

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        allow_when(filter, "fcntl", SCMP_A1(SCMP_CMP_EQ, (uint64_t)commands[i]));
    allow_when(filter, "open", SCMP_A2(SCMP_CMP_MASKED_EQ, MODE_OF_POWER, 0));
    allow_when(filter, "openat", SCMP_A3(SCMP_CMP_MASKED_EQ, MODE_OF_POWER, 0));
    allow_when(filter, "fchmod", SCMP_A1(SCMP_CMP_MASKED_EQ, MODE_OF_POWER | MODE_OF_OTHERS, 0));
}

/* What is left to send, blocking or not, is it a terminal, an interface's number and name (IPv6
 * zones). */
static void allow_questions(struct filter *filter)
{
    static const unsigned long requests[] = {TIOCOUTQ, FIONBIO,      FIONREAD,   FIOCLEX,
                                             TCGETS,   SIOCGIFINDEX, SIOCGIFNAME};
    static const int options[] = {PR_SET_NAME, PR_GET_NAME};
    const struct scmp_arg_cmp limits_are_read[] = {SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0)};

    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        allow_when(filter, "ioctl", SCMP_A1(SCMP_CMP_EQ, requests[i]));
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        allow_when(filter, "prctl", SCMP_A0(SCMP_CMP_EQ, (uint64_t)options[i]));
    add(filter, SCMP_ACT_ALLOW, "prlimit64", ARRAY_LEN(limits_are_read), limits_are_read);
}

static void set(struct filter *filter, enum scmp_filter_attr attribute, uint32_t value)
{
    if (filter->rc == 0)
        filter->rc = seccomp_attr_set(filter->ctx, attribute, value);
}

/* Before Linux 5.16 a filter would also switch a mitigation on that costs every request; without the filter there is none
 * either (SCMP_FLTATR_CTL_SSB). */
static void build(struct filter *filter)
{
    set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    set(filter, SCMP_FLTATR_CTL_SSB, 1);
    set(filter, SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
    prefer_hot(filter);
    add_all(filter, SCMP_ACT_ALLOW, HOT, ARRAY_LEN(HOT));
    add_all(filter, SCMP_ACT_ALLOW, PLAIN, ARRAY_LEN(PLAIN));
    add_all(filter, SCMP_ACT_ERRNO(ENOSYS), PROBED, ARRAY_LEN(PROBED));
    allow_memory(filter);
    allow_threads(filter);
    allow_sockets(filter);
    allow_files(filter);
    allow_questions(filter);
}

#if defined(__x86_64__) || defined(__aarch64__) || (defined(__riscv) && __riscv_xlen == 64)
static const bool IS_KNOWN = true;
#else
static const bool IS_KNOWN = false; /* calls have other names and arguments there */
#endif

int seccomp_enter(struct error *error)
{
    struct filter filter = {.ctx = IS_KNOWN ? seccomp_init(SCMP_ACT_ERRNO(EPERM)) : NULL};

    if (!filter.ctx)
        return error_set(error, "%s",
                         IS_KNOWN ? "libseccomp cannot begin" : "not known for this architecture");
    build(&filter);
    if (filter.rc == 0)
        filter.rc = seccomp_load(filter.ctx);
    seccomp_release(filter.ctx);
    if (filter.rc < 0)
        return error_set(error, "%s", strerror(-filter.rc));
    return 0;
}

const char *seccomp_library_version(void)
{
    static char text[32];
    const struct scmp_version *version = seccomp_version();

    snprintf(text, sizeof(text), "%u.%u.%u", version->major, version->minor, version->micro);
    return text;
}
