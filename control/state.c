#include "control/state.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "conf/conf.h"

static char *joined(const char *directory, const char *rest)
{
    struct text path = {0};

    text_printf(&path, "%s%s", directory, rest);
    return path.data;
}

static const char *home(void)
{
    const char *told = getenv("HOME");
    const struct passwd *entry = told ? NULL : getpwuid(getuid());

    return told ? told : entry ? entry->pw_dir : NULL;
}

static enum { UNKNOWN, ROOT, OTHER } beginner;

void state_begin(void)
{
    beginner = geteuid() == 0 ? ROOT : OTHER;
}

static bool began_as_root(void)
{
    return beginner == UNKNOWN ? geteuid() == 0 : beginner == ROOT;
}

int state_of_conf(const struct conf *conf, char **out, struct error *error)
{
    const char *base = getenv("XDG_STATE_HOME");

    if (conf && conf->state.text.data) {
        *out = mem_string(conf->state.text);
        return 0;
    }
    if (began_as_root()) {
        *out = mem_string(SLICE("/var/lib/portico"));
        return 0;
    }
    if (base && base[0] == '/') {
        *out = joined(base, "/portico");
        return 0;
    }
    if (!home())
        return error_set(error, "no directory for state: set `state:`, or $HOME");
    *out = joined(home(), "/.local/state/portico");
    return 0;
}
