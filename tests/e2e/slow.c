#include "e2e/slow.h"

#include <criterion/criterion.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void expect_in_time(int64_t began_ms, const char *what)
{
    const int64_t took_ms = now_ms() - began_ms;

    cr_expect(took_ms >= EARLIEST_MS && took_ms < PATIENCE_MS, "%s: after %lld ms", what, (long long)took_ms);
}

void trickle_by(size_t step, struct wire *wire, const char *bytes, size_t count)
{
    for (size_t at = 0; at < count && wire_is_silent(wire, PACE_MS); at += step)
        wire_send_bytes(wire, bytes + at, step);
}

void trickle(struct wire *wire, const char *bytes, size_t count)
{
    trickle_by(1, wire, bytes, count);
}

char *letters(size_t count)
{
    char *text = scene_alloc(count + 1);

    memset(text, 'a', count);
    return text;
}

struct certificate leaf_for(const char *names)
{
    struct certificate ca = authority_make("test authority");

    return certificate_make(&ca, "ec", names);
}

void play_echo(struct wire *wire, struct backend *backend)
{
    while (WAIT_FOR(!wire_take(wire) || wire->at < wire->length, 20000) && wire->at < wire->length) {
        wire_send_bytes(wire, wire->bytes + wire->at, wire->length - wire->at);
        wire->at = wire->length;
    }
}

void narrow_ground(void)
{
    struct ifreq lo = {.ifr_name = "lo", .ifr_mtu = 1500};
    int fd;

    scene_alone();
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(ioctl(fd, SIOCSIFMTU, &lo), 0);
    close(fd);
}
