#include "conf/settings.h"
#include "conf/load.h"
#include "control/reload.h"
