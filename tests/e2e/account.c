#include "e2e/account.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

static const char *const mishaps[] = {
    [MISHAP_NONE] = "none",           [MISHAP_REFUSED] = "refused",     [MISHAP_CLOSED] = "closed",
    [MISHAP_RESET] = "reset",         [MISHAP_TRUNCATED] = "truncated", [MISHAP_SILENT] = "silent",
    [MISHAP_HANDSHAKE] = "handshake", [MISHAP_STATUS] = "status",       [MISHAP_CONTENT] = "content",
};

/** The first failures, as they are told. */
static struct {
    pthread_mutex_t lock;
    int count;
    char lines[16][256];
} first = {.lock = PTHREAD_MUTEX_INITIALIZER};

int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

void account_done(struct account *account, int64_t took_us)
{
    unsigned long long longest_us = account->longest_us;

    atomic_fetch_add(&account->done, 1);
    while ((unsigned long long)took_us > longest_us &&
           !atomic_compare_exchange_weak(&account->longest_us, &longest_us, (unsigned long long)took_us)) {
    }
}

void account_fail(struct account *account, enum mishap mishap, const char *detail)
{
    enum { SHOWN = sizeof first.lines / sizeof *first.lines };

    atomic_fetch_add(&account->failed[mishap], 1);
    pthread_mutex_lock(&first.lock);
    if (first.count < SHOWN)
        snprintf(first.lines[first.count++], sizeof *first.lines, "%lld ms: %s: %s: %s", (long long)now_ms(),
                 account->name, mishaps[mishap], detail);
    pthread_mutex_unlock(&first.lock);
}

int account_failures(const struct account *account)
{
    int failures = 0;

    for (int i = 0; i < MISHAP_KINDS; i++)
        failures += account->failed[i];
    return failures;
}

static char *describe(const struct account *account)
{
    char *text =
        scene_text("%-10s %7d done, %d failed", account->name, account->done, account_failures(account));

    for (int i = 0; i < MISHAP_KINDS; i++) {
        if (account->failed[i])
            text = scene_text("%s, %d %s", text, account->failed[i], mishaps[i]);
    }
    if (account->resumed)
        text = scene_text("%s, %d resumed", text, account->resumed);
    return scene_text("%s, longest %.1f ms", text, (double)account->longest_us / 1000);
}

char *accounts_describe(const struct account *accounts, int count)
{
    char *text = scene_text("%s", "");

    for (int i = 0; i < count; i++) {
        if (accounts[i].done || account_failures(&accounts[i]))
            text = scene_text("%s  %s\n", text, describe(&accounts[i]));
    }
    for (int i = 0; i < first.count; i++)
        text = scene_text("%s  at %s\n", text, first.lines[i]);
    return text;
}
