/** Capabilities (capabilities(7)): the parts of root's power. A set is a mask of bits, 1 << CAP_…; all of it is of the
 *  calling thread, and of those that it starts later. Linux. */
#ifndef CONTROL_CAPABILITIES_H
#define CONTROL_CAPABILITIES_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

#define CAPABILITY(number) (UINT64_C(1) << (number))

/** The permitted ones; 0 where the kernel does not tell. */
uint64_t capabilities_held(void);
/** Is that one effective? */
bool capabilities_have(int number);

/** Nothing that is executed can bring one back. @return false where this process may not decide that (CAP_SETPCAP), and
 *  some can */
bool capabilities_empty_bounds(void);
/** From now on, becoming another user leaves the permitted ones: until capabilities_reduce(). */
void capabilities_outlive_user(void);
/** Permitted and effective are those of *kept* that are held; inheritable and ambient none. */
int capabilities_reduce(uint64_t kept, struct error *error) NODISCARD;

/** Adds their names with blanks between, as "net_bind_service", or "none". */
void capabilities_describe(uint64_t set, struct text *out);

#endif
