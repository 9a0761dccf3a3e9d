#include "conf/settings.h"
