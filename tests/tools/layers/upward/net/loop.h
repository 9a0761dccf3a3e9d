#include "tls/stream.h"
