/* What a running Portico never does, tried behind the walls. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/macro.h"
#include "unit/control/confined.h"

TestSuite(sandbox_walls, .init = confined_open, .fini = confined_close, .timeout = 60);

static int executes(void)
{
    char *const arguments[] = {strdup("true"), NULL};

    return attempt_result(execv("/bin/true", arguments));
}

static int executes_at(void)
{
    char *const arguments[] = {strdup("true"), NULL};

    return attempt_result(syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments, NULL, 0));
}

static int forks(void)
{
    const pid_t pid = fork();

    if (pid == 0)
        syscall(SYS_exit_group, 0);
    return attempt_result(pid);
}

static int forks_anew(void)
{
    struct {
        uint64_t words[8];
    } arguments = {{0}};

    return attempt_result(syscall(SYS_clone3, &arguments, sizeof(arguments)));
}

static int reads_shadow(void)
{
    return attempt_open("/etc/shadow", O_RDONLY);
}

static int reads_outside(void)
{
    return attempt_open(confined_path("outside/file"), O_RDONLY);
}

static int lists_outside(void)
{
    return attempt_open(confined_path("outside"), O_RDONLY | O_DIRECTORY);
}

static int makes_configuration(void)
{
    return attempt_open(confined_path("conf/new.yaml"), O_WRONLY | O_CREAT);
}

static int writes_configuration(void)
{
    return attempt_open(confined_path("conf/portico.yaml"), O_WRONLY);
}

static int removes_configuration(void)
{
    return attempt_result(unlink(confined_path("conf/portico.yaml")));
}

static int empties_log(void)
{
    return attempt_open(confined_path("logs/access.log"), O_WRONLY | O_TRUNC);
}

static int removes_log(void)
{
    return attempt_result(unlink(confined_path("logs/access.log")));
}

static int writes_own_memory(void)
{
    return attempt_open("/proc/self/mem", O_RDWR);
}

static int sees_packets(void)
{
    return attempt_socket(AF_PACKET, SOCK_RAW, 0);
}

static int speaks_raw(void)
{
    return attempt_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int speaks_netlink(void)
{
    return attempt_socket(AF_NETLINK, SOCK_RAW, 0);
}

static int is_traced(void)
{
    return attempt_result(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int reads_others_memory(void)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {&byte, 1};

    return attempt_result(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

static int makes_memory_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? 0 : attempt_result(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int maps_executable(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? errno : 0;
}

static int opens_modes(void)
{
    return attempt_result(chmod(confined_path("conf/portico.yaml"), 0666));
}

static int opens_modes_at(void)
{
    return attempt_result(syscall(SYS_fchmodat, AT_FDCWD, confined_path("outside/file"), 0666));
}

/* Of a file that it may read. @return errno of the change */
static int changes_mode(mode_t mode)
{
    const int fd = open(confined_path("conf/portico.yaml"), O_RDONLY | O_CLOEXEC);

    return fd < 0 ? 0 : attempt_result(fchmod(fd, mode));
}

static int lets_others_write(void)
{
    return changes_mode(0666);
}

static int lets_others_be_it(void)
{
    return changes_mode(04755);
}

static int makes_file_of_power(void)
{
    const int fd = open(confined_path("logs/tool"), O_WRONLY | O_CREAT | O_CLOEXEC, 04755);

    return attempt_result(fd);
}

static int sends_signals_by_files(void)
{
    int ends[2];

    return pipe(ends) < 0 ? 0 : attempt_result(fcntl(ends[0], F_SETOWN, getppid()));
}

static int chooses_signals_of_files(void)
{
    int ends[2];

    return pipe(ends) < 0 ? 0 : attempt_result(fcntl(ends[0], F_SETSIG, SIGKILL));
}

static int makes_namespace(void)
{
    return attempt_result(unshare(CLONE_NEWUSER));
}

static int mounts(void)
{
    return attempt_result(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int loads_bpf(void)
{
    union bpf_attr attributes;

    memset(&attributes, 0, sizeof(attributes));
    return attempt_result(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)));
}

static int loads_module(void)
{
    return attempt_result(syscall(SYS_finit_module, 0, "", 0));
}

static int uses_keys(void)
{
    return attempt_result(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int handles_faults(void)
{
    return attempt_result(syscall(SYS_userfaultfd, 0));
}

static int watches_performance(void)
{
    struct perf_event_attr attributes = {.size = sizeof(attributes)};

    return attempt_result(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

static int uses_io_uring(void)
{
    return attempt_result(syscall(SYS_io_uring_setup, 1, NULL));
}

static int makes_hidden_file(void)
{
    return attempt_result(memfd_create("x", 0));
}

static int signals_others(void)
{
    return attempt_result(kill(getppid(), 0));
}

static int signals_others_threads(void)
{
    return attempt_result(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int becomes_another(void)
{
    return attempt_result(syscall(SYS_setuid, 1));
}

static int becomes_dumpable(void)
{
    return attempt_result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int changes_limits(void)
{
    const struct rlimit limit = {0, 0};

    return attempt_result(setrlimit(RLIMIT_CORE, &limit));
}

static int types_into_terminal(void)
{
    return attempt_result(ioctl(0, TIOCSTI, "x"));
}

static int changes_root(void)
{
    return attempt_result(chroot("/"));
}

static const struct {
    const char *name;
    int (*attempt)(void);
    int refusal;
} REFUSED[] = {
    {"execve", executes, EPERM},
    {"execveat", executes_at, EPERM},
    {"fork", forks, EPERM},
    {"clone3", forks_anew, ENOSYS},
    {"open /etc/shadow", reads_shadow, EACCES},
    {"open a file outside", reads_outside, EACCES},
    {"list a directory outside", lists_outside, EACCES},
    {"make a file beside the configuration", makes_configuration, EACCES},
    {"write the configuration", writes_configuration, EACCES},
    {"remove the configuration", removes_configuration, EACCES},
    {"empty the log", empties_log, EACCES},
    {"remove the log", removes_log, EACCES},
    {"open /proc/self/mem", writes_own_memory, EACCES},
    {"socket AF_PACKET", sees_packets, EPERM},
    {"socket SOCK_RAW", speaks_raw, EPERM},
    {"socket AF_NETLINK", speaks_netlink, EPERM},
    {"ptrace", is_traced, EPERM},
    {"process_vm_readv", reads_others_memory, EPERM},
    {"mprotect PROT_EXEC", makes_memory_executable, EPERM},
    {"mmap PROT_EXEC", maps_executable, EPERM},
    {"chmod", opens_modes, EPERM},
    {"fchmodat", opens_modes_at, EPERM},
    {"fchmod go+w", lets_others_write, EPERM},
    {"fchmod u+s", lets_others_be_it, EPERM},
    {"make a file u+s", makes_file_of_power, EPERM},
    {"F_SETOWN", sends_signals_by_files, EPERM},
    {"F_SETSIG", chooses_signals_of_files, EPERM},
    {"unshare", makes_namespace, EPERM},
    {"mount", mounts, EPERM},
    {"bpf", loads_bpf, EPERM},
    {"finit_module", loads_module, EPERM},
    {"keyctl", uses_keys, EPERM},
    {"userfaultfd", handles_faults, EPERM},
    {"perf_event_open", watches_performance, EPERM},
    {"io_uring_setup", uses_io_uring, ENOSYS},
    {"memfd_create", makes_hidden_file, EPERM},
    {"kill", signals_others, EPERM},
    {"tgkill of another process", signals_others_threads, EPERM},
    {"setuid", becomes_another, EPERM},
    {"PR_SET_DUMPABLE", becomes_dumpable, EPERM},
    {"setrlimit", changes_limits, EPERM},
    {"TIOCSTI", types_into_terminal, EPERM},
    {"chroot", changes_root, EPERM},
};

static void try_refused(struct outcome *outcome)
{
    confined_enter(0);
    confined_note(outcome);
    for (size_t i = 0; confined_has_all(outcome) && i < ARRAY_LEN(REFUSED); i++)
        outcome->results[i] = REFUSED[i].attempt();
}

Test(sandbox_walls, what_a_running_portico_never_does_is_refused)
{
    struct outcome *outcome = confined_run(try_refused);

    confined_needs_all(outcome);
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++)
        cr_expect_eq(outcome->results[i], REFUSED[i].refusal, "%s: %s", REFUSED[i].name,
                     outcome->results[i] ? strerror(outcome->results[i]) : "done");
    cr_expect_eq(outcome->capabilities, 0);
}
