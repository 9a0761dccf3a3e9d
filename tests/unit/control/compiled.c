#include "unit/control/compiled.h"

#include <criterion/criterion.h>

#include "conf/conf.h"
#include "control/compile.h"
#include "routing/host.h"

struct compiled compile_text_of(const char *yaml)
{
    struct compiled compiled = {.keys = ticket_keys_new()};
    struct conf *conf;
    int rc;

    text_add_literal(&compiled.said, "");
    if (conf_load_bytes(SLICE("t.yaml"), slice_str(yaml), &conf, &compiled.diagnostics) == 0) {
        rc = compile(conf, compiled.keys, &compiled.diagnostics, &compiled.snapshot);
        cr_assert_eq(rc < 0, compiled.snapshot == NULL, "*out is set on success, and only then");
        conf_free(conf);
    }
    diagnostics_print(&compiled.diagnostics, &compiled.said);
    return compiled;
}

struct compiled compile_good(const char *yaml)
{
    struct compiled compiled = compile_text_of(yaml);

    cr_assert_str_eq(compiled.said.data, "", "%s", compiled.said.data);
    cr_assert_not_null(compiled.snapshot);
    return compiled;
}

void compiled_fini(struct compiled *compiled)
{
    snapshot_unref(compiled->snapshot);
    ticket_keys_free(compiled->keys);
    diagnostics_fini(&compiled->diagnostics);
    text_fini(&compiled->said);
}

static bool no_field(const void *context, struct slice name, size_t n, struct slice *value)
{
    return false;
}

const char *compiled_taken_by(const struct compiled *compiled, const char *url)
{
    struct slice rest = slice_str(url);
    bool is_tls = slice_starts(rest, SLICE("https"));
    struct request_view view = {.is_tls = is_tls, .method = SLICE("GET"), .field = no_field};
    const struct port_table *port;
    struct host host;
    struct match match;

    rest = slice_from(rest, is_tls ? strlen("https://") : strlen("http://"));
    view.path = slice_from(rest, (size_t)slice_find(rest, '/'));
    cr_assert(host_parse(slice_head(rest, rest.len - view.path.len), &host), "%s", url);
    view.host = host_name(&host);
    port = table_port(compiled->snapshot->table, host.has_port ? host.port : is_tls ? 443 : 80);
    if (!port)
        return "closed";
    match = port_table_request(port, &view);
    return match.result == MATCH_FOUND ? compiled->snapshot->actions[match.route->number].name.data : "404";
}

void compiled_listens(const struct compiled *compiled, struct text *out)
{
    char address[ADDRESS_TEXT];

    text_add_literal(out, "");
    for (size_t i = 0; i < compiled->snapshot->listens_count; i++) {
        const struct listen *listen = &compiled->snapshot->listens[i];

        text_printf(out, "%s%s%s%s", i ? " " : "", address_describe(&listen->address, address),
                    listen->is_optional ? "?" : "", listen->waits_for_client ? "<" : "");
    }
}

static void expect_said(const struct said_case *row, bool is_good)
{
    struct compiled compiled = compile_text_of(row->yaml);

    cr_expect_str_eq(compiled.said.data, row->said, "%s:\n%s", row->name, compiled.said.data);
    cr_expect_eq(compiled.snapshot != NULL, is_good, "%s", row->name);
    compiled_fini(&compiled);
}

void expect_errors(const struct said_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_said(&cases[i], false);
}

void expect_warnings(const struct said_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect_said(&cases[i], true);
}
