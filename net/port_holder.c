#include "net/port_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/macro.h"

/* The kernel names the socket by its inode in /proc/net/tcp{,6}, and each process's open files in
 * /proc/PID/fd as links to "socket:[inode]". */

enum {
    STATE_LISTEN = 0x0A,
    INODES_MAX = 64,
    PATH_TEXT = 64,
};

static struct {
    port_holder_ask *ask; /* NULL: nobody */
    void *owner;
} other;

struct inodes {
    uint64_t of[INODES_MAX];
    size_t count;
};

/* As printed there: 32-bit words of the address in the machine's own order, in hex. */
static struct ip ip_from_hex(const char *hex)
{
    struct ip ip = {.family = strlen(hex) == 8 ? 4 : 6};

    for (size_t word = 0; word * 8 < strlen(hex) && word < 4; word++) {
        char digits[9] = {0};
        uint32_t value;

        memcpy(digits, hex + word * 8, 8);
        value = (uint32_t)strtoul(digits, NULL, 16);
        memcpy(ip.bytes + word * 4, &value, 4);
    }
    return ip;
}

static bool is_any(struct ip ip)
{
    static const struct ip NONE;

    return memcmp(ip.bytes, NONE.bytes, sizeof(ip.bytes)) == 0;
}

static bool is_in_the_way(struct ip theirs, struct ip ours)
{
    if (is_any(theirs) || is_any(ours))
        return theirs.family == ours.family || (theirs.family == 6 && is_any(theirs));
    return ip_eq(theirs, ours);
}

/* The kernel lists those that listen first, and then what may be a hundred thousand connections. */
static void read_table(const char *path, const struct address *address, struct inodes *inodes)
{
    FILE *table = fopen(path, "re");
    char line[512];

    if (!table)
        return;
    while (inodes->count < INODES_MAX && fgets(line, sizeof(line), table)) {
        char hex[33];
        unsigned port, state;
        uint64_t inode;

        if (sscanf(line, " %*u: %32[0-9A-F]:%x %*s %x %*s %*s %*s %*u %*u %" SCNu64, hex, &port, &state,
                   &inode) != 4)
            continue; /* the titles */
        if (state != STATE_LISTEN)
            break;
        if (port == address_port(address) && is_in_the_way(ip_from_hex(hex), address_ip(address)))
            inodes->of[inodes->count++] = inode;
    }
    fclose(table);
}

static bool is_one_of(const char *link, const struct inodes *inodes)
{
    uint64_t inode;

    if (sscanf(link, "socket:[%" SCNu64 "]", &inode) != 1)
        return false;
    for (size_t i = 0; i < inodes->count; i++) {
        if (inodes->of[i] == inode)
            return true;
    }
    return false;
}

static bool process_holds(int pid, const struct inodes *inodes)
{
    char path[PATH_TEXT], link[PATH_TEXT];
    bool holds = false;
    struct dirent *file;
    DIR *files;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    files = opendir(path);
    if (!files)
        return false;
    while (!holds && (file = readdir(files))) {
        ssize_t len = readlinkat(dirfd(files), file->d_name, link, sizeof(link) - 1);

        link[MAX(len, 0)] = '\0';
        holds = len > 0 && is_one_of(link, inodes);
    }
    closedir(files);
    return holds;
}

static int oldest_holder(const struct inodes *inodes)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    int found = 0;

    if (!processes)
        return 0;
    while ((entry = readdir(processes))) {
        int pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

        if (pid > 0 && (!found || pid < found) && process_holds(pid, inodes))
            found = pid;
    }
    closedir(processes);
    return found;
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

/* A program names itself as it likes; this goes to terminals. */
static void mask_controls(char *text)
{
    for (; *text; text++) {
        if (is_control(*text))
            *text = '?';
    }
}

static void read_program(struct port_holder *holder)
{
    char path[PATH_TEXT];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/comm", holder->pid);
    file = fopen(path, "re");
    snprintf(holder->program, sizeof(holder->program), "a process");
    if (!file)
        return;
    if (fgets(holder->program, sizeof(holder->program), file))
        holder->program[strcspn(holder->program, "\n")] = '\0';
    mask_controls(holder->program);
    fclose(file);
}

static bool look(const struct address *address, struct port_holder *out)
{
    struct inodes inodes = {0};
    struct port_holder holder = {0};

    read_table("/proc/net/tcp", address, &inodes);
    read_table("/proc/net/tcp6", address, &inodes);
    if (inodes.count == 0)
        return false;
    holder.pid = oldest_holder(&inodes);
    if (holder.pid == 0)
        return false;
    read_program(&holder);
    *out = holder;
    return true;
}

bool port_holder_find(const struct address *address, struct port_holder *out)
{
    return (other.ask && other.ask(other.owner, address, out)) || look(address, out);
}

void port_holder_set_other(port_holder_ask *ask, void *owner)
{
    other.ask = ask;
    other.owner = owner;
}

bool port_holder_is_valid(const struct port_holder *holder)
{
    const size_t len = strnlen(holder->program, PROGRAM_TEXT);

    if (holder->pid <= 0 || len == 0 || len == PROGRAM_TEXT)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (is_control(holder->program[i]))
            return false;
    }
    return true;
}
