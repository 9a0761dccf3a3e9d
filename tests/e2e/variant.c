#include "e2e/variant.h"

#include <stdio.h>
#include <stdlib.h>

/** One being written. */
struct writing {
    const struct variant_terms *terms;
    uint64_t number, random;
    bool has_no_certificate, has_other_key, has_held_port, has_unknown_key;
    bool has_extra[VARIANT_EXTRA_PORTS];
    FILE *file;
};

static uint64_t draw(struct writing *writing, uint64_t limit)
{
    writing->random = writing->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (writing->random >> 33) % limit;
}

/** Never in the plainest. */
static bool at_times(struct writing *writing, uint64_t one_of)
{
    return draw(writing, one_of) == 0 && writing->number != 0;
}

/* ---- routes ---- */

/** What clients notice nothing of. */
static void write_options(struct writing *writing)
{
    if (at_times(writing, 2))
        fprintf(writing->file, ", response_headers: {set: {X-Variant: %llu}}",
                (unsigned long long)writing->number);
    if (at_times(writing, 3))
        fprintf(writing->file, ", request_headers: {add: {X-Tag: [a%llu, b]}}",
                (unsigned long long)draw(writing, 9));
    if (at_times(writing, 3))
        fprintf(writing->file, ", timeouts: {answer: %llum, stall: 5m}",
                2 + (unsigned long long)draw(writing, 5));
    if (at_times(writing, 4))
        fprintf(writing->file, ", access_log: off");
}

static void write_pool(struct writing *writing)
{
    const struct variant_terms *terms = writing->terms;

    fprintf(writing->file, "[\"127.0.0.1:%d\"", terms->lasting_backend);
    if (at_times(writing, 2))
        fprintf(writing->file, ", {address: \"127.0.0.1:%d\", weight: %llu}", terms->fleeting_backend,
                1 + (unsigned long long)draw(writing, 3));
    if (at_times(writing, 4))
        fprintf(writing->file, ", \"127.0.0.1:%d\"", terms->nobody_port);
    fprintf(writing->file, "]");
}

/** Of what ends soon: to a pool of its own, or to the one with a name. */
static void write_short(struct writing *writing, const char *key)
{
    fprintf(writing->file, "  \"%s\": {to: ", key);
    if (at_times(writing, 2))
        fprintf(writing->file, "\"@shop\"");
    else
        write_pool(writing);
    write_options(writing);
    fprintf(writing->file, "}\n");
}

static void write_long(struct writing *writing)
{
    fprintf(writing->file, "  \"http://long.test:%d\": {to: \"127.0.0.1:%d\"", writing->terms->http_port,
            writing->terms->lasting_backend);
    write_options(writing);
    fprintf(writing->file, "}\n");
}

static void write_clients_route(struct writing *writing, uint64_t which)
{
    const struct variant_terms *terms = writing->terms;

    switch (which % 4) {
    case 0:
        write_short(writing, scene_text("http://short.test:%d", terms->http_port));
        break;
    case 1:
        write_long(writing);
        break;
    case 2:
        write_short(writing, scene_text("https://tls.test:%d", terms->tls_port));
        break;
    default:
        fprintf(writing->file, "  \"tcp://:%d\": [%d]\n", terms->tcp_port, terms->echo_backend);
    }
}

/** Others of the same port, and paths beside those that clients ask for. */
static void write_neighbour(struct writing *writing, int i)
{
    const int port = writing->terms->http_port;

    switch (draw(writing, 4)) {
    case 0:
        fprintf(writing->file, "  \"http://short.test:%d/beside-%d/\": {respond: %llu}\n", port, i,
                200 + (unsigned long long)draw(writing, 5));
        break;
    case 1:
        fprintf(writing->file, "  \"http://n%d.test:%d\": {to: [%d, %d], retry: {tries: 3}}\n", i, port,
                writing->terms->lasting_backend, writing->terms->nobody_port);
        break;
    case 2:
        fprintf(writing->file, "  \"https://tls.test:%d/beside-%d/\": {redirect: \"https://x.test/%llu\"}\n",
                writing->terms->tls_port, i, (unsigned long long)writing->number);
        break;
    default:
        fprintf(writing->file, "  \"http://*.n%d.test:%d\": %d\n", i, port, writing->terms->lasting_backend);
    }
}

static void write_extras(struct writing *writing)
{
    for (int i = 0; i < VARIANT_EXTRA_PORTS; i++) {
        writing->has_extra[i] = at_times(writing, 2);
        if (writing->has_extra[i])
            fprintf(writing->file, "  \"http://extra.test:%d\": {respond: 204}\n",
                    writing->terms->extra_ports[i]);
    }
    if (writing->has_held_port)
        fprintf(writing->file, "  \"http://held.test:%d\": {respond: 204}\n", writing->terms->held_port);
}

static void write_routes(struct writing *writing)
{
    const uint64_t least = (uint64_t)writing->terms->neighbours;
    const uint64_t neighbours = least + draw(writing, least / 2 + 1), first = draw(writing, 4);
    uint64_t written = 0;

    fprintf(writing->file, "routes:\n");
    for (uint64_t i = 0; i < neighbours; i++) {
        if (written < 4 && i == written * least / 4)
            write_clients_route(writing, first + written++);
        write_neighbour(writing, (int)i);
    }
    while (written < 4)
        write_clients_route(writing, first + written++);
    write_extras(writing);
}

/* ---- all else ---- */

static void write_backends(struct writing *writing)
{
    static const char *const balances[] = {"round_robin", "least_connections", "two_choices"};

    fprintf(writing->file, "backends:\n  shop:\n    to: ");
    write_pool(writing);
    fprintf(writing->file, "\n    balance: %s\n", balances[draw(writing, 3)]);
    if (at_times(writing, 2))
        fprintf(writing->file, "    health: {path: /up, interval: %llus}\n",
                1 + (unsigned long long)draw(writing, 3));
    if (at_times(writing, 3))
        fprintf(writing->file, "    max_connections: %llu\n", 50 + (unsigned long long)draw(writing, 50));
}

/** Always with 127.0.0.1 in it, in ever other sockets: also under clients. */
static void write_bind(struct writing *writing, int port)
{
    static const char *const binds[] = {"[127.0.0.1]", "[127.0.0.1, \"::1\"]", "[127.0.0.2, 127.0.0.1]"};
    const uint64_t which = writing->number ? draw(writing, 3) : 0;

    if (!at_times(writing, 4))
        fprintf(writing->file, "  %d: {bind: %s}\n", port, binds[which]);
}

static void write_listen(struct writing *writing)
{
    const struct variant_terms *terms = writing->terms;
    const int clients[] = {terms->http_port, terms->tls_port, terms->tcp_port};

    fprintf(writing->file, "listen:\n");
    for (size_t i = 0; i < sizeof clients / sizeof *clients; i++)
        write_bind(writing, clients[i]);
    for (int i = 0; i < VARIANT_EXTRA_PORTS; i++) {
        if (writing->has_extra[i])
            write_bind(writing, terms->extra_ports[i]);
    }
}

static void write_rest(struct writing *writing)
{
    const struct variant_terms *terms = writing->terms;

    fprintf(writing->file, "certificates: [{cert: %s, key: %s}]\n",
            writing->has_no_certificate ? scene_path("nowhere.pem") : terms->cert,
            writing->has_other_key ? terms->other_key : terms->key);
    fprintf(writing->file, "state: %s\nadmin: unix:%s\nworkers: 2\n", scene_path("state"),
            scene_path("run/admin.sock"));
    fprintf(writing->file, "timeouts: {idle: 30s, drain: 60s}\nlog: {access: access.log}\n");
    if (at_times(writing, 3))
        fprintf(writing->file, "limits: {fields: %llu}\n", 64 + (unsigned long long)draw(writing, 64));
    if (writing->has_unknown_key)
        fprintf(writing->file, "shoe: 1\n");
}

static void variant_print(struct writing *writing)
{
    const char *path = scene_path("portico.yaml");
    const char *next = scene_path("portico.yaml.next");

    writing->random = writing->number * 2654435761u + 12345;
    writing->file = fopen(next, "w");
    if (!writing->file)
        abort();
    write_routes(writing);
    write_backends(writing);
    write_listen(writing);
    write_rest(writing);
    fclose(writing->file);
    if (rename(next, path) != 0)
        abort();
}

void variant_write(const struct variant_terms *terms, uint64_t number)
{
    variant_print(&(struct writing){.terms = terms, .number = number});
}

void variant_write_wrong(const struct variant_terms *terms, uint64_t number, enum variant_fault fault)
{
    variant_print(&(struct writing){
        .terms = terms,
        .number = number,
        .has_unknown_key = fault == FAULT_UNKNOWN_KEY,
        .has_no_certificate = fault == FAULT_NO_CERTIFICATE,
        .has_other_key = fault == FAULT_KEY_OF_ANOTHER,
        .has_held_port = fault == FAULT_PORT_HELD,
    });
    if (fault == FAULT_SYNTAX)
        scene_file("portico.yaml", "%s  - {\n", file_read(scene_path("portico.yaml")));
}

const char *variant_complaint(enum variant_fault fault)
{
    static const char *const complaints[FAULT_KINDS] = {
        [FAULT_SYNTAX] = "portico.yaml:",       [FAULT_UNKNOWN_KEY] = "shoe",
        [FAULT_NO_CERTIFICATE] = "nowhere.pem", [FAULT_KEY_OF_ANOTHER] = "does not belong",
        [FAULT_PORT_HELD] = "is held by",
    };

    return complaints[fault];
}
