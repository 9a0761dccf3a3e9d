/** Maps of names to values: header fields to look for or to write, parameters of a query. */
#ifndef CONF_HEADER_H
#define CONF_HEADER_H

#include "conf/reader.h"

read_function header_fields, header_query;

/** RFC 9110 §5.6.2. */
bool header_is_token(struct slice text);
/** @param is_edit  refuses the fields that belong to the connection, too
 *  @return false when it is reported as wrong */
bool header_check_name(struct reader *reader, struct slice name, struct mark mark, bool is_edit);

#endif
