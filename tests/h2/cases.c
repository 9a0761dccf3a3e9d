#include "h2/cases.h"

#include "corpus/cases.h"

const struct h2_case h2_cases[] = {
#include "h2/cases_connect.def"
#include "h2/cases_connection.def"
#include "h2/cases_fields.def"
#include "h2/cases_frames.def"
#include "h2/cases_hpack.def"
#include "h2/cases_messages.def"
#include "h2/cases_pseudo.def"
#include "h2/cases_states.def"
};

const size_t h2_cases_count = sizeof h2_cases / sizeof *h2_cases;
