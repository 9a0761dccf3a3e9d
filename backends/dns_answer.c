#include "backends/dns_answer.h"

#include <stdlib.h>

#include "base/mem.h"

enum {
    HEADER_BYTES = 12,
    TYPE_CNAME = 5,
    CLASS_IN = 1,
    ALIASES_MAX = 16,
    POINTERS_MAX = 64,      /* of one name */
    FLAGS_CHECKED = 0xf80f, /* is an answer, to a question, without an error */
    FLAGS_GOOD = 0x8000,
};

/* All of the message, and how far it was read. */
struct reader {
    const uint8_t *data;
    size_t len, at;
};

struct name {
    size_t len;
    char text[DNS_NAME_MAX + 1];
    bool is_host; /* of letters, digits, "-" and "_" alone */
};

struct record {
    struct name owner;
    uint16_t type, class;
    uint32_t ttl_s;
    size_t data, data_len; /* within the message */
};

static bool read_u16(struct reader *reader, uint16_t *out)
{
    if (reader->len - reader->at < 2)
        return false;
    *out = (uint16_t)(reader->data[reader->at] << 8 | reader->data[reader->at + 1]);
    reader->at += 2;
    return true;
}

static bool read_u32(struct reader *reader, uint32_t *out)
{
    uint16_t high, low;

    if (!read_u16(reader, &high) || !read_u16(reader, &low))
        return false;
    *out = (uint32_t)high << 16 | low;
    return true;
}

/* Names. */

static bool is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool add_label(struct name *name, const uint8_t *label, size_t len)
{
    size_t dot = name->len ? 1 : 0;

    if (name->len + dot + len > DNS_NAME_MAX)
        return false;
    if (dot)
        name->text[name->len++] = '.';
    for (size_t i = 0; i < len; i++) {
        char c = ascii_lower((char)label[i]);

        name->is_host = name->is_host && is_host_byte(c);
        name->text[name->len++] = c;
    }
    name->text[name->len] = '\0';
    return true;
}

/* Follows a pointer (RFC 1035 §4.1.4). Each must point before the one that led to it, so there is no round. */
static bool follow(const struct reader *reader, size_t *at, size_t *before)
{
    size_t target;

    if (reader->len - *at < 2)
        return false;
    target = (size_t)(reader->data[*at] & 0x3f) << 8 | reader->data[*at + 1];
    if (target >= *before)
        return false;
    *at = *before = target;
    return true;
}

static bool read_name(struct reader *reader, struct name *name)
{
    size_t at = reader->at, before = reader->at;
    unsigned pointers = 0;

    *name = (struct name){.is_host = true};
    while (at < reader->len && reader->data[at] != 0) {
        uint8_t len = reader->data[at];

        if (len >= 0xc0) {
            if (pointers++ == 0)
                reader->at = at + 2;
            if (pointers > POINTERS_MAX || !follow(reader, &at, &before))
                return false;
            continue;
        }
        if (len > DNS_LABEL_MAX || reader->len - at <= len || !add_label(name, reader->data + at + 1, len))
            return false;
        at += 1 + (size_t)len;
    }
    if (at >= reader->len)
        return false;
    if (pointers == 0)
        reader->at = at + 1;
    return true;
}

static bool name_eq(const struct name *a, const struct name *b)
{
    return slice_eq(slice_of(a->text, a->len), slice_of(b->text, b->len));
}

bool dns_name_is_valid(struct slice name)
{
    size_t label = 0;

    if (name.len == 0 || name.len > DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        label = name.data[i] == '.' ? 0 : label + 1;
        if (label > DNS_LABEL_MAX || (label == 0 && (i == 0 || name.data[i - 1] == '.')))
            return false;
    }
    return label > 0;
}

/* Records. */

static bool read_record(struct reader *reader, struct record *record)
{
    uint16_t len;

    if (!read_name(reader, &record->owner) || !read_u16(reader, &record->type) ||
        !read_u16(reader, &record->class) || !read_u32(reader, &record->ttl_s) || !read_u16(reader, &len) ||
        reader->len - reader->at < len)
        return false;
    if (record->ttl_s > INT32_MAX)
        record->ttl_s = 0; /* RFC 2181 §8 */
    record->data = reader->at;
    record->data_len = len;
    reader->at += len;
    return true;
}

/* The message up to the record's end, at its data: what stands behind is no part of it. */
static struct reader record_reader(const struct reader *message, const struct record *record)
{
    return (struct reader){message->data, record->data + record->data_len, record->data};
}

/* Where the room is used up the lowest stay: the next answer may have the same ones in another order. */
static struct ip *place_for(struct dns_answer *out, const struct ip *ip)
{
    struct ip *highest = out->ips;

    if (out->ips_count < DNS_IPS_MAX)
        return &out->ips[out->ips_count++];
    for (size_t i = 1; i < out->ips_count; i++) {
        if (memcmp(out->ips[i].bytes, highest->bytes, sizeof(ip->bytes)) > 0)
            highest = &out->ips[i];
    }
    return memcmp(ip->bytes, highest->bytes, sizeof(ip->bytes)) < 0 ? highest : NULL;
}

static bool take_ip(const struct reader *message, const struct record *record, struct dns_answer *out)
{
    size_t len = record->type == DNS_A ? 4 : 16;
    struct ip ip = {.family = record->type == DNS_A ? 4 : 6}, *place;

    if (record->data_len != len)
        return false;
    if (!out->ips)
        out->ips = mem_new_n(struct ip, DNS_IPS_MAX);
    memcpy(ip.bytes, message->data + record->data, len);
    place = place_for(out, &ip);
    if (place)
        *place = ip;
    return true;
}

/* Sorted in, so that the first priorities are there when the room is used up. */
static void keep_service(struct dns_answer *out, const struct dns_service *service)
{
    size_t at = out->services_count;

    if (!out->services)
        out->services = mem_new_n(struct dns_service, DNS_SERVICES_MAX + 1);
    while (at > 0 && out->services[at - 1].priority > service->priority) {
        out->services[at] = out->services[at - 1];
        at--;
    }
    if (at == DNS_SERVICES_MAX)
        return;
    out->services[at] = *service;
    if (out->services_count < DNS_SERVICES_MAX)
        out->services_count++;
}

static bool take_service(const struct reader *message, const struct record *record, struct dns_answer *out)
{
    struct reader reader = record_reader(message, record);
    struct dns_service service;
    struct name host;

    if (!read_u16(&reader, &service.priority) || !read_u16(&reader, &service.weight) ||
        !read_u16(&reader, &service.port) || !read_name(&reader, &host) || reader.at != reader.len)
        return false;
    if (host.len == 0) {
        out->is_refused = true;
        return true;
    }
    if (!host.is_host || service.port == 0) {
        out->has_useless = true;
        return true;
    }
    memcpy(service.host, host.text, host.len + 1);
    keep_service(out, &service);
    return true;
}

static bool take_record(const struct reader *message, const struct record *record, struct dns_answer *out)
{
    out->ttl_s = MIN(out->ttl_s, record->ttl_s);
    return record->type == DNS_SRV ? take_service(message, record, out) : take_ip(message, record, out);
}

/* One walk over the records: takes what the name has; else *name becomes what it is an alias of.
 * @return how many records spoke of the name, or -1 */
static int take_of_name(struct reader records, uint16_t count, enum dns_type type, struct name *name,
                        struct dns_answer *out)
{
    const struct reader message = records;
    struct record record, alias = {.type = 0};
    int taken = 0;

    for (uint16_t i = 0; i < count; i++) {
        if (!read_record(&records, &record))
            return -1;
        if (record.class != CLASS_IN || !name_eq(&record.owner, name))
            continue;
        if (record.type == TYPE_CNAME)
            alias = record;
        if (record.type != type)
            continue;
        if (!take_record(&message, &record, out))
            return -1;
        taken++;
    }
    if (taken == 0 && alias.type == TYPE_CNAME) {
        struct reader reader = record_reader(&message, &alias);

        out->ttl_s = MIN(out->ttl_s, alias.ttl_s);
        taken = read_name(&reader, name) ? 1 : -1;
    }
    return taken;
}

static bool read_head(struct reader *reader, struct name *question, uint16_t *answers)
{
    uint16_t skipped, flags, questions;

    if (reader->len < HEADER_BYTES)
        return false;
    if (!read_u16(reader, &skipped) || !read_u16(reader, &flags) || !read_u16(reader, &questions) ||
        !read_u16(reader, answers) || questions != 1 || (flags & FLAGS_CHECKED) != FLAGS_GOOD)
        return false;
    reader->at = HEADER_BYTES;
    return read_name(reader, question) && read_u16(reader, &skipped) && read_u16(reader, &skipped);
}

bool dns_answer_has_records(const struct dns_answer *answer)
{
    return answer->ips_count || answer->services_count || answer->is_refused || answer->has_useless;
}

int dns_answer_read(struct slice bytes, enum dns_type type, struct dns_answer *out)
{
    struct reader reader = {(const uint8_t *)bytes.data, bytes.len, 0};
    struct name name;
    uint16_t answers;
    int taken = 1;

    *out = (struct dns_answer){.ttl_s = UINT32_MAX};
    if (!read_head(&reader, &name, &answers))
        taken = -1;
    for (unsigned i = 0; i < ALIASES_MAX && taken > 0 && !dns_answer_has_records(out); i++)
        taken = take_of_name(reader, answers, type, &name, out);
    if (taken == 0 || (taken > 0 && dns_answer_has_records(out)))
        return 0;
    dns_answer_fini(out); /* aliases without an end are no word on what there is */
    return -1;
}

void dns_answer_fini(struct dns_answer *answer)
{
    mem_free(answer->ips);
    mem_free(answer->services);
    *answer = (struct dns_answer){0};
}
