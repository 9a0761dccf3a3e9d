#include "conf/settings.h"
#include "net/loop.h"
