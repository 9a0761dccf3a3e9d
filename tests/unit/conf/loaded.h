/* A configuration loaded from a text, with what was said about it. */
#ifndef TESTS_CONF_LOADED_H
#define TESTS_CONF_LOADED_H

#include <criterion/criterion.h>

#include "conf/conf.h"

struct loaded {
    int rc;
    struct conf *conf;
    struct diagnostics diagnostics;
    struct text said;
};

static inline struct loaded loaded_finish(struct loaded loaded)
{
    text_add_literal(&loaded.said, "");
    diagnostics_print(&loaded.diagnostics, &loaded.said);
    cr_assert_eq(loaded.rc < 0, loaded.conf == NULL, "*out is set on success, and only then");
    cr_assert(loaded.rc == 0 || loaded.diagnostics.errors > 0);
    loaded.rc = loaded.diagnostics.errors > 0 ? -1 : 0;
    return loaded;
}

static inline struct loaded load_bytes(struct slice bytes)
{
    struct loaded loaded = {0};

    loaded.rc = conf_load_bytes(SLICE("t.yaml"), bytes, &loaded.conf, &loaded.diagnostics);
    return loaded_finish(loaded);
}

static inline struct loaded load(const char *yaml)
{
    return load_bytes(slice_str(yaml));
}

/* Must be without mistakes. */
static inline struct loaded load_good(const char *yaml)
{
    struct loaded loaded = load(yaml);

    cr_assert_eq(loaded.rc, 0, "%s", loaded.said.data);
    cr_assert_str_eq(loaded.said.data, "");
    return loaded;
}

static inline void loaded_fini(struct loaded *loaded)
{
    diagnostics_fini(&loaded->diagnostics);
    text_fini(&loaded->said);
    conf_free(loaded->conf);
}

/* A text that must fail, and all that must be said. */
struct bad_case {
    const char *name, *yaml, *said;
};

static inline void expect_said(const struct bad_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct loaded loaded = load(cases[i].yaml);

        cr_expect_eq(loaded.rc, -1, "%s", cases[i].name);
        cr_expect_str_eq(loaded.said.data, cases[i].said, "%s:\n%s", cases[i].name, loaded.said.data);
        loaded_fini(&loaded);
    }
}

#define EXPECT_TEXT(conf_text_, expected)                                                                    \
    cr_expect(slice_eq((conf_text_).text, SLICE(expected)), "\"%.*s\" instead of \"%s\"",                    \
              FMT_SLICE((conf_text_).text), expected)

#endif
