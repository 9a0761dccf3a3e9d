#include <stdio.h>

#include "base/mem.h"
#include "control/command.h"
#include "control/options.h"
#include "control/pool_text.h"
#include "proxy/snapshot.h"

enum { COLUMNS = 5 };

static const char *const TITLES[COLUMNS] = {"PORT", "MATCH", "TARGET", "CERTIFICATE", "OPTIONS"};

struct row {
    struct text cells[COLUMNS];
};

struct listing {
    struct snapshot *snapshot;
    struct row *rows;
    size_t count, cap;
};

static void add_target(struct text *cell, const struct action *action)
{
    switch (action->kind) {
    case ACTION_PROXY:
        pool_text_targets(action->pool, cell);
        return;
    case ACTION_REDIRECT:
        if (action->redirect_to_https)
            text_printf(cell, "%d https://", action->status);
        else
            text_printf(cell, "%d %.*s", action->status, FMT_SLICE(action->location));
        return;
    case ACTION_RESPOND:
        text_printf(cell, "respond %d", action->status);
        return;
    }
}

/* Names that clients may invent have no one certificate: the handshake decides. */
static void add_certificate(struct text *cell, struct snapshot *snapshot, const struct url_key *key)
{
    struct tls_identity *identity;

    if (key->scheme != SCHEME_HTTPS && key->scheme != SCHEME_TCPS)
        text_add_literal(cell, "-");
    else if (key->host_kind != HOST_EXACT)
        text_add_literal(cell, "by SNI");
    else if ((identity = certificates_find(snapshot->certificates, key->host)))
        text_printf(cell, "%s", tls_identity_describe(identity));
    else
        text_add_literal(cell, "none");
}

static void add_options(struct text *cell, const struct route *route, const struct action *action)
{
    const struct route_options *options = action->options;

    if (route->when)
        text_add_literal(cell, "when ");
    if (options->strip_prefix)
        text_add_literal(cell, "strip_prefix ");
    if (options->rewrite_path.data)
        text_printf(cell, "rewrite_path=%.*s ", FMT_SLICE(options->rewrite_path));
    if (options->request_edits_count)
        text_add_literal(cell, "request_headers ");
    if (options->response_edits_count)
        text_add_literal(cell, "response_headers ");
    if (options->limits.body != SETTING_NONE)
        text_printf(cell, "body=%llu ", (unsigned long long)options->limits.body);
    if (!options->is_logged)
        text_add_literal(cell, "access_log=off ");
    if (action->kind == ACTION_PROXY)
        pool_text_options(action->pool, cell);
    if (cell->len)
        cell->data[--cell->len] = '\0';
    else
        text_add_literal(cell, "-");
}

static void add_row(void *argument, const struct route *route)
{
    struct listing *listing = argument;
    struct snapshot *snapshot = listing->snapshot;
    const struct action *action = &snapshot->actions[route->number];
    struct arena arena = {0};
    struct row *row;

    mem_grow((void **)&listing->rows, &listing->cap, listing->count + 1, sizeof(*row));
    row = &listing->rows[listing->count++];
    *row = (struct row){0};
    text_add_u64(&row->cells[0], route->key.port);
    text_add(&row->cells[1], url_key_describe(&route->key, &arena));
    add_target(&row->cells[2], action);
    add_certificate(&row->cells[3], snapshot, &route->key);
    add_options(&row->cells[4], route, action);
    arena_fini(&arena);
}

static void print(struct listing *listing)
{
    size_t width[COLUMNS];

    for (size_t c = 0; c < COLUMNS; c++) {
        width[c] = strlen(TITLES[c]);
        for (size_t r = 0; r < listing->count; r++)
            width[c] = MAX(width[c], listing->rows[r].cells[c].len);
    }
    for (size_t c = 0; c < COLUMNS; c++)
        printf("%-*s%s", c + 1 < COLUMNS ? (int)width[c] : 0, TITLES[c], c + 1 < COLUMNS ? "  " : "\n");
    for (size_t r = 0; r < listing->count; r++) {
        for (size_t c = 0; c < COLUMNS; c++) {
            printf("%-*s%s", c + 1 < COLUMNS ? (int)width[c] : 0, listing->rows[r].cells[c].data,
                   c + 1 < COLUMNS ? "  " : "\n");
            text_fini(&listing->rows[r].cells[c]);
        }
    }
    mem_free(listing->rows);
}

enum exit_code command_routes(int argc, char **argv)
{
    struct listing listing = {0};
    struct origin origin;
    struct text said = {0};
    enum exit_code code = EXIT_WRONG;

    if (!options_read_origin(argc, argv, false, &origin))
        return command_usage("routes");
    if (load_snapshot(&origin, NULL, &said, NULL, &listing.snapshot) == 0) {
        table_each(listing.snapshot->table, add_row, &listing);
        print(&listing);
        snapshot_unref(listing.snapshot);
        code = EXIT_FINE;
    }
    if (said.len)
        fputs(said.data, stderr);
    text_fini(&said);
    return code;
}
