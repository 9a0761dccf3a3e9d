#include "control/capabilities.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WORDS = _LINUX_CAPABILITY_U32S_3, WORD_BITS = 32, NUMBERS = 64 };

/* The two that are ever kept; others have a number, which is rare enough. */
static const struct {
    int number;
    const char *name;
} NAMES[] = {
    {CAP_NET_BIND_SERVICE, "net_bind_service"},
    {CAP_DAC_OVERRIDE, "dac_override"},
};

static struct __user_cap_header_struct header(void)
{
    return (struct __user_cap_header_struct){.version = _LINUX_CAPABILITY_VERSION_3};
}

/* The C library has no function for it, and libcap's would be a library for two calls. */
static bool read_sets(struct __user_cap_data_struct sets[WORDS])
{
    struct __user_cap_header_struct of_me = header();

    return syscall(SYS_capget, &of_me, sets) == 0;
}

uint64_t capabilities_held(void)
{
    struct __user_cap_data_struct sets[WORDS];

    return read_sets(sets) ? (uint64_t)sets[1].permitted << WORD_BITS | sets[0].permitted : 0;
}

bool capabilities_have(int number)
{
    struct __user_cap_data_struct sets[WORDS];

    return read_sets(sets) && (sets[number / WORD_BITS].effective >> number % WORD_BITS & 1);
}

bool capabilities_empty_bounds(void)
{
    bool is_empty = true;

    for (int number = 0; number < NUMBERS; number++) {
        if (prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1)
            is_empty &= prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0;
    }
    return is_empty;
}

void capabilities_outlive_user(void)
{
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
}

int capabilities_reduce(uint64_t kept, struct error *error)
{
    struct __user_cap_header_struct of_me = header();
    struct __user_cap_data_struct sets[WORDS] = {{0}};
    const uint64_t left = capabilities_held() & kept;

    for (size_t i = 0; i < WORDS; i++)
        sets[i].effective = sets[i].permitted = (uint32_t)(left >> i * WORD_BITS);
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* else they go with the inheritable ones */
    if (syscall(SYS_capset, &of_me, sets) < 0)
        return error_set(error, "%s", strerror(errno));
    return 0;
}

static const char *name_of(int number)
{
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (NAMES[i].number == number)
            return NAMES[i].name;
    }
    return NULL;
}

void capabilities_describe(uint64_t set, struct text *out)
{
    const char *blank = "";

    if (set == 0)
        text_add_literal(out, "none");
    for (int number = 0; number < NUMBERS; number++) {
        const char *name = name_of(number);

        if (!(set & CAPABILITY(number)))
            continue;
        if (name)
            text_printf(out, "%s%s", blank, name);
        else
            text_printf(out, "%scap_%d", blank, number);
        blank = " ";
    }
}
