#include "conf/yaml.h"

#include <libfyaml.h>

#include "conf/source.h"
#include "conf/yaml_tree.h"

enum { FLOW_PER_LINE_MAX = 250 * 1000 };

/* libfyaml gives events; it never builds a document: its check for duplicate keys is quadratic there, and its
 * tree twice as large as ours. Lines are counted here, by LF alone, as they are when errors are shown. */
struct parse {
    const struct source *source;
    struct fy_diag *diag;
    struct fy_parser *parser;
    struct yaml_tree tree;
    struct mark last; /* of the newest event that has a place */
    size_t documents;
};

static uint32_t count_lines(struct slice bytes)
{
    uint32_t lines = 0;

    for (ptrdiff_t at; (at = slice_find(bytes, '\n')) >= 0; bytes = slice_from(bytes, (size_t)at + 1))
        lines++;
    return lines;
}

/* From the last place on: events come in order, so that all of them together read the source once. */
static uint32_t line_of(const struct parse *parse, size_t offset)
{
    struct slice all = parse->source->bytes;
    size_t from = parse->last.offset;

    if (offset >= from)
        return parse->last.line + count_lines(slice_of(all.data + from, offset - from));
    return parse->last.line - count_lines(slice_of(all.data + offset, from - offset));
}

static bool is_quoted(struct fy_event *event)
{
    enum fy_node_style style = fy_event_get_node_style(event);

    return event->type == FYET_SCALAR && (style == FYNS_SINGLE_QUOTED || style == FYNS_DOUBLE_QUOTED);
}

/* An event without a token (an empty value) stands where the one before it ended. */
static struct mark mark_of(struct parse *parse, struct fy_event *event)
{
    const struct fy_mark *start = fy_event_start_mark(event), *end = fy_event_end_mark(event);
    size_t from, to;

    if (!start || !end)
        return parse->last;
    from = MIN(start->input_pos, parse->source->bytes.len);
    to = MIN(MAX(end->input_pos, from), parse->source->bytes.len);
    if (is_quoted(event) && from > 0 && to < parse->source->bytes.len) {
        from--; /* its marks exclude the quotes */
        to++;
    } else if (event->type == FYET_ALIAS && from > 0) {
        from--; /* and the star */
    }
    parse->last = (struct mark){.source = parse->source,
                                .line = line_of(parse, from),
                                .offset = (uint32_t)from,
                                .length = (uint32_t)(to - from)};
    return parse->last;
}

/* Lent by the source where the parser lends it from there; else copied. */
static struct slice text_of(struct parse *parse, struct fy_token *token)
{
    size_t len = 0;
    const char *data = token ? fy_token_get_text(token, &len) : NULL;

    if (!data || !len)
        return SLICE("");
    if (data >= parse->source->bytes.data &&
        data + len <= parse->source->bytes.data + parse->source->bytes.len)
        return slice_of(data, len);
    return arena_copy(parse->tree.arena, slice_of(data, len));
}

static int refuse(struct parse *parse, struct mark mark, const char *why)
{
    diagnostics_error(parse->tree.diagnostics, mark, "%s", why);
    return -1;
}

static int take_document_start(struct parse *parse)
{
    struct fy_document_state *state = fy_parser_get_document_state(parse->parser);
    const struct fy_mark *start = state ? fy_document_state_start_mark(state) : NULL;
    struct mark mark = parse->last;

    if (++parse->documents == 1)
        return 0;
    if (start && start->input_pos <= parse->source->bytes.len) {
        mark.line = line_of(parse, start->input_pos);
        mark.offset = (uint32_t)(start->input_pos);
        mark.length = 3;
    }
    return refuse(parse, mark, "a second document begins here: a configuration is one document");
}

static int take_event(struct parse *parse, struct fy_event *event)
{
    struct yaml_tree *tree = &parse->tree;
    struct fy_token *token = fy_event_get_token(event);
    struct slice anchor;

    switch (event->type) {
    case FYET_DOCUMENT_START:
        return take_document_start(parse);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return yaml_tree_close(tree);
    case FYET_ALIAS:
        return yaml_tree_alias(tree, mark_of(parse, event), text_of(parse, token));
    case FYET_SCALAR:
    case FYET_MAPPING_START:
    case FYET_SEQUENCE_START:
        break;
    default:
        return 0;
    }
    if (fy_event_get_tag_token(event))
        return refuse(parse, mark_of(parse, event), "tags (!…) are not supported: leave it out");
    anchor = text_of(parse, fy_event_get_anchor_token(event));
    if (event->type == FYET_SCALAR)
        return yaml_tree_scalar(tree, mark_of(parse, event), text_of(parse, token),
                                !token || fy_token_scalar_style(token) == FYSS_PLAIN, anchor);
    return yaml_tree_open(tree, mark_of(parse, event),
                          event->type == FYET_MAPPING_START ? NODE_MAP : NODE_LIST, anchor);
}

/* In [ ] and { } a brace ends a plain text. */
static bool is_reference(struct mark mark)
{
    struct slice all = mark.source->bytes;

    return mark.offset > 0 && mark.offset < all.len && all.data[mark.offset] == '{' &&
           all.data[mark.offset - 1] == '$';
}

/* After the first error libfyaml's others are guesses. */
static int refuse_syntax(struct parse *parse)
{
    void *state = NULL;
    struct fy_diag_error *error = fy_diag_errors_iterate(parse->diag, &state);
    struct mark mark;

    if (!error || error->line < 1)
        return refuse(parse, parse->last, "this is not valid YAML");
    mark = source_mark(parse->source, (unsigned)error->line, (unsigned)MAX(error->column, 1));
    diagnostics_error(parse->tree.diagnostics, mark, "not valid YAML: %s", error->msg);
    if (is_reference(mark))
        diagnostics_hint(parse->tree.diagnostics, "inside [ ] and { } put ${…} in quotes");
    return -1;
}

static int take_events(struct parse *parse)
{
    struct fy_event *event;
    int rc = 0;

    while (rc == 0 && (event = fy_parser_parse(parse->parser))) {
        rc = take_event(parse, event);
        fy_parser_event_free(parse->parser, event);
    }
    if (rc == 0 && fy_parser_get_stream_error(parse->parser))
        return refuse_syntax(parse);
    return rc;
}

/* libfyaml holds all tokens of a line that a flow collection begins on, since it might be a key: about 1 KiB
 * an item. Over several lines it streams. */
static int check_flow(struct parse *parse)
{
    struct mark mark = {.source = parse->source, .line = 1, .length = 1};
    struct slice all = parse->source->bytes;
    size_t signs = 0;

    for (size_t at = 0; at < all.len; at++) {
        char c = all.data[at];

        if (c == '\n') {
            signs = 0;
            mark.line++;
        } else if (c == ',' || c == '[' || c == '{') {
            mark.offset = (uint32_t)at;
            if (++signs > FLOW_PER_LINE_MAX)
                return refuse(parse, mark, "too many items in one line: break it into several");
        }
    }
    return 0;
}

static int parse_start(struct parse *parse)
{
    struct fy_diag_cfg diag;
    struct fy_parse_cfg config = {
        .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE | FYPCF_ALLOW_DUPLICATE_KEYS,
    };

    fy_diag_cfg_default(&diag);
    diag.fp = NULL;
    diag.colorize = false;
    parse->diag = config.diag = fy_diag_create(&diag);
    ASSERT(parse->diag);
    fy_diag_set_collect_errors(parse->diag, true);
    parse->parser = fy_parser_create(&config);
    ASSERT(parse->parser);
    return fy_parser_set_string(parse->parser, parse->source->bytes.data, parse->source->bytes.len);
}

int yaml_parse(const struct source *source, struct arena *arena, struct node **out,
               struct diagnostics *diagnostics)
{
    struct parse parse = {.source = source};
    int rc = -1;

    parse.tree = (struct yaml_tree){.arena = arena, .diagnostics = diagnostics};
    parse.last = (struct mark){.source = source, .line = 1, .length = 1};
    if (check_flow(&parse) < 0)
        return -1;
    if (parse_start(&parse) < 0)
        refuse(&parse, parse.last, "this is not valid YAML");
    else
        rc = take_events(&parse);
    if (rc == 0)
        *out = parse.tree.root;
    yaml_tree_fini(&parse.tree);
    fy_parser_destroy(parse.parser);
    fy_diag_destroy(parse.diag);
    return rc;
}

const char *yaml_library_version(void)
{
    return fy_library_version();
}
