#include "corpus/cases.h"

const struct answer_case answer_cases[] = {
#include "corpus/answers_bodyless.def"
#include "corpus/answers_chunks.def"
#include "corpus/answers_content.def"
#include "corpus/answers_early.def"
#include "corpus/answers_fields.def"
#include "corpus/answers_framing.def"
#include "corpus/answers_hop.def"
#include "corpus/answers_interim.def"
#include "corpus/answers_line.def"
};

const size_t answer_cases_count = sizeof answer_cases / sizeof *answer_cases;
