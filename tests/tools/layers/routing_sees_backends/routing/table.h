#include "backends/pool.h"
