/** The map of ports and the addresses that they listen on. */
#ifndef CONF_LISTEN_H
#define CONF_LISTEN_H

#include "conf/reader.h"

read_function listen_map;

#endif
