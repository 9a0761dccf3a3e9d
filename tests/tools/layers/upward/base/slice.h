#include <stddef.h>

#include "net/loop.h"
