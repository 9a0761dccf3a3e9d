#  include "tls/stream.h"
