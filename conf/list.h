/** The values that are several texts: a list of them, or one that stands alone. */
#ifndef CONF_LIST_H
#define CONF_LIST_H

#include "conf/reader.h"

read_function list_methods, list_names, list_networks, list_addresses, list_servers;

/** Is it a list with items, or one text? @return false when it is neither; that is reported */
bool list_check(struct reader *reader, const struct field *field, const struct node *node);

#endif
