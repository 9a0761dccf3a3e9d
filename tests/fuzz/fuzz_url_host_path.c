/* Keys, hosts, paths and targets from any bytes: what is read has one normal form, and that is read again as
 * the same. */
#include "backends/target.h"
#include "base/macro.h"
#include "base/mem.h"
#include "routing/host.h"
#include "routing/path.h"
#include "routing/url_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_host(struct slice text)
{
    struct host host, again;
    char bracketed[HOST_MAX + 3] = "[";
    struct slice name;

    if (!host_parse(text, &host))
        return;
    name = host_name(&host);
    ASSERT(host.len > 0 && host.len <= HOST_MAX && host.has_port == (host.port != 0));
    if (host.is_ip && slice_find(name, ':') >= 0) {
        memcpy(bracketed + 1, name.data, name.len);
        bracketed[name.len + 1] = ']';
        name = slice_of(bracketed, name.len + 2);
    }
    ASSERT(host_parse(name, &again) && !again.has_port && slice_eq(host_name(&again), host_name(&host)));
}

static void check_path(struct slice text)
{
    char *once = mem_alloc(text.len), *twice = mem_alloc(text.len);
    ptrdiff_t len = path_normalise(text, once);
    struct slice normal = slice_of(once, len < 0 ? 0 : (size_t)len);

    ASSERT(path_is_normal(text) == (len >= 0 && slice_eq(text, normal)));
    if (len >= 0) {
        const unsigned none = ~(path_readings(text) | PATH_DECODED | PATH_WITHOUT_DOTS);

        ASSERT(path_is_normal(normal));
        ASSERT(path_normalise(normal, twice) == len && memcmp(once, twice, (size_t)len) == 0);
        for (unsigned readings = 0; readings < 2 * PATH_WITHOUT_DOTS; readings++) {
            if (readings & none)
                continue; /* these change nothing: unit tests */
            len = path_read(text, readings, twice);
            ASSERT(len > 0 && (size_t)len <= text.len && twice[0] == '/');
            if (readings == (PATH_DECODED | PATH_WITHOUT_DOTS))
                ASSERT(slice_eq(slice_of(twice, (size_t)len), normal));
        }
    }
    mem_free(once);
    mem_free(twice);
}

static void check_key(struct slice text)
{
    struct arena arena = {0};
    struct url_key key, again;
    struct error error;

    if (url_key_parse(text, &arena, &key, &error) == 0) {
        ASSERT(url_key_parse(url_key_describe(&key, &arena), &arena, &again, &error) == 0);
        ASSERT(key.scheme == again.scheme && key.host_kind == again.host_kind && key.port == again.port);
        ASSERT(slice_eq(key.host, again.host) && slice_eq(key.path, again.path));
    }
    arena_fini(&arena);
}

static void check_target(struct slice text)
{
    struct target target, again;
    struct arena arena = {0};
    struct error error;

    if (target_parse(text, &arena, &target, &error) == 0) {
        ASSERT(target_parse(target.text, &arena, &again, &error) == 0);
        ASSERT(slice_eq(target.text, again.text) && target.kind == again.kind && target.port == again.port);
    }
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A block of just that size, so that a byte read too far is seen. */
    char *bytes = mem_alloc(size);
    struct slice text = slice_of(bytes, size);

    if (size)
        memcpy(bytes, data, size);
    check_host(text);
    check_path(text);
    check_key(text);
    check_target(text);
    mem_free(bytes);
    return 0;
}
