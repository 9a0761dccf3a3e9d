#include "tls/mac.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"
#include "unit/tls/pki.h"

static void expect_mode(const char *path, mode_t mode)
{
    struct stat found;

    cr_assert_eq(stat(path, &found), 0);
    cr_expect_eq(found.st_mode & 0777, mode, "%s: %o", path, found.st_mode & 0777);
}

_Noreturn static void say_secret(const char *directory, int to)
{
    char secret[MAC_SECRET_BYTES];
    struct error error;
    int rc = mac_secret_open(directory, secret, &error);

    _exit(rc == 0 && write(to, secret, sizeof(secret)) == (ssize_t)sizeof(secret) ? 0 : 1);
}

Test(mac, a_secret_is_made_once_and_for_its_owner_alone)
{
    char *directory = pki_directory();
    const char *inner = pki_path(directory, "sticky");
    char first[MAC_SECRET_BYTES] = "", second[MAC_SECRET_BYTES] = "";
    const char none[MAC_SECRET_BYTES] = "";
    struct error error;

    umask(0);
    cr_assert_eq(mac_secret_open(inner, first, &error), 0, "%s", error.text);
    expect_mode(inner, 0700);
    expect_mode(pki_path(inner, "key"), 0600);
    cr_assert_neq(memcmp(first, none, sizeof(none)), 0);
    cr_assert_eq(mac_secret_open(inner, second, &error), 0, "%s", error.text);
    cr_assert_eq(memcmp(first, second, sizeof(first)), 0, "tags outlive the process");
    pki_directory_remove(directory);
}

/* All of them began before there was one; then the last word of any of them is the word of all. */
Test(mac, those_that_start_at_once_have_the_same_secret)
{
    enum { PROCESSES = 8, ROUNDS = 20, ALL_BYTES = PROCESSES * MAC_SECRET_BYTES };
    char *directory = pki_directory();

    for (int round = 0; round < ROUNDS; round++) {
        char secrets[ALL_BYTES], name[16];
        int pipes[2];

        snprintf(name, sizeof(name), "%d", round);
        cr_assert_eq(pipe(pipes), 0);
        for (int i = 0; i < PROCESSES; i++) {
            if (fork() == 0)
                say_secret(pki_path(directory, name), pipes[1]);
        }
        close(pipes[1]);
        for (size_t i = 0; i < PROCESSES; i++)
            cr_assert_eq(read(pipes[0], secrets + i * MAC_SECRET_BYTES, MAC_SECRET_BYTES), MAC_SECRET_BYTES);
        close(pipes[0]);
        for (size_t i = 1; i < PROCESSES; i++)
            cr_expect_eq(memcmp(secrets, secrets + i * MAC_SECRET_BYTES, MAC_SECRET_BYTES), 0);
    }
    while (wait(NULL) > 0)
        continue;
    pki_directory_remove(directory);
}

Test(mac, secrets_of_two_directories_differ)
{
    char *directory = pki_directory();
    char first[MAC_SECRET_BYTES], second[MAC_SECRET_BYTES];
    struct error error;

    cr_assert_eq(mac_secret_open(pki_path(directory, "one"), first, &error), 0);
    cr_assert_eq(mac_secret_open(pki_path(directory, "two"), second, &error), 0);
    cr_assert_neq(memcmp(first, second, sizeof(first)), 0);
    pki_directory_remove(directory);
}

static void expect_refused(const char *content, size_t len)
{
    char *directory = pki_directory();
    struct text text = {0};
    char secret[MAC_SECRET_BYTES];
    struct error error;

    text_add(&text, slice_of(content, len));
    pki_write(directory, "key", &text);
    cr_assert_eq(mac_secret_open(directory, secret, &error), -1, "%zu bytes", len);
    cr_expect(strstr(error.text, "/key has ") && strstr(error.text, "remove it"), "%s", error.text);
    pki_directory_remove(directory);
}

Test(mac, a_secret_of_another_size_is_refused)
{
    char content[MAC_SECRET_BYTES + 1] = "";

    expect_refused(content, 0);
    expect_refused(content, MAC_SECRET_BYTES - 1);
    expect_refused(content, MAC_SECRET_BYTES + 1);
}

Test(mac, a_place_that_is_none_is_an_error)
{
    char secret[MAC_SECRET_BYTES];
    struct error error;

    cr_assert_eq(mac_secret_open("/nonexistent/sticky", secret, &error), -1);
    cr_assert(strstr(error.text, "/nonexistent/sticky"), "%s", error.text);
}

static struct slice tag(const char *secret, const char *what, char out[MAC_TAG_LEN])
{
    mac_tag(slice_str(secret), slice_str(what), out);
    return slice_of(out, MAC_TAG_LEN);
}

/* RFC 4231, case 2: the first 128 bits. */
Test(mac, a_tag_is_hmac_with_sha_256)
{
    char out[MAC_TAG_LEN];

    cr_assert(
        slice_eq(tag("Jefe", "what do ya want for nothing?", out), SLICE("5bdcc146bf60754e6a042426089575c7")),
        "%.*s", MAC_TAG_LEN, out);
}

Test(mac, tags_differ_by_secret_and_by_text)
{
    char one[MAC_TAG_LEN], other[MAC_TAG_LEN];

    cr_assert(slice_eq(tag("s", "a", one), tag("s", "a", other)));
    cr_assert(!slice_eq(tag("s", "a", one), tag("s", "b", other)));
    cr_assert(!slice_eq(tag("s", "a", one), tag("t", "a", other)));
    cr_assert(!slice_eq(tag("s", "a", one), tag("s", "", other)));
}
