#include "control/changes.h"

#include "proxy/snapshot.h"

void changes_describe(const struct snapshot *before, const struct snapshot *after, struct text *out)
{
    text_printf(out, "routes: %zu -> %zu\n", before->routes_count, after->routes_count);
    text_printf(out, "listeners: %zu -> %zu\n", before->listens_count, after->listens_count);
}
