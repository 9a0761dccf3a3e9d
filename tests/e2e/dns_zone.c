#include "e2e/dns_zone.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    HEADER_BYTES = 12,
    PLAIN_UDP_BYTES = 512,
    ALIASES_MAX = 20,
    TYPE_OPT = 41,
    FLAG_ANSWER = 0x8180, /* with recursion asked for and available */
    FLAG_TRUNCATED = 0x0200,
    RCODE_SERVFAIL = 2,
    RCODE_NXDOMAIN = 3,
    RCODE_REFUSED = 5,
};

struct record {
    char name[DNS_NAME_ROOM];
    enum dns_record_type type;
    uint32_t ttl_s;
    unsigned priority, weight, port; /* SRV */
    char data[DNS_NAME_ROOM];        /* a name, or an address in network order */
};

/* What was said of a question: a manner, or a delay. */
struct rule {
    char name[DNS_NAME_ROOM]; /* empty: any */
    enum dns_record_type type;
    bool is_delay;
    enum dns_manner manner;
    unsigned delay_ms;
};

struct count {
    char name[DNS_NAME_ROOM];
    enum dns_record_type type;
    unsigned asked;
};

void dns_must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "dns_server: %s: %s\n", what, strerror(errno));
    abort();
}

void *dns_list_add(struct dns_list *list, size_t size)
{
    list->size = size;
    list->items = realloc(list->items, (list->count + 1) * size);
    dns_must(list->items != NULL, "memory");
    return memset((char *)list->items + list->count++ * size, 0, size);
}

void *dns_list_at(const struct dns_list *list, size_t at)
{
    return (char *)list->items + at * list->size;
}

void dns_list_empty(struct dns_list *list)
{
    free(list->items);
    *list = (struct dns_list){0};
}

/* ---- writing ---- */

static void put(struct dns_message *message, const void *bytes, size_t len)
{
    dns_must(message->len + len <= DNS_MESSAGE_MAX, "the answer is too long");
    memcpy(message->bytes + message->len, bytes, len);
    message->len += len;
}

static void put_u16(struct dns_message *message, unsigned value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};

    put(message, bytes, sizeof bytes);
}

static void put_name(struct dns_message *message, const char *name)
{
    while (*name && strcmp(name, ".") != 0) {
        size_t len = strcspn(name, ".");
        uint8_t length = (uint8_t)len;

        put(message, &length, 1);
        put(message, name, len);
        name += len + (name[len] == '.');
    }
    put(message, "", 1);
}

static void put_data(struct dns_message *message, const struct record *record)
{
    if (record->type == DNS_TYPE_A || record->type == DNS_TYPE_AAAA) {
        put(message, record->data, record->type == DNS_TYPE_A ? 4 : 16);
        return;
    }
    if (record->type == DNS_TYPE_SRV) {
        put_u16(message, record->priority);
        put_u16(message, record->weight);
        put_u16(message, record->port);
    }
    put_name(message, record->data);
}

static void put_record(struct dns_message *message, const struct dns_query *query,
                       const struct record *record)
{
    size_t at;

    if (strcasecmp(record->name, query->name) == 0)
        put_u16(message, 0xc000 | HEADER_BYTES); /* a pointer to the question */
    else
        put_name(message, record->name);
    put_u16(message, record->type);
    put_u16(message, 1);
    put_u16(message, record->ttl_s >> 16);
    put_u16(message, record->ttl_s & 0xffff);
    at = message->len;
    put_u16(message, 0);
    put_data(message, record);
    message->bytes[at] = (uint8_t)((message->len - at - 2) >> 8);
    message->bytes[at + 1] = (uint8_t)(message->len - at - 2);
}

static void begin(struct dns_message *message, const struct dns_query *query, unsigned flags)
{
    message->len = 0;
    put_u16(message, query->id);
    put_u16(message, FLAG_ANSWER | flags);
    put_u16(message, 1);
    put_u16(message, 0);
    put_u16(message, 0);
    put_u16(message, 0);
    put(message, query->bytes, query->len);
}

static void count_records(struct dns_message *message, unsigned answers, unsigned additional)
{
    message->bytes[6] = (uint8_t)(answers >> 8);
    message->bytes[7] = (uint8_t)answers;
    message->bytes[10] = (uint8_t)(additional >> 8);
    message->bytes[11] = (uint8_t)additional;
}

/* ---- answering ---- */

static unsigned put_records(const struct dns_zone *zone, struct dns_message *message,
                            const struct dns_query *query, const char *name, enum dns_record_type type)
{
    unsigned count = 0;

    for (size_t i = 0; i < zone->records.count; i++) {
        const struct record *record = dns_list_at(&zone->records, i);

        if (record->type != type || strcasecmp(record->name, name) != 0)
            continue;
        put_record(message, query, record);
        count++;
    }
    return count;
}

static const struct record *find(const struct dns_zone *zone, const char *name, enum dns_record_type type)
{
    for (size_t i = 0; i < zone->records.count; i++) {
        const struct record *record = dns_list_at(&zone->records, i);

        if ((type == DNS_ANY_TYPE || record->type == type) && strcasecmp(record->name, name) == 0)
            return record;
    }
    return NULL;
}

static unsigned put_additional(const struct dns_zone *zone, struct dns_message *message,
                               const struct dns_query *query)
{
    unsigned count = 0;

    for (size_t i = 0; query->type == DNS_TYPE_SRV && i < zone->records.count; i++) {
        const struct record *record = dns_list_at(&zone->records, i);

        if (record->type != DNS_TYPE_SRV || strcasecmp(record->name, query->name) != 0)
            continue;
        count += put_records(zone, message, query, record->data, DNS_TYPE_A);
        count += put_records(zone, message, query, record->data, DNS_TYPE_AAAA);
    }
    return count;
}

static void answer_from_records(const struct dns_zone *zone, struct dns_message *message,
                                const struct dns_query *query)
{
    const char *name = query->name;
    const struct record *alias;
    unsigned answers = 0, aliases = 0;

    begin(message, query, 0);
    while ((alias = find(zone, name, DNS_TYPE_CNAME)) != NULL && aliases++ < ALIASES_MAX) {
        put_record(message, query, alias);
        answers++;
        name = alias->data;
    }
    answers += put_records(zone, message, query, name, query->type);
    if (!find(zone, name, DNS_ANY_TYPE))
        message->bytes[3] |= RCODE_NXDOMAIN;
    count_records(message, answers, put_additional(zone, message, query));
}

static void garble(struct dns_message *message, const struct dns_query *query)
{
    begin(message, query, 0);
    count_records(message, 3, 0);
    for (unsigned i = 0; i < 40; i++)
        put_u16(message, 0xbfff - i * 517);
}

static const struct rule *rule_of(const struct dns_zone *zone, const struct dns_query *query, bool is_delay)
{
    for (size_t i = zone->rules.count; i > 0; i--) {
        const struct rule *rule = dns_list_at(&zone->rules, i - 1);

        if (rule->is_delay == is_delay && (!rule->name[0] || strcasecmp(rule->name, query->name) == 0) &&
            (rule->type == DNS_ANY_TYPE || rule->type == query->type))
            return rule;
    }
    return NULL;
}

bool dns_zone_answer(const struct dns_zone *zone, struct dns_query *query, bool is_tcp,
                     struct dns_message *message)
{
    const struct rule *rule = rule_of(zone, query, false);

    switch (rule ? rule->manner : DNS_ANSWERS) {
    case DNS_IS_SILENT:
        return false;
    case DNS_FAILS:
        begin(message, query, RCODE_SERVFAIL);
        return true;
    case DNS_REFUSES:
        begin(message, query, RCODE_REFUSED);
        return true;
    case DNS_DENIES:
        begin(message, query, RCODE_NXDOMAIN);
        return true;
    case DNS_GARBLES:
        garble(message, query);
        return true;
    case DNS_MISTAKES:
        query->id ^= 0x5555;
        break;
    case DNS_TRUNCATES:
        begin(message, query, FLAG_TRUNCATED);
        if (!is_tcp)
            return true;
        break;
    case DNS_ANSWERS:
        break;
    }
    answer_from_records(zone, message, query);
    if (!is_tcp && message->len > query->udp_bytes)
        begin(message, query, FLAG_TRUNCATED);
    return true;
}

/* ---- questions ---- */

bool dns_query_read(const uint8_t *bytes, size_t len, struct dns_query *out)
{
    size_t at = HEADER_BYTES, name_len = 0;

    while (at < len && bytes[at] != 0) {
        size_t label = bytes[at];

        if (label > 63 || at + 1 + label >= len || name_len + label + 2 > sizeof out->name)
            return false;
        if (name_len)
            out->name[name_len++] = '.';
        memcpy(out->name + name_len, bytes + at + 1, label);
        name_len += label;
        at += 1 + label;
    }
    if (at + 5 > len)
        return false;
    out->name[name_len] = '\0';
    out->id = (uint16_t)(bytes[0] << 8 | bytes[1]);
    out->type = (enum dns_record_type)(bytes[at + 1] << 8 | bytes[at + 2]);
    out->bytes = bytes + HEADER_BYTES;
    out->len = at + 5 - HEADER_BYTES;
    out->udp_bytes = PLAIN_UDP_BYTES;
    at += 5;
    if (at + 5 <= len && bytes[at] == 0 && bytes[at + 2] == TYPE_OPT) /* EDNS says how much more is taken */
        out->udp_bytes = (uint16_t)(bytes[at + 3] << 8 | bytes[at + 4]);
    return true;
}

void dns_zone_count(struct dns_zone *zone, const struct dns_query *query, bool is_tcp)
{
    struct count *count;

    zone->asked_by_tcp += is_tcp;
    for (size_t i = 0; i < zone->counts.count; i++) {
        count = dns_list_at(&zone->counts, i);
        if (count->type == query->type && strcasecmp(count->name, query->name) == 0) {
            count->asked++;
            return;
        }
    }
    count = dns_list_add(&zone->counts, sizeof *count);
    memcpy(count->name, query->name, sizeof count->name);
    count->type = query->type;
    count->asked = 1;
}

unsigned dns_zone_delay_ms(const struct dns_zone *zone, const struct dns_query *query)
{
    const struct rule *rule = rule_of(zone, query, true);

    return rule ? rule->delay_ms : 0;
}

/* ---- what the test says and asks ---- */

static void copy_name(char out[DNS_NAME_ROOM], const char *name)
{
    dns_must(strlen(name) < DNS_NAME_ROOM, "the name is too long");
    memcpy(out, name, strlen(name) + 1);
}

static void read_data(struct record *record, const char *data)
{
    int name_at = 0;

    switch (record->type) {
    case DNS_TYPE_A:
        dns_must(inet_pton(AF_INET, data, record->data) == 1, data);
        return;
    case DNS_TYPE_AAAA:
        dns_must(inet_pton(AF_INET6, data, record->data) == 1, data);
        return;
    case DNS_TYPE_SRV:
        dns_must(sscanf(data, "%u %u %u %n", &record->priority, &record->weight, &record->port, &name_at) ==
                     3,
                 data);
        break;
    case DNS_TYPE_CNAME:
    case DNS_ANY_TYPE:
        break;
    }
    copy_name(record->data, data + name_at);
}

void dns_zone_add(struct dns_zone *zone, const char *name, enum dns_record_type type, uint32_t ttl_s,
                  const char *data)
{
    struct record *record = dns_list_add(&zone->records, sizeof *record);

    copy_name(record->name, name);
    record->type = type;
    record->ttl_s = ttl_s;
    read_data(record, data);
}

static void add_rule(struct dns_zone *zone, const char *name, struct rule rule)
{
    copy_name(rule.name, name ? name : "");
    *(struct rule *)dns_list_add(&zone->rules, sizeof rule) = rule;
}

void dns_zone_behave(struct dns_zone *zone, const char *name, enum dns_record_type type,
                     enum dns_manner manner)
{
    add_rule(zone, name, (struct rule){.type = type, .manner = manner});
}

void dns_zone_delay(struct dns_zone *zone, const char *name, enum dns_record_type type, unsigned delay_ms)
{
    add_rule(zone, name, (struct rule){.type = type, .is_delay = true, .delay_ms = delay_ms});
}

unsigned dns_zone_asked(const struct dns_zone *zone, const char *name, enum dns_record_type type)
{
    unsigned asked = 0;

    for (size_t i = 0; i < zone->counts.count; i++) {
        const struct count *count = dns_list_at(&zone->counts, i);

        if ((!name || strcasecmp(count->name, name) == 0) && (type == DNS_ANY_TYPE || count->type == type))
            asked += count->asked;
    }
    return asked;
}

void dns_zone_clear(struct dns_zone *zone)
{
    dns_list_empty(&zone->records);
    dns_list_empty(&zone->rules);
}

void dns_zone_fini(struct dns_zone *zone)
{
    dns_zone_clear(zone);
    dns_list_empty(&zone->counts);
}
