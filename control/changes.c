#include "control/changes.h"

#include "control/changes_parts.h"

/* One address, and who came in there. */
struct listening {
    uint16_t port;
    size_t connections; /* that will end, as the port goes */
};

/* A port is mostly listened on at two addresses: its connections are told once. */
static bool is_first_of_port(const struct snapshot *snapshot, size_t index)
{
    const uint16_t port = address_port(&snapshot->listens[index].address);

    for (size_t i = 0; i < index; i++) {
        if (address_port(&snapshot->listens[i].address) == port)
            return false;
    }
    return true;
}

static void collect_listens(const struct snapshot *snapshot, const struct affected *affected,
                            struct change_set *set)
{
    for (size_t i = 0; i < snapshot->listens_count; i++) {
        const struct address *address = &snapshot->listens[i].address;
        struct listening *listening = arena_new(&set->arena, struct listening);
        char text[ADDRESS_TEXT];
        struct slice name = arena_copy(&set->arena, slice_str(address_describe(address, text)));

        listening->port = address_port(address);
        if (affected && affected->count && is_first_of_port(snapshot, i))
            listening->connections = affected_connections(affected, listening->port);
        change_set_add(set, name, name, listening);
    }
}

static void describe_listen(const void *thing, struct text *out)
{
    const struct listening *listening = thing;

    if (listening->connections)
        text_printf(out, "; %zu connection%s after the answer under way", listening->connections,
                    listening->connections == 1 ? " ends" : "s end");
}

static void changes_of_listens(const struct affected *affected, struct text *out)
{
    static const struct change_kind LISTENER = {.noun = "listener", .describe = describe_listen};
    struct change_set was = {0}, is = {0};

    collect_listens(affected->before, affected, &was);
    collect_listens(affected->after, NULL, &is);
    change_sets_compare(&was, &is, &LISTENER, out);
    change_set_fini(&was);
    change_set_fini(&is);
}

void changes_describe(const struct snapshot *before, const struct snapshot *after,
                      const struct worker_count *count, struct text *out)
{
    size_t len = out->len;
    struct affected affected;

    affected_init(&affected, before, after, count);
    changes_of_routes(&affected, out);
    changes_of_listens(&affected, out);
    changes_of_certificates(before, after, out);
    changes_of_pools(&affected, out);
    changes_of_settings(before, after, out);
    affected_fini(&affected);
    if (out->len == len)
        text_add_literal(out, "nothing changes\n");
}
