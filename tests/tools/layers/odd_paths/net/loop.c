#include "loop.h"
#include "net/other.c"
#include "tests/unit/fake.h"
