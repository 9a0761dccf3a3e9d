#include "backends/dns_search.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Which full names resolv.conf makes of a name. */

static struct dns_search search;
static char path[] = "/tmp/portico-search-XXXXXX";

static void begin(void)
{
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    close(fd);
    unsetenv("LOCALDOMAIN");
    unsetenv("RES_OPTIONS");
}

static void finish(void)
{
    dns_search_fini(&search);
    unlink(path);
}

TestSuite(dns_search, .init = begin, .fini = finish);

static void read_file(const char *text)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
    dns_search_fini(&search);
    dns_search_read(&search, path);
}

/* All steps: "app.one app"; a name that cannot be is "-". */
static const char *steps(const char *name)
{
    static char all[2048];
    char one[DNS_NAME_MAX + 1];

    all[0] = '\0';
    for (unsigned step = 0; dns_search_step(&search, slice_str(name), step, one); step++)
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", step ? " " : "", one[0] ? one : "-");
    return all;
}

Test(dns_search, nothing_is_known)
{
    search = (struct dns_search){0};
    cr_assert_str_eq(steps("app"), "app");
}

Test(dns_search, short_names_are_searched_for_first_and_long_ones_last)
{
    read_file("nameserver 127.0.0.1\nsearch one two.test.\n");
    cr_assert_str_eq(steps("app"), "app.one app.two.test app");
    cr_assert_str_eq(steps("app.x"), "app.x app.x.one app.x.two.test");
}

Test(dns_search, ndots)
{
    read_file("search one\noptions timeout:1 ndots:2\n");
    cr_assert_str_eq(steps("a.b"), "a.b.one a.b");
    cr_assert_str_eq(steps("a.b.c"), "a.b.c a.b.c.one");
    read_file("search one\noptions ndots:x\n");
    cr_assert_str_eq(steps("a.b"), "a.b a.b.one");
    read_file("search one\noptions ndots:0\n");
    cr_assert_str_eq(steps("a"), "a a.one");
}

Test(dns_search, last_list_counts_and_comments_do_not)
{
    read_file("search one\n# search two\n;search three\n\tdomain four five\n");
    cr_assert_str_eq(steps("app"), "app.four app");
    read_file("domain four\nsearch one\n");
    cr_assert_str_eq(steps("app"), "app.one app");
    read_file("search one\nsearch .\n");
    cr_assert_str_eq(steps("app"), "app");
}

Test(dns_search, environment_comes_last)
{
    setenv("LOCALDOMAIN", "env.one env.two", 1);
    setenv("RES_OPTIONS", "debug ndots:2", 1);
    read_file("search one\noptions ndots:5\n");
    cr_assert_str_eq(steps("a.b"), "a.b.env.one a.b.env.two a.b");
}

Test(dns_search, full_name_that_would_be_too_long_is_passed_over)
{
    char text[300] = "search ";

    memset(text + 7, 'd', 250);
    for (size_t i = 7 + 60; i < 7 + 250; i += 61)
        text[i] = '.';
    read_file(text);
    cr_assert_str_eq(steps("app"), "- app");
}

Test(dns_search, domains_are_bounded)
{
    char text[4096] = "search";

    for (unsigned i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " d%u", i);
    read_file(text);
    cr_assert_eq(search.count, DNS_SEARCH_MAX);
}
