#include "backends/dns_hosts.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "backends/dns_answer.h"

/* What hosts(5) says, and when it is read. */

static char path[] = "/tmp/portico-hosts-XXXXXX";
static struct dns_hosts *hosts;

static void begin(void)
{
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    close(fd);
    hosts = dns_hosts_new(path);
}

static void finish(void)
{
    dns_hosts_free(hosts);
    unlink(path);
}

TestSuite(dns_hosts, .init = begin, .fini = finish);

static void write_file(const char *at, const char *text)
{
    FILE *file = fopen(at, "we");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

/** "10.0.0.1 ::1"; "" when a name server is asked. */
static const char *found(const char *name)
{
    static char all[4096];
    struct ip ips[DNS_IPS_MAX];
    const size_t count = dns_hosts_find(hosts, name, ips, DNS_IPS_MAX);
    char text[IP_TEXT];

    all[0] = '\0';
    for (size_t i = 0; i < count; i++)
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? " " : "",
                 ip_describe(ips[i], text));
    return all;
}

Test(dns_hosts, names_and_aliases_in_any_case_with_all_their_addresses)
{
    write_file(path,
               "# 10.0.0.9 app\n10.0.0.1\tApp  alias.test # other\n\n::1 app\r\n10.0.0.1 app\nnonsense app\n"
               "10.0.0.2\n10.0.0.3 last");
    cr_expect_str_eq(found("app"), "10.0.0.1 ::1");
    cr_expect_str_eq(found("APP"), "10.0.0.1 ::1");
    cr_expect_str_eq(found("alias.test"), "10.0.0.1");
    cr_expect_str_eq(found("other"), "");
    cr_expect_str_eq(found("nonsense"), "");
    cr_expect_str_eq(found("last"), "10.0.0.3");
    cr_expect_str_eq(found("10.0.0.7"), "10.0.0.7", "as text");
}

Test(dns_hosts, localhost_is_what_the_file_says_or_what_it_always_is)
{
    cr_expect_str_eq(found("localhost"), "127.0.0.1 ::1");
    cr_expect_str_eq(found("app.localhost"), "127.0.0.1 ::1");
    write_file(path, "127.0.0.5 localhost\n");
    cr_expect_str_eq(found("localhost"), "127.0.0.5");
}

Test(dns_hosts, a_name_has_so_many_addresses_and_no_more)
{
    FILE *file = fopen(path, "we");
    struct ip ips[DNS_IPS_MAX + 1];

    for (int i = 0; i < DNS_IPS_MAX + 100; i++)
        fprintf(file, "10.0.%d.%d app a%d\n", i / 256, i % 256, i);
    fclose(file);
    cr_expect_eq(dns_hosts_find(hosts, "app", ips, ARRAY_LEN(ips)), DNS_IPS_MAX);
    cr_expect_eq(dns_hosts_find(hosts, "app", ips, 3), 3);
    cr_expect_str_eq(found("a300"), "10.0.1.44");
}

static bool was_opened(int watch)
{
    char events[1024];

    return read(watch, events, sizeof(events)) > 0;
}

Test(dns_hosts, a_file_that_stays_is_not_read_again)
{
    const int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    write_file(path, "10.0.0.1 app\n");
    cr_assert_geq(inotify_add_watch(watch, path, IN_OPEN), 0);
    cr_expect_str_eq(found("app"), "10.0.0.1");
    cr_expect(was_opened(watch));
    cr_expect_str_eq(found("app"), "10.0.0.1");
    cr_expect_str_eq(found("other"), "");
    cr_expect_not(was_opened(watch));
    close(watch);
}

Test(dns_hosts, a_file_that_changes_is_read_again_also_in_place_of_another)
{
    char other[sizeof(path) + 4];

    snprintf(other, sizeof(other), "%s.new", path);
    write_file(path, "10.0.0.1 app\n");
    cr_assert_str_eq(found("app"), "10.0.0.1");
    write_file(path, "10.0.0.22 app\n");
    cr_expect_str_eq(found("app"), "10.0.0.22");
    write_file(other, "10.0.0.33 app\n");
    cr_assert_eq(rename(other, path), 0);
    cr_expect_str_eq(found("app"), "10.0.0.33", "of the same size");
    unlink(path);
    cr_expect_str_eq(found("app"), "");
    write_file(path, "10.0.0.44 app\n");
    cr_expect_str_eq(found("app"), "10.0.0.44");
}

Test(dns_hosts, of_a_file_that_cannot_be_read_any_more_the_last_state_stays)
{
    write_file(path, "10.0.0.1 app\n");
    cr_assert_str_eq(found("app"), "10.0.0.1");
    unlink(path);
    cr_assert_eq(symlink(path, path), 0);
    cr_expect_str_eq(found("app"), "10.0.0.1");
    unlink(path);
    write_file(path, "10.0.0.2 app\n");
    cr_expect_str_eq(found("app"), "10.0.0.2");
}
