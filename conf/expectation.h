/** The map `expect`: URLs, and the routes that they must take. */
#ifndef CONF_EXPECTATION_H
#define CONF_EXPECTATION_H

#include "conf/reader.h"

read_function expectation_map;

#endif
