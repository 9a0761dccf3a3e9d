/** Which of a few media types a client likes best (RFC 9110 §12.5.1). Pure. */
#ifndef HTTP_ACCEPT_H
#define HTTP_ACCEPT_H

#include "http/fields.h"

/** @param types  lower case "type/subtype"; the first is the default when nothing decides
 *  @return index of the best one: highest q; then named in full rather than by a wildcard; then named first
 */
size_t accept_choose(const struct fields *request, const struct slice *types, size_t count);

#endif
