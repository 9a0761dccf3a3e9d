#include "net/address.h"

#include <criterion/criterion.h>
#include <sys/un.h>

static struct address address_of(const char *ip, uint16_t port)
{
    struct ip parsed;

    cr_assert(ip_parse(slice_str(ip), &parsed));
    return address_from_ip(parsed, port);
}

static const struct {
    const char *ip;
    uint16_t port;
    const char *text;
} DESCRIBED[] = {
    {"127.0.0.1", 80, "127.0.0.1:80"},
    {"::1", 443, "[::1]:443"},
    {"2001:db8::7", 65535, "[2001:db8::7]:65535"},
    {"::ffff:192.0.2.1", 1, "192.0.2.1:1"},
};

Test(address, describes_itself_and_survives_the_kernels_form)
{
    for (size_t i = 0; i < ARRAY_LEN(DESCRIBED); i++) {
        struct address address = address_of(DESCRIBED[i].ip, DESCRIBED[i].port), back;
        struct sockaddr_storage storage;
        char text[ADDRESS_TEXT];

        cr_assert_str_eq(address_describe(&address, text), DESCRIBED[i].text);
        cr_assert_gt(address_to_sockaddr(&address, &storage), 0);
        back = address_from_sockaddr(&storage);
        cr_assert(address_eq(&address, &back));
        cr_assert_eq(address_port(&back), DESCRIBED[i].port);
        address_set_port(&back, 7);
        cr_assert_not(address_eq(&address, &back));
    }
}

Test(address, mapped_ipv6_is_ipv4)
{
    struct address address = {.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)}};
    struct sockaddr_storage storage;
    char text[ADDRESS_TEXT];

    address.in6.sin6_addr.s6_addr[10] = address.in6.sin6_addr.s6_addr[11] = 0xff;
    address.in6.sin6_addr.s6_addr[12] = 10;
    address.in6.sin6_addr.s6_addr[15] = 9;
    address_to_sockaddr(&address, &storage);
    cr_assert_eq(address_from_sockaddr(&storage).family, AF_INET, "what sockets of both families accept");
    cr_assert_eq(address_ip(&address).family, 4);
    cr_assert_str_eq(address_describe(&address, text), "10.0.0.9:80");
    cr_assert_str_eq(address_describe_ip(&address, text), "10.0.0.9");
}

Test(address, unix_paths)
{
    struct address a, b, abstract, unnamed = {.un = {.unix_family = AF_UNIX}}, none = {0};
    struct sockaddr_storage storage;
    char text[ADDRESS_TEXT], path[200];

    cr_assert_eq(address_from_path(SLICE("/run/app.sock"), &a), 0);
    cr_assert_eq(address_from_path(SLICE("/run/app.sock"), &b), 0);
    cr_assert(address_eq(&a, &b));
    cr_assert_str_eq(address_describe(&a, text), "unix:/run/app.sock");
    cr_assert_str_eq(address_describe_ip(&a, text), "unix");
    cr_assert_str_eq(address_describe(&unnamed, text), "unix:");
    cr_assert_str_eq(address_describe(&none, text), "none");
    cr_assert_eq(address_ip(&a).family, 0);
    cr_assert_eq(address_port(&a), 0);
    cr_assert_eq(address_to_sockaddr(&a, &storage), offsetof(struct sockaddr_un, sun_path) + 14);
    cr_assert_eq(address_from_path(SLICE("@abs"), &abstract), 0);
    cr_assert_eq(address_to_sockaddr(&abstract, &storage), offsetof(struct sockaddr_un, sun_path) + 4);
    cr_assert_eq(((struct sockaddr_un *)&storage)->sun_path[0], '\0');

    memset(path, 'x', sizeof(path));
    cr_assert_eq(address_from_path(slice_of(path, 107), &b), 0);
    cr_assert_eq(address_from_path(slice_of(path, 108), &b), -1);
    cr_assert_eq(address_from_path(SLICE(""), &b), -1);
    cr_assert_eq(address_from_path(SLICE("a\0b"), &b), -1);
}
