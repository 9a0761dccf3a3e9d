/* The answer of a name server, whatever it is: bounded and sound, or refused; and the same twice. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/dns_answer.h"
#include "base/macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_services(const struct dns_answer *answer)
{
    ASSERT(answer->services_count <= DNS_SERVICES_MAX);
    for (size_t i = 0; i < answer->services_count; i++) {
        const struct dns_service *service = &answer->services[i];

        ASSERT(dns_name_is_valid(slice_str(service->host)));
        ASSERT(service->port > 0);
        ASSERT(i == 0 || answer->services[i - 1].priority <= service->priority);
    }
}

static void check_sound(const struct dns_answer *answer, enum dns_type type)
{
    ASSERT(answer->ips_count <= DNS_IPS_MAX);
    for (size_t i = 0; i < answer->ips_count; i++)
        ASSERT(answer->ips[i].family == (type == DNS_A ? 4 : 6));
    ASSERT(type != DNS_SRV || answer->ips_count == 0);
    check_services(answer);
    ASSERT(!dns_answer_has_records(answer) || answer->ttl_s <= INT32_MAX);
}

/* Each call gets its own copy of the bytes, so that reading past them is seen. */
static int read_copy(const uint8_t *data, size_t size, enum dns_type type, struct dns_answer *out)
{
    char *copy = malloc(size ? size : 1);
    int rc;

    memcpy(copy, data, size);
    rc = dns_answer_read(slice_of(copy, size), type, out);
    free(copy);
    return rc;
}

static void check(const uint8_t *data, size_t size, enum dns_type type)
{
    struct dns_answer first, second;
    int rc = read_copy(data, size, type, &first);

    ASSERT(read_copy(data, size, type, &second) == rc);
    ASSERT(rc == 0 || !dns_answer_has_records(&first));
    ASSERT(first.ips_count == second.ips_count && first.services_count == second.services_count);
    check_sound(&first, type);
    dns_answer_fini(&first);
    dns_answer_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > UINT16_MAX)
        return 0;
    check(data, size, DNS_A);
    check(data, size, DNS_AAAA);
    check(data, size, DNS_SRV);
    return 0;
}
