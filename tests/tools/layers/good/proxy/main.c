#include "conf/load.h"
#include "control/reload.h"
