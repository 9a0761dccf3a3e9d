/** What the name server of the tests knows: records, how it behaves, what it was asked; and the bytes of questions and
 *  answers. For e2e/dns_server.c, which guards it. */
#ifndef E2E_DNS_ZONE_H
#define E2E_DNS_ZONE_H

#include <stdbool.h>
#include <stddef.h>

#include "e2e/dns_server.h"

enum { DNS_MESSAGE_MAX = 65535, DNS_NAME_ROOM = 256 };

struct dns_message {
    size_t len;
    uint8_t bytes[DNS_MESSAGE_MAX];
};

struct dns_query {
    uint16_t id, udp_bytes; /* how long an answer by UDP may be */
    char name[DNS_NAME_ROOM];
    enum dns_record_type type;
    const uint8_t *bytes; /* as it came, with type and class */
    size_t len;
};

/** A growing array; all zero is an empty one. */
struct dns_list {
    void *items;
    size_t count, size;
};

struct dns_zone {
    struct dns_list records, rules, counts;
    unsigned asked_by_tcp;
};

/** Aborts with the reason. */
void dns_must(bool holds, const char *what);
void *dns_list_add(struct dns_list *list, size_t size);
void *dns_list_at(const struct dns_list *list, size_t at);
void dns_list_empty(struct dns_list *list);

bool dns_query_read(const uint8_t *bytes, size_t len, struct dns_query *out);
void dns_zone_count(struct dns_zone *zone, const struct dns_query *query, bool is_tcp);
unsigned dns_zone_delay_ms(const struct dns_zone *zone, const struct dns_query *query);
/** @return false: nothing is said */
bool dns_zone_answer(const struct dns_zone *zone, struct dns_query *query, bool is_tcp,
                     struct dns_message *message);

void dns_zone_add(struct dns_zone *zone, const char *name, enum dns_record_type type, uint32_t ttl_s,
                  const char *data);
void dns_zone_behave(struct dns_zone *zone, const char *name, enum dns_record_type type,
                     enum dns_manner manner);
void dns_zone_delay(struct dns_zone *zone, const char *name, enum dns_record_type type, unsigned delay_ms);
unsigned dns_zone_asked(const struct dns_zone *zone, const char *name, enum dns_record_type type);
/** Forgets records and rules, not what was asked. */
void dns_zone_clear(struct dns_zone *zone);
void dns_zone_fini(struct dns_zone *zone);

#endif
