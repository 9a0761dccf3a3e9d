#include "base/fault.h"

#include "base/macro.h"

static const struct fault_row ROWS[] = {
#define FAULT(name, status, blame, token, sentence) [FAULT_##name] = {status, BLAME_##blame, token, sentence},
#include "base/fault.def"
#undef FAULT
};

const struct fault_row *fault_row(enum fault fault)
{
    ASSERT((unsigned)fault < FAULT_COUNT);
    return &ROWS[fault];
}
