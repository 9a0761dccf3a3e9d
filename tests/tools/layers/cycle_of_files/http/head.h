#include "http/fields.h"
