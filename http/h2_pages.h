/** Memory of a page each that is zero when it comes, for what is zero again while nobody uses it: then it can be given back
 *  to the kernel without whoever holds it noticing. Each thread has its own pages. */
#ifndef HTTP_H2_PAGES_H
#define HTTP_H2_PAGES_H

#include <stdbool.h>
#include <stddef.h>

enum { H2_PAGE_BYTES = 4096 };

/** False where the kernel's pages are larger: nothing below may be called then. */
bool h2_pages_are_here(void);
/** All zero. */
void *h2_pages_take(void);
/** On the thread that took it. */
void h2_pages_give(void *page);
/** The page stays the caller's, with what it holds. If that is nothing but zeros, it takes no memory until it is written. */
void h2_pages_rest(void *page);

#endif
