#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "control/compile_parts.h"
#include "control/privileges.h"
#include "control/state.h"
#include "tls/mac.h"
#include "tls/pem_file.h"

static bool is_any_sticky(const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->pools_count; i++) {
        if (snapshot->pools[i].sticky.len)
            return true;
    }
    return false;
}

/* It is read again by each reload: by then without root. */
static int give_to_user(const struct compiler *compiler, const char *state, const char *directory,
                        struct error *error)
{
    char *user;
    int rc;

    if (!compiler->conf->user.text.data || !privileges_can_give())
        return 0;
    user = mem_string(compiler->conf->user.text);
    rc = privileges_give_way(state, user, error);
    if (rc == 0)
        rc = privileges_give(directory, user, error);
    mem_free(user);
    return rc;
}

static int open_secret(struct compiler *compiler, const char *state, char secret[MAC_SECRET_BYTES],
                       struct error *error)
{
    struct text directory = {0};
    int rc;

    text_printf(&directory, "%s/sticky", state);
    rc = pem_directory_make(state, error);
    if (rc == 0)
        rc = mac_secret_open(directory.data, secret, error);
    if (rc == 0)
        rc = give_to_user(compiler, state, directory.data, error);
    text_fini(&directory);
    return rc;
}

void compile_sticky(struct compiler *compiler)
{
    char secret[MAC_SECRET_BYTES], *state = NULL;
    struct error error;

    if (!is_any_sticky(compiler->snapshot))
        return;
    if (state_of_conf(compiler->conf, &state, &error) < 0 ||
        open_secret(compiler, state, secret, &error) < 0) {
        diagnostics_error(compiler->diagnostics, compiler->conf->start, "sticky: %s", error.text);
        if (state)
            compile_hint_unkept(compiler, state);
    } else {
        compiler->snapshot->sticky_secret =
            arena_copy(&compiler->snapshot->arena, slice_of(secret, sizeof(secret)));
    }
    mem_free(state);
}
