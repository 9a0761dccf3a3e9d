#include "http/head.h"
