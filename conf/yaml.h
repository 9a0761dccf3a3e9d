/** YAML as a tree of nodes with their places: the one door to libfyaml.
 *  What YAML 1.2 can say and a configuration does not need is refused with a sentence: several documents,
 *  tags, merge keys (<<), keys that are no text, anchors within themselves. An alias is the very node that
 * its anchor names, so a tree can be small and yet long to walk: both its nodes and what they come to when
 *  aliases are followed are bounded. */
#ifndef CONF_YAML_H
#define CONF_YAML_H

#include "base/arena.h"
#include "base/macro.h"
#include "conf/diagnostics.h"
#include "conf/node.h"

/** @param source  checked by source_check()
 *  @return -1 when it is not YAML or is more than the bounds allow: one error tells. 0 otherwise, also when
 *          there are errors about what it says */
int yaml_parse(const struct source *source, struct arena *arena, struct node **out,
               struct diagnostics *diagnostics) NODISCARD;

const char *yaml_library_version(void);

#endif
