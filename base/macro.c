#include "base/macro.h"

#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *promise, const char *file, int line)
{
    fprintf(stderr, "portico: broken promise: %s (%s:%d); this is a bug in Portico\n", promise, file, line);
    abort();
}
