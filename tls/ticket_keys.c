#include "tls/ticket_keys.h"

#include <pthread.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/mem.h"

struct ticket_key {
    unsigned char name[TICKET_KEY_NAME_BYTES];
    unsigned char aes[32], hmac[32];
    uint64_t made_at_s;
    bool is_set;
};

struct ticket_keys {
    pthread_mutex_t lock;
    struct ticket_key newest_first[TICKET_KEYS_KEPT];
    EVP_CIPHER *aes_256_cbc; /* fetched once: looking it up costs more than using it */
};

struct ticket_keys *ticket_keys_new(void)
{
    struct ticket_keys *keys = mem_new(struct ticket_keys);

    pthread_mutex_init(&keys->lock, NULL);
    keys->aes_256_cbc = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    ASSERT(keys->aes_256_cbc);
    return keys;
}

void ticket_keys_free(struct ticket_keys *keys)
{
    if (!keys)
        return;
    EVP_CIPHER_free(keys->aes_256_cbc);
    pthread_mutex_destroy(&keys->lock);
    OPENSSL_cleanse(keys, sizeof(*keys));
    mem_free(keys);
}

static bool rotate(struct ticket_keys *keys, uint64_t now_s)
{
    struct ticket_key made = {.made_at_s = now_s, .is_set = true};

    if (RAND_bytes(made.name, sizeof(made.name)) != 1 || RAND_priv_bytes(made.aes, sizeof(made.aes)) != 1 ||
        RAND_priv_bytes(made.hmac, sizeof(made.hmac)) != 1)
        return false;
    memmove(keys->newest_first + 1, keys->newest_first,
            (TICKET_KEYS_KEPT - 1) * sizeof(keys->newest_first[0]));
    keys->newest_first[0] = made;
    OPENSSL_cleanse(&made, sizeof(made));
    return true;
}

/* The key to seal with, copied out so that no lock is held while it is used. */
static bool take_newest(struct ticket_keys *keys, uint64_t now_s, struct ticket_key *out)
{
    const struct ticket_key *newest = &keys->newest_first[0];
    bool ok = true;

    pthread_mutex_lock(&keys->lock);
    if (!newest->is_set || now_s - newest->made_at_s >= TICKET_KEY_ROTATION_S)
        ok = rotate(keys, now_s);
    *out = *newest;
    pthread_mutex_unlock(&keys->lock);
    return ok;
}

static enum ticket_verdict find(struct ticket_keys *keys, uint64_t now_s, const unsigned char *name,
                                struct ticket_key *out)
{
    enum ticket_verdict verdict = TICKET_UNKNOWN;

    pthread_mutex_lock(&keys->lock);
    for (size_t i = 0; i < TICKET_KEYS_KEPT && verdict == TICKET_UNKNOWN; i++) {
        const struct ticket_key *key = &keys->newest_first[i];
        uint64_t age_s = now_s - key->made_at_s;

        /* By age and not by place, so that a process that served nobody for a week does not honour last
         * week's. */
        if (!key->is_set || age_s >= (uint64_t)TICKET_KEYS_KEPT * TICKET_KEY_ROTATION_S ||
            memcmp(key->name, name, sizeof(key->name)) != 0)
            continue;
        *out = *key;
        verdict = age_s < TICKET_KEY_ROTATION_S ? TICKET_GOOD : TICKET_RENEW;
    }
    pthread_mutex_unlock(&keys->lock);
    return verdict;
}

static bool set_mac_key(EVP_MAC_CTX *mac, struct ticket_key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, sizeof(key->hmac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

enum ticket_verdict ticket_keys_seal(struct ticket_keys *keys, uint64_t now_s,
                                     unsigned char name[TICKET_KEY_NAME_BYTES], unsigned char *iv,
                                     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    enum ticket_verdict verdict = TICKET_FAILED;
    struct ticket_key key;

    if (take_newest(keys, now_s, &key) && RAND_bytes(iv, TICKET_IV_MAX) == 1 && set_mac_key(mac, &key) &&
        EVP_EncryptInit_ex2(cipher, keys->aes_256_cbc, key.aes, iv, NULL) == 1) {
        memcpy(name, key.name, sizeof(key.name));
        verdict = TICKET_GOOD;
    }
    OPENSSL_cleanse(&key, sizeof(key));
    return verdict;
}

enum ticket_verdict ticket_keys_open(struct ticket_keys *keys, uint64_t now_s,
                                     const unsigned char name[TICKET_KEY_NAME_BYTES], const unsigned char *iv,
                                     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    struct ticket_key key;
    enum ticket_verdict verdict = find(keys, now_s, name, &key);

    if (verdict == TICKET_UNKNOWN)
        return verdict;
    if (!set_mac_key(mac, &key) || EVP_DecryptInit_ex2(cipher, keys->aes_256_cbc, key.aes, iv, NULL) != 1)
        verdict = TICKET_FAILED;
    OPENSSL_cleanse(&key, sizeof(key));
    return verdict;
}

/* ---- to another process ---- */

static unsigned char *put(unsigned char *at, const void *bytes, size_t len)
{
    memcpy(at, bytes, len);
    return at + len;
}

static const unsigned char *get(const unsigned char *at, void *bytes, size_t len)
{
    memcpy(bytes, at, len);
    return at + len;
}

void ticket_keys_export(struct ticket_keys *keys, unsigned char out[TICKET_KEYS_BYTES])
{
    pthread_mutex_lock(&keys->lock);
    for (size_t i = 0; i < TICKET_KEYS_KEPT; i++) {
        const struct ticket_key *key = &keys->newest_first[i];

        out = put(out, key->name, sizeof(key->name));
        out = put(out, key->aes, sizeof(key->aes));
        out = put(out, key->hmac, sizeof(key->hmac));
        out = put(out, &key->made_at_s, sizeof(key->made_at_s));
        *out++ = key->is_set;
    }
    pthread_mutex_unlock(&keys->lock);
}

void ticket_keys_import(struct ticket_keys *keys, const unsigned char bytes[TICKET_KEYS_BYTES])
{
    pthread_mutex_lock(&keys->lock);
    for (size_t i = 0; i < TICKET_KEYS_KEPT; i++) {
        struct ticket_key *key = &keys->newest_first[i];

        bytes = get(bytes, key->name, sizeof(key->name));
        bytes = get(bytes, key->aes, sizeof(key->aes));
        bytes = get(bytes, key->hmac, sizeof(key->hmac));
        bytes = get(bytes, &key->made_at_s, sizeof(key->made_at_s));
        key->is_set = *bytes++ == 1;
    }
    pthread_mutex_unlock(&keys->lock);
}
