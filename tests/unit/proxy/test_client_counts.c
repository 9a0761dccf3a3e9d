#include "proxy/client_counts.h"

#include <criterion/criterion.h>
#include <pthread.h>

static struct ip ip(const char *text)
{
    struct ip ip;

    cr_assert(ip_parse(slice_str(text), &ip));
    return ip;
}

Test(client_counts, a_client_gets_its_share_and_no_more)
{
    struct client_counts *counts = client_counts_new();

    cr_expect(client_counts_add(counts, ip("192.0.2.1"), 2));
    cr_expect(client_counts_add(counts, ip("192.0.2.1"), 2));
    cr_expect(!client_counts_add(counts, ip("192.0.2.1"), 2));
    cr_expect(client_counts_add(counts, ip("192.0.2.2"), 2), "another client");
    client_counts_remove(counts, ip("192.0.2.1"));
    cr_expect(client_counts_add(counts, ip("192.0.2.1"), 2), "one has ended");
    cr_expect(!client_counts_add(counts, ip("192.0.2.1"), 1), "a reload lowered the limit");
    client_counts_free(counts);
}

Test(client_counts, an_ipv6_network_of_64_bits_is_one_client)
{
    struct client_counts *counts = client_counts_new();

    cr_expect(client_counts_add(counts, ip("2001:db8:0:1::1"), 1));
    cr_expect(!client_counts_add(counts, ip("2001:db8:0:1:ffff::2"), 1));
    cr_expect(client_counts_add(counts, ip("2001:db8:0:2::1"), 1));
    client_counts_remove(counts, ip("2001:db8:0:1:ffff::2"));
    cr_expect(client_counts_add(counts, ip("2001:db8:0:1::3"), 1));
    client_counts_free(counts);
}

Test(client_counts, who_has_none_is_forgotten)
{
    struct client_counts *counts = client_counts_new();
    struct ip each = ip("10.0.0.0");

    for (int i = 0; i < 5000; i++) {
        each.bytes[2] = (uint8_t)(i >> 8);
        each.bytes[3] = (uint8_t)i;
        cr_assert(client_counts_add(counts, each, 1));
    }
    cr_expect_eq(client_counts_clients(counts), 5000);
    for (int i = 0; i < 5000; i++) {
        each.bytes[2] = (uint8_t)(i >> 8);
        each.bytes[3] = (uint8_t)i;
        client_counts_remove(counts, each);
    }
    cr_expect_eq(client_counts_clients(counts), 0);
    client_counts_free(counts);
}

static void *come_and_go(void *argument)
{
    struct client_counts *counts = argument;

    for (int i = 0; i < 20000; i++) {
        if (client_counts_add(counts, ip("192.0.2.1"), 3))
            client_counts_remove(counts, ip("192.0.2.1"));
    }
    return NULL;
}

Test(client_counts, threads_count_together)
{
    struct client_counts *counts = client_counts_new();
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, come_and_go, counts), 0);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_expect_eq(client_counts_clients(counts), 0, "each that was added was removed");
    client_counts_free(counts);
}
