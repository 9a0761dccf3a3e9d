#include "control/compile_parts.h"

static const struct conf_listen *find_listen(const struct conf *conf, uint16_t port)
{
    for (size_t i = 0; i < conf->listens_count; i++) {
        if (conf->listens[i].port == port)
            return &conf->listens[i];
    }
    return NULL;
}

static bool is_there(const struct snapshot *snapshot, const struct address *address)
{
    for (size_t i = 0; i < snapshot->listens_count; i++) {
        if (address_eq(&snapshot->listens[i].address, address))
            return true;
    }
    return false;
}

/* Once each, however often `bind` says it: its sockets have one owner. */
static void add(struct compiler *compiler, struct ip ip, uint16_t port, bool is_optional)
{
    struct snapshot *snapshot = compiler->snapshot;
    struct port_kinds kinds = port_table_kinds(table_port(snapshot->table, port));
    struct address address = address_from_ip(ip, port);

    if (is_there(snapshot, &address))
        return;
    snapshot->listens[snapshot->listens_count++] = (struct listen){
        .address = address,
        .waits_for_client = !kinds.has_tcp && !kinds.has_ssh,
        .is_optional = is_optional,
    };
}

static void listen_on_port(struct compiler *compiler, uint16_t port)
{
    const struct conf_listen *narrowed = find_listen(compiler->conf, port);

    for (size_t i = 0; narrowed && i < narrowed->bind.count; i++)
        add(compiler, narrowed->bind.items[i], port, false);
    if (narrowed && narrowed->bind.count)
        return;
    add(compiler, (struct ip){.family = 4}, port, false);
    add(compiler, (struct ip){.family = 6}, port, true);
}

void compile_listens(struct compiler *compiler)
{
    const struct conf *conf = compiler->conf;
    struct snapshot *snapshot = compiler->snapshot;
    const uint16_t *ports;
    size_t count = table_ports(snapshot->table, &ports), addresses = 2 * count;

    for (size_t i = 0; i < conf->listens_count; i++) {
        addresses += conf->listens[i].bind.count;
        if (!table_port(snapshot->table, conf->listens[i].port))
            diagnostics_error(compiler->diagnostics, conf->listens[i].mark, "listen: no route names port %u",
                              conf->listens[i].port);
    }
    snapshot->listens = arena_zeroed(&snapshot->arena, addresses * sizeof(struct listen));
    for (size_t i = 0; i < count; i++)
        listen_on_port(compiler, ports[i]);
}
