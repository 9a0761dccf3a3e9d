/* docs/configuration.md: what holds for all keys, then every key. */
#include "conf/conf.h"
#include "conf/fields.h"

static const char INTRODUCTION[] =
    "# Configuration\n"
    "\n"
    "<!-- Made from conf/fields.def; a test compares. To renew: PORTICO_RENEW=1 build/debug/tests/unit_conf "
    "-->\n"
    "\n"
    "One YAML 1.2 file. `portico check -c FILE` reads and checks it and prints every mistake at once, each "
    "with its\n"
    "place. Unknown keys, keys that stand twice and values out of range are mistakes. "
    "`conf/portico.schema.json`\n"
    "teaches editors the keys; `conf/examples/` has files to start from.\n"
    "\n"
    "## Values\n"
    "\n"
    "- **Durations** are a whole number and one unit: `500ms`, `15s`, `5m`, `1h`.\n"
    "- **Sizes** likewise: `512B`, `32KiB`, `10MiB`, `1GiB`, `1TiB`.\n"
    "- **Switches** are `true` and `false`, or `on` and `off`.\n"
    "- Where a list is expected, one item may stand alone.\n"
    "- `${NAME}` in a value is replaced from the environment, `${NAME:-default}` also where NAME is not set "
    "or is\n"
    "  empty. A name that is not set, without a default, is a mistake. `$$` is a literal `$`, and any other "
    "`$` is\n"
    "  itself. This is done in quoted values too, but not in keys; what comes out is a text, never more "
    "YAML.\n"
    "- Relative paths of files start where Portico was started.\n"
    "- Anchors and aliases (`&name`, `*name`) work for whole values. Merge keys (`<<`), tags (`!name`) and a "
    "second\n"
    "  document (`---`) are refused. A file has at most 64 MiB, 4,000,000 values (aliases followed) and a "
    "depth of\n"
    "  64; a list or map in one line at most 250,000 items.\n"
    "- Inside `[ ]` and `{ }` a text with `${NAME}` needs quotes: `[\"${HOST}:80\"]`.\n"
    "- In a `[…]` list put IPv6 addresses that end in a colon into quotes: `[\"fe80::\"]`.\n"
    "\n"
    "## Routes\n"
    "\n"
    "Each key of `routes` is the URL that arrives; its value is\n"
    "\n"
    "- a target: `http://app.localhost: 3000`;\n"
    "- a list of targets, that share the work: `https://api.example.com/v1/: [10.0.0.5:8081, "
    "10.0.0.6:8081]`;\n"
    "- a map, the long form: see `route` below;\n"
    "- a list of such maps, the alternatives: the first one whose `when` holds takes the request. Only the "
    "last may\n"
    "  have no `when`.\n"
    "\n"
    "A target `\"@shop\"` is the pool `shop` of `backends`; [docs/backends.md](backends.md) tells of pools.\n"
    "Arguments of `portico run`, `URL=TARGET`, are routes like those of the first form.\n"
    "\n";

static const char OF_POOL[] = "\nThe keys of a pool, which follow, may stand here too: they are for this "
                              "route's own targets. Where `to` is a\n"
                              "pool of `backends`, they stand there.\n";

static void add_headline(enum section_id id, struct text *out)
{
    static const char *const HEADLINES[SECTION_COUNT] = {
        [SECTION_root] = "The file",
        [SECTION_route] = "`route`: the long form of a route",
        [SECTION_pool] = "`backends`: each pool",
        [SECTION_target] = "`to`: the long form of a target",
        [SECTION_balance] = "`balance` of a pool",
        [SECTION_hash] = "`hash` of `balance`",
        [SECTION_sticky] = "`sticky` of a pool",
        [SECTION_health] = "`health` of a pool",
        [SECTION_outlier] = "`outlier` of a pool",
        [SECTION_retry] = "`retry` of a pool",
        [SECTION_when] = "`when` of a route",
        [SECTION_edits] = "`request_headers` and `response_headers` of a route",
        [SECTION_certificate] = "`certificates`, `default_certificate`, `client_certificate`",
        [SECTION_listen] = "`listen`: each port",
        [SECTION_timeouts] = "`timeouts`",
        [SECTION_route_timeouts] = "`timeouts` of a route",
        [SECTION_limits] = "`limits`",
        [SECTION_route_limits] = "`limits` of a route",
        [SECTION_log] = "`log`",
        [SECTION_access] = "`access` of `log`",
    };

    text_printf(out, "## %s\n\n%s\n", HEADLINES[id], section_row(id)->help);
    if (section_row(id)->shorthand)
        text_printf(out, "A value that is no map stands for its `%s`.\n", section_row(id)->shorthand);
    text_add_literal(out, "\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
}

static void add_range(const struct field *field, struct text *out)
{
    enum quantity kind;

    if (!field_quantity(field, &kind) || field->choices)
        return;
    text_add_literal(out, " (");
    quantity_describe(kind, field->min, out);
    text_add_literal(out, " to ");
    quantity_describe(kind, field->max, out);
    text_add_char(out, ')');
}

static void add_value(const struct field *field, struct text *out)
{
    enum quantity kind;
    static const char *const SHORT[] = {
        [QUANTITY_COUNT] = "a number", [QUANTITY_DURATION] = "a duration", [QUANTITY_SIZE] = "a size"};

    if (!field_quantity(field, &kind) || field->choices) {
        field_expectation(field, out);
        return;
    }
    text_add(out, slice_str(SHORT[kind]));
    add_range(field, out);
    if (field->word)
        text_printf(out, ", or `%s`", field->word);
}

static void add_row(const struct field *field, struct text *out)
{
    text_printf(out, "| `%s` | ", field->name);
    add_value(field, out);
    if (field->initial)
        text_printf(out, " | `%s` | ", field->initial);
    else
        text_add(out, field->is_required ? SLICE(" | required | ") : SLICE(" | | "));
    text_printf(out, "%s |\n", field->help);
}

void conf_reference(struct text *out)
{
    text_add(out, slice_str(INTRODUCTION));
    for (enum section_id id = 0; id < SECTION_COUNT; id++) {
        add_headline(id, out);
        for (const struct field *field = NULL; (field = field_next(id, field));) {
            if (!field->is_of_pool)
                add_row(field, out);
        }
        if (id == SECTION_route)
            text_add(out, slice_str(OF_POOL));
        if (id + 1 < SECTION_COUNT)
            text_add_char(out, '\n');
    }
}
