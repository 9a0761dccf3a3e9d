/* Any bytes as a configuration file, and as an argument of the command line. */
#include "base/mem.h"
#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 loses a buffer of 4 KiB after some syntax errors. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml.so";
}

static void finish(struct conf *conf, struct diagnostics *diagnostics, int rc)
{
    struct text printed = {0};

    ASSERT(rc == 0 || diagnostics->errors > 0);
    ASSERT((rc < 0) == (conf == NULL));
    diagnostics_print(diagnostics, &printed);
    text_fini(&printed);
    diagnostics_fini(diagnostics);
    conf_free(conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diagnostics of_file = {0}, of_argument = {0};
    struct conf *conf = NULL;
    char *argument = mem_string(slice_of(data, size));
    int rc;

    rc = conf_load_bytes(SLICE("fuzz.yaml"), slice_of(data, size), &conf, &of_file);
    finish(conf, &of_file, rc);
    conf = NULL;
    conf_from_arguments(&argument, 1, &conf, &of_argument);
    finish(conf, &of_argument, 0);
    mem_free(argument);
    return 0;
}
