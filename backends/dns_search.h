/** Which full names are tried for a name as written: the search domains of resolv.conf(5). c-ares knows them too, but
 *  asks for each family on its own, so that one of them could be found under another domain than the other. */
#ifndef BACKENDS_DNS_SEARCH_H
#define BACKENDS_DNS_SEARCH_H

#include <stdbool.h>

#include "backends/dns_answer.h"

enum { DNS_SEARCH_MAX = 32 };

/** In the owner's memory; all zero: names are tried as they are. */
struct dns_search {
    char *domains[DNS_SEARCH_MAX];
    unsigned count;
    unsigned ndots; /* a name with so many dots is tried as it is first, another one last */
};

/** Reads the file (one that is not there says nothing), then what the environment says: LOCALDOMAIN, RES_OPTIONS. */
void dns_search_read(struct dns_search *search, const char *resolv_conf);
void dns_search_fini(struct dns_search *search);

/** The full name that is tried in this step, from 0 on. One that DNS cannot know is empty.
 *  @return false when there are no more */
bool dns_search_step(const struct dns_search *search, struct slice name, unsigned step,
                     char out[DNS_NAME_MAX + 1]);

#endif
