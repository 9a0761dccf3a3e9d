#include <criterion/criterion.h>
#include <openssl/evp.h>

#include "tls/ticket_keys.h"

enum { HOUR_S = 3600 };

struct sealed {
    unsigned char name[TICKET_KEY_NAME_BYTES], iv[TICKET_IV_MAX], ticket[32], tag[32];
};

static EVP_MAC_CTX *new_mac(void)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);

    EVP_MAC_free(hmac);
    return mac;
}

static struct sealed seal(struct ticket_keys *keys, uint64_t now_s)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MAC_CTX *mac = new_mac();
    struct sealed sealed = {0};
    size_t tag_len;
    int len;

    cr_assert_eq(ticket_keys_seal(keys, now_s, sealed.name, sealed.iv, cipher, mac), TICKET_GOOD);
    cr_assert(EVP_EncryptUpdate(cipher, sealed.ticket, &len, (const unsigned char *)"sixteen bytes ok", 16));
    cr_assert(EVP_MAC_init(mac, NULL, 0, NULL) && EVP_MAC_update(mac, sealed.ticket, 16) &&
              EVP_MAC_final(mac, sealed.tag, &tag_len, sizeof(sealed.tag)));
    cr_assert_eq(tag_len, 32);
    EVP_MAC_CTX_free(mac);
    EVP_CIPHER_CTX_free(cipher);
    return sealed;
}

/* The verdict, after checking that what was opened is what was sealed. */
static enum ticket_verdict open_at(struct ticket_keys *keys, uint64_t now_s, const struct sealed *sealed)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_MAC_CTX *mac = new_mac();
    enum ticket_verdict verdict = ticket_keys_open(keys, now_s, sealed->name, sealed->iv, cipher, mac);
    unsigned char plain[32], tag[32];
    size_t tag_len;
    int len;

    if (verdict == TICKET_GOOD || verdict == TICKET_RENEW) {
        EVP_CIPHER_CTX_set_padding(cipher, 0);
        cr_expect(EVP_DecryptUpdate(cipher, plain, &len, sealed->ticket, 16));
        cr_expect_arr_eq(plain, "sixteen bytes ok", 16);
        cr_expect(EVP_MAC_init(mac, NULL, 0, NULL) && EVP_MAC_update(mac, sealed->ticket, 16) &&
                  EVP_MAC_final(mac, tag, &tag_len, sizeof(tag)));
        cr_expect_arr_eq(tag, sealed->tag, sizeof(tag));
    }
    EVP_MAC_CTX_free(mac);
    EVP_CIPHER_CTX_free(cipher);
    return verdict;
}

Test(ticket_keys, ticket_opens_for_36_hours_and_is_renewed_after_12)
{
    struct ticket_keys *keys = ticket_keys_new();
    struct sealed first = seal(keys, 1000);

    cr_expect_eq(open_at(keys, 1000, &first), TICKET_GOOD);
    cr_expect_eq(open_at(keys, 1000 + 12 * HOUR_S - 1, &first), TICKET_GOOD);
    cr_expect_eq(open_at(keys, 1000 + 12 * HOUR_S, &first), TICKET_RENEW);
    seal(keys, 1000 + 13 * HOUR_S);
    cr_expect_eq(open_at(keys, 1000 + 13 * HOUR_S, &first), TICKET_RENEW);
    cr_expect_eq(open_at(keys, 1000 + 36 * HOUR_S - 1, &first), TICKET_RENEW);
    cr_expect_eq(open_at(keys, 1000 + 36 * HOUR_S, &first), TICKET_UNKNOWN);
    ticket_keys_free(keys);
}

Test(ticket_keys, rotate_every_12_hours_and_three_are_kept)
{
    struct ticket_keys *keys = ticket_keys_new();
    struct sealed tickets[4];

    tickets[0] = seal(keys, 0);
    cr_expect_arr_eq(seal(keys, 12 * HOUR_S - 1).name, tickets[0].name, TICKET_KEY_NAME_BYTES);
    for (unsigned i = 1; i < 4; i++) {
        tickets[i] = seal(keys, (uint64_t)i * 12 * HOUR_S);
        cr_expect_arr_neq(tickets[i].name, tickets[i - 1].name, TICKET_KEY_NAME_BYTES);
    }
    cr_expect_eq(open_at(keys, 36 * HOUR_S, &tickets[0]), TICKET_UNKNOWN);
    cr_expect_eq(open_at(keys, 36 * HOUR_S, &tickets[1]), TICKET_RENEW);
    cr_expect_eq(open_at(keys, 36 * HOUR_S, &tickets[2]), TICKET_RENEW);
    cr_expect_eq(open_at(keys, 36 * HOUR_S, &tickets[3]), TICKET_GOOD);
    ticket_keys_free(keys);
}

Test(ticket_keys, ticket_of_another_process_is_unknown)
{
    struct ticket_keys *keys = ticket_keys_new(), *others = ticket_keys_new();
    struct sealed foreign = seal(others, 5);

    seal(keys, 5);
    cr_expect_eq(open_at(keys, 5, &foreign), TICKET_UNKNOWN);
    ticket_keys_free(others);
    ticket_keys_free(keys);
}

Test(ticket_keys, another_process_opens_and_seals_with_what_was_exported)
{
    struct ticket_keys *before = ticket_keys_new(), *after = ticket_keys_new();
    unsigned char bytes[TICKET_KEYS_BYTES];
    struct sealed first = seal(before, 1000), second = seal(before, 1000 + 13 * HOUR_S);

    ticket_keys_export(before, bytes);
    ticket_keys_import(after, bytes);
    cr_expect_eq(open_at(after, 1000 + 13 * HOUR_S, &second), TICKET_GOOD);
    cr_expect_eq(open_at(after, 1000 + 13 * HOUR_S, &first), TICKET_RENEW);
    cr_expect_eq(open_at(after, 1000 + 36 * HOUR_S, &first), TICKET_UNKNOWN, "as old as before");
    cr_expect_arr_eq(seal(after, 1000 + 14 * HOUR_S).name, second.name, TICKET_KEY_NAME_BYTES);
    ticket_keys_free(before);
    ticket_keys_free(after);
}
