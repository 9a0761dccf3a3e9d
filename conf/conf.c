#include "conf/conf.h"

#include "base/mem.h"
#include "conf/certificate.h"
#include "conf/expectation.h"
#include "conf/header.h"
#include "conf/list.h"
#include "conf/listen.h"
#include "conf/pool.h"
#include "conf/reader.h"
#include "conf/route.h"
#include "conf/source.h"
#include "conf/targets.h"
#include "conf/value.h"
#include "conf/variant.h"
#include "conf/yaml.h"

static read_function *const TYPES[FIELD_TYPE_COUNT] = {
    [FIELD_BOOLEAN] = value_boolean,
    [FIELD_COUNT] = value_number,
    [FIELD_DURATION] = value_number,
    [FIELD_SIZE] = value_number,
    [FIELD_CHOICE] = value_choice,
    [FIELD_VARIANT] = variant_read,
    [FIELD_STATUSES] = value_statuses,
    [FIELD_WORD] = value_word,
    [FIELD_TOKEN] = value_token,
    [FIELD_FILE] = value_file,
    [FIELD_URL] = value_url,
    [FIELD_PATH] = value_path,
    [FIELD_PATH_AND_QUERY] = value_path_and_query,
    [FIELD_OUTPUT] = value_output,
    [FIELD_ADDRESS] = targets_address,
    [FIELD_METHODS] = list_methods,
    [FIELD_NAMES] = list_names,
    [FIELD_HEADERS] = header_fields,
    [FIELD_QUERY] = header_query,
    [FIELD_NETWORKS] = list_networks,
    [FIELD_ADDRESSES] = list_addresses,
    [FIELD_SERVERS] = list_servers,
    [FIELD_TARGETS] = targets_read,
    [FIELD_SECTION] = reader_subsection,
    [FIELD_ROUTES] = route_map,
    [FIELD_BACKENDS] = pool_map,
    [FIELD_LISTEN] = listen_map,
    [FIELD_EXPECTATIONS] = expectation_map,
    [FIELD_CERTIFICATES] = certificate_list,
};

static struct conf *conf_new(struct slice name)
{
    struct conf *conf = mem_new(struct conf);
    struct source *source = arena_new(&conf->arena, struct source);

    conf->name = arena_copy(&conf->arena, name);
    source->name = conf->name;
    conf->start = (struct mark){.source = source};
    return conf;
}

/* What the file says in general is where its routes start from. */
static void inherit(struct conf *conf)
{
    conf->options.timeouts = conf->timeouts;
    conf->options.limits = conf->limits;
    conf->options.redirect_http = conf->redirect_http;
}

static void set_defaults(struct reader *reader)
{
    struct conf_route_form form = {0};

    reader_defaults(reader, SECTION_root, reader->conf);
    reader_defaults(reader, SECTION_route, &form);
    reader_defaults(reader, SECTION_target, &reader->conf->target);
    reader->conf->options = form.options;
    reader->conf->pool = form.pool;
    inherit(reader->conf);
}

static void check_together(struct conf *conf, const struct node *root, struct diagnostics *diagnostics)
{
    struct node *limits = node_get(root, SLICE("limits"), NULL), *key;

    if (conf->limits.target > conf->limits.head && limits && node_get(limits, SLICE("target"), &key))
        diagnostics_error(diagnostics, key->mark,
                          "\"target\" is larger than \"head\", which it is a part of");
    else if (conf->limits.target > conf->limits.head && limits && node_get(limits, SLICE("head"), &key))
        diagnostics_error(diagnostics, key->mark,
                          "\"head\" is smaller than \"target\", which is a part of it");
}

static void read_root(struct reader *reader, const struct node *root)
{
    struct mark mark = reader->conf->start;

    if (!root || root->kind == NODE_NULL) {
        diagnostics_error(reader->diagnostics, mark, "nothing is written here: a routing table is needed");
        diagnostics_hint(reader->diagnostics, "for example:  routes: {http://app.localhost: 3000}");
        return;
    }
    if (root->kind != NODE_MAP) {
        diagnostics_error(reader->diagnostics, root->mark,
                          "a configuration is a map with keys such as \"routes\", not %s",
                          node_kind_name(root));
        return;
    }
    reader_section(reader, NULL, SECTION_root, root, reader->conf);
    check_together(reader->conf, root, reader->diagnostics);
    inherit(reader->conf);
    route_read_all(reader);
}

/* @param bytes  live as long as conf */
static int conf_read(struct conf *conf, struct slice bytes, struct diagnostics *diagnostics)
{
    struct reader reader = {.conf = conf, .diagnostics = diagnostics, .types = TYPES};
    struct source *source = (struct source *)conf->start.source;
    struct node *root = NULL;

    source->bytes = source_text(bytes);
    set_defaults(&reader);
    if (source_check(source, diagnostics) < 0 || yaml_parse(source, &conf->arena, &root, diagnostics) < 0)
        return -1;
    read_root(&reader, root);
    return 0;
}

static int conf_finish(struct conf *conf, int rc, struct conf **out)
{
    if (rc < 0)
        conf_free(conf);
    else
        *out = conf;
    return rc;
}

int conf_load(const char *path, struct conf **out, struct diagnostics *diagnostics)
{
    struct slice bytes;
    struct conf *conf;

    if (source_read(path, &bytes, diagnostics) < 0)
        return -1;
    conf = conf_new(slice_str(path));
    conf->bytes = (char *)bytes.data;
    return conf_finish(conf, conf_read(conf, bytes, diagnostics), out);
}

int conf_load_bytes(struct slice name, struct slice bytes, struct conf **out, struct diagnostics *diagnostics)
{
    struct conf *conf = conf_new(name);

    return conf_finish(conf, conf_read(conf, arena_copy(&conf->arena, bytes), diagnostics), out);
}

void conf_from_arguments(char *const *arguments, size_t count, struct conf **out,
                         struct diagnostics *diagnostics)
{
    struct conf *conf = conf_new(SLICE("arguments"));
    struct reader reader = {.conf = conf, .diagnostics = diagnostics, .types = TYPES};

    set_defaults(&reader);
    conf_add_arguments(conf, arguments, count, diagnostics);
    *out = conf;
}

void conf_free(struct conf *conf)
{
    if (!conf)
        return;
    mem_free(conf->routes);
    mem_free(conf->bytes);
    arena_fini(&conf->arena);
    mem_free(conf);
}

const char *conf_library_version(void)
{
    return yaml_library_version();
}
