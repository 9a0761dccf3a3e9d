#include <uv.h>
#include "base/slice.h"
#include "net/loop.h"
