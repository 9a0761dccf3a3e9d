/* What is written from the field table, and the examples. PORTICO_RENEW=1 writes the files anew. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/fields.h"
#include "conf/source.h"
#include "loaded.h"

static void renew(const char *path, const struct text *made)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(made->data, 1, made->len, file), made->len);
    cr_assert_eq(fclose(file), 0);
}

static void expect_current(const char *path, void (*make)(struct text *out))
{
    struct diagnostics diagnostics = {0};
    struct text made = {0};
    struct slice committed = {0};

    make(&made);
    if (getenv("PORTICO_RENEW"))
        renew(path, &made);
    cr_assert_eq(source_read(path, &committed, &diagnostics), 0, "%s", path);
    cr_expect(slice_eq(committed, text_slice(&made)), "%s is out of date: run with PORTICO_RENEW=1", path);
    mem_free((char *)committed.data);
    text_fini(&made);
}

Test(manual, schema_is_current)
{
    expect_current("conf/portico.schema.json", conf_schema);
}

Test(manual, reference_is_current)
{
    expect_current("docs/configuration.md", conf_reference);
}

Test(manual, examples_load)
{
    static const struct {
        const char *path;
        size_t routes;
    } EXAMPLES[] = {
        {"conf/examples/local-apps.yaml", 6},  {"conf/examples/tls-names.yaml", 8},
        {"conf/examples/container.yaml", 3},   {"conf/examples/pools.yaml", 6},
        {"conf/examples/everything.yaml", 10},
    };

    for (size_t i = 0; i < ARRAY_LEN(EXAMPLES); i++) {
        struct loaded loaded = {0};

        loaded.rc = conf_load(EXAMPLES[i].path, &loaded.conf, &loaded.diagnostics);
        loaded = loaded_finish(loaded);
        cr_assert_str_eq(loaded.said.data, "", "%s", loaded.said.data);
        cr_expect_eq(loaded.conf->routes_count, EXAMPLES[i].routes, "%s", EXAMPLES[i].path);
        loaded_fini(&loaded);
    }
}

Test(manual, example_of_everything_has_every_key)
{
    struct diagnostics diagnostics = {0};
    struct slice yaml = {0};

    cr_assert_eq(source_read("conf/examples/everything.yaml", &yaml, &diagnostics), 0);
    for (enum section_id id = 0; id < SECTION_COUNT; id++) {
        for (const struct field *field = NULL; (field = field_next(id, field));) {
            struct text key = {0};

            text_printf(&key, "%s: ", field->name);
            if (!memmem(yaml.data, yaml.len, key.data, key.len)) {
                key.data[key.len - 1] = '\n';
                cr_expect_not_null(memmem(yaml.data, yaml.len, key.data, key.len), "%s", field->name);
            }
            text_fini(&key);
        }
    }
    mem_free((char *)yaml.data);
}
