/* A ClientHello means the same however it is cut into segments. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "tls/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sound(const struct client_hello *hello)
{
    if (hello->state != CLIENT_HELLO_DONE || !hello->has_name)
        return;
    ASSERT(hello->name_len > 0 && hello->name_len <= SNI_MAX);
    ASSERT(strlen(hello->name) == hello->name_len);
    ASSERT(hello->name[hello->name_len - 1] != '.');
}

static void check_same(const struct client_hello *a, const struct client_hello *b)
{
    ASSERT(a->state == b->state);
    if (a->state != CLIENT_HELLO_DONE)
        return;
    ASSERT(a->has_name == b->has_name && strcmp(a->name, b->name) == 0);
    ASSERT(a->has_alpn == b->has_alpn && a->offers_h2 == b->offers_h2);
    ASSERT(a->offers_http1 == b->offers_http1 && a->offers_tls13 == b->offers_tls13);
}

/* Each call gets its own copy of the bytes, so that reading past them is seen. */
static void feed(struct client_hello *hello, const uint8_t *data, size_t size)
{
    char *copy = malloc(size ? size : 1);

    memcpy(copy, data, size);
    client_hello_read(hello, slice_of(copy, size));
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client_hello whole = {0}, split = {0};
    size_t step = size ? 1 + data[size - 1] % 7 : 1;

    if (size == 0 || size > 4096)
        return 0;
    feed(&whole, data, size);
    check_sound(&whole);
    for (size_t len = 0; len < size; len += step)
        feed(&split, data, len);
    feed(&split, data, size);
    check_same(&whole, &split);
    client_hello_fini(&whole);
    client_hello_fini(&split);
    return 0;
}
