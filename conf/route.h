/** The routing table as written: short forms, long forms, alternatives. */
#ifndef CONF_ROUTE_H
#define CONF_ROUTE_H

#include "conf/reader.h"

/** Keeps the node: routes are read last, when the defaults that they start from are known. */
read_function route_map;

/** Reads the map that was kept, if there was one. */
void route_read_all(struct reader *reader);
/** Adds one to the configuration. */
struct conf_route *route_add(struct conf *conf, struct conf_text key, struct mark mark);

#endif
