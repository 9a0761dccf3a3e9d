#include "tls/certificate_names.h"

#include <openssl/x509v3.h>

#include "base/ip.h"
#include "base/mem.h"

enum { NAME_MAX_LEN = 253 };

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* A star may only be the whole first label, with another label behind it. */
static bool is_usable(struct slice name)
{
    if (slice_starts(name, SLICE("*.")))
        name = slice_from(name, 2);
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_char(name.data[i]) || (name.data[i] == '.' && (i == 0 || name.data[i - 1] == '.')))
            return false;
    }
    return name.len > 0 && name.len <= NAME_MAX_LEN && name.data[name.len - 1] != '.';
}

static void add_name(struct certificate *certificate, struct slice name)
{
    size_t at = certificate->names_count;

    certificate->names = mem_resize(certificate->names, (at + 1) * sizeof(*certificate->names));
    certificate->names[at] = mem_string(name);
    if (map_put(&certificate->covered, certificate_names_key(certificate->names[at]), (uint32_t)at) != at)
        mem_free(certificate->names[at]); /* named twice */
    else
        certificate->names_count++;
}

static void add_dns(struct certificate *certificate, const ASN1_IA5STRING *dns)
{
    struct slice raw = slice_of(ASN1_STRING_get0_data(dns), (size_t)ASN1_STRING_length(dns));
    char lower[NAME_MAX_LEN + 2];

    if (raw.len > 0 && raw.data[raw.len - 1] == '.')
        raw.len--;
    if (raw.len >= sizeof(lower))
        return;
    for (size_t i = 0; i < raw.len; i++)
        lower[i] = ascii_lower(raw.data[i]);
    if (is_usable(slice_of(lower, raw.len)))
        add_name(certificate, slice_of(lower, raw.len));
}

static void add_ip(struct certificate *certificate, const ASN1_OCTET_STRING *address)
{
    int len = ASN1_STRING_length(address);
    struct ip ip = {.family = len == 4 ? 4 : 6};
    char text[IP_TEXT];

    if (len != 4 && len != 16)
        return;
    memcpy(ip.bytes, ASN1_STRING_get0_data(address), (size_t)len);
    add_name(certificate, slice_str(ip_describe(ip, text)));
}

void certificate_names_read(struct certificate *certificate)
{
    GENERAL_NAMES *sans = X509_get_ext_d2i(certificate->leaf, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        const GENERAL_NAME *san = sk_GENERAL_NAME_value(sans, i);

        if (san->type == GEN_DNS)
            add_dns(certificate, san->d.dNSName);
        else if (san->type == GEN_IPADD)
            add_ip(certificate, san->d.iPAddress);
    }
    GENERAL_NAMES_free(sans);
}

void certificate_names_fini(struct certificate *certificate)
{
    for (size_t i = 0; i < certificate->names_count; i++)
        mem_free(certificate->names[i]);
    mem_free(certificate->names);
    map_fini(&certificate->covered);
}

struct slice certificate_names_key(const char *name)
{
    return name[0] == '*' ? slice_str(name + 1) : slice_str(name);
}

struct slice certificate_names_wildcard_key(struct slice name)
{
    ptrdiff_t dot = slice_find(name, '.');

    return dot > 0 ? slice_from(name, (size_t)dot) : slice_of(NULL, 0);
}

static bool has_name(const struct certificate *certificate, struct slice name)
{
    return name.len > 0 && name.data[0] != '.' && map_get(&certificate->covered, name) != MAP_NONE;
}

static bool is_covered_by_wildcard(const struct certificate *certificate, struct slice name)
{
    struct slice key = certificate_names_wildcard_key(name);

    return key.len > 0 && map_get(&certificate->covered, key) != MAP_NONE;
}

bool certificate_names_cover(const struct certificate *certificate, struct slice name)
{
    struct slice bare = name;
    char text[IP_TEXT];
    struct ip ip;

    if (name.len > 2 && name.data[0] == '[' && name.data[name.len - 1] == ']')
        bare = slice_of(name.data + 1, name.len - 2);
    /* Addresses have one spelling in the map, and no wildcard stands for a part of one. */
    if (ip_parse(bare, &ip))
        return has_name(certificate, slice_str(ip_describe(ip, text)));
    return has_name(certificate, name) || is_covered_by_wildcard(certificate, name);
}
