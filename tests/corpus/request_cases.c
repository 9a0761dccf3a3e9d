#include "corpus/cases.h"

const struct request_case request_cases[] = {
#include "corpus/requests_chunks.def"
#include "corpus/requests_fields.def"
#include "corpus/requests_framing.def"
#include "corpus/requests_hop.def"
#include "corpus/requests_host.def"
#include "corpus/requests_line.def"
#include "corpus/requests_path.def"
#include "corpus/requests_target.def"
#include "corpus/requests_trace.def"
};

const size_t request_cases_count = sizeof request_cases / sizeof *request_cases;
