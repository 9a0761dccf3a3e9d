/** Doubly linked list inside its items: state lists, idle connections, waiting work. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

#include "base/macro.h"

struct link {
    struct link *prev, *next;
};

/** The head of a list is a link of its own; list_init() before use. An item that is in no list has next ==
 * NULL. */
static inline void list_init(struct link *head)
{
    head->prev = head->next = head;
}

static inline bool list_is_empty(const struct link *head)
{
    return head->next == head;
}

static inline bool link_is_in_list(const struct link *item)
{
    return item->next != NULL;
}

static inline void list_push_back(struct link *head, struct link *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

static inline void list_push_front(struct link *head, struct link *item)
{
    item->prev = head;
    item->next = head->next;
    head->next->prev = item;
    head->next = item;
}

/** Takes the item out of its list; harmless when it is in none. */
static inline void list_remove(struct link *item)
{
    if (!item->next)
        return;
    item->prev->next = item->next;
    item->next->prev = item->prev;
    item->prev = item->next = NULL;
}

#define LIST_FIRST(head, type, member) CONTAINER_OF((head)->next, type, member)
/** The body may remove the item itself, but no other. */
#define LIST_EACH(head, link_)                                                                               \
    for (struct link *link_ = (head)->next, *next_##link_ = link_->next; link_ != (head);                    \
         link_ = next_##link_, next_##link_ = link_->next)

#endif
