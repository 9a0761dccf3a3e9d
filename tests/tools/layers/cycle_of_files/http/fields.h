#include "http/end.h"
