#include "conf/load.h"
#include "proxy/snapshot.h"
