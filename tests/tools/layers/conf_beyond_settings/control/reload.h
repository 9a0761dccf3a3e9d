#include "conf/load.h"
