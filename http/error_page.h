/** What a person or a program gets to see when the proxy itself answers with an error: status, one plain
 *  sentence, and the id under which the log says more. Nothing about the inside. */
#ifndef HTTP_ERROR_PAGE_H
#define HTTP_ERROR_PAGE_H

#include "http/answer.h"

/** HTML, JSON or plain text by the request's Accept; plain text when that leaves it open (curl).
 *  Everything lies in the arena.
 *  @param request  its fields, or NULL when no head could be read */
struct answer error_page_make(struct arena *arena, const struct fields *request, int status,
                              struct slice sentence, struct slice id);

#endif
