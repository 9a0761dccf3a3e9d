#include "tls/certificates.h"

#include <pthread.h>
#include <stdatomic.h>

#include <openssl/ssl.h>

#include "base/map.h"
#include "base/mem.h"
#include "tls/certificate_names.h"
#include "tls/identity.h"
#include "tls/local_ca.h"
#include "tls/local_leaves.h"

/* The certificates that serve one name, the best of each kind; and their identity once somebody asked. */
struct choice {
    const struct certificate *best[KEY_KINDS];
    _Atomic(struct tls_identity *) identity;
};

struct certificates {
    struct ticket_keys *keys;
    SSL_CTX *trial; /* that OpenSSL serves with a pair is known when it is loaded */
    time_t loaded_at;
    struct certificate **pairs;
    size_t pairs_count, pairs_cap;
    struct map by_name; /* → choices; keys as certificate_names_key() has them */
    struct choice **choices;
    size_t choices_count, choices_cap;
    struct choice fallback; /* all NULL: none */
    struct local_leaves *local;
    pthread_mutex_t lock; /* of what follows, after loading */
    struct tls_identity **identities;
    size_t identities_count, identities_cap;
};

struct certificates *certificates_new(struct ticket_keys *keys)
{
    struct certificates *certificates = mem_new(struct certificates);

    certificates->keys = keys;
    certificates->trial = SSL_CTX_new(TLS_server_method());
    ASSERT(certificates->trial);
    certificates->loaded_at = time(NULL);
    pthread_mutex_init(&certificates->lock, NULL);
    return certificates;
}

void certificates_free(struct certificates *certificates)
{
    if (!certificates)
        return;
    local_leaves_free(certificates->local);
    for (size_t i = 0; i < certificates->identities_count; i++)
        tls_identity_free(certificates->identities[i]);
    for (size_t i = 0; i < certificates->choices_count; i++)
        mem_free(certificates->choices[i]);
    for (size_t i = 0; i < certificates->pairs_count; i++)
        certificate_free(certificates->pairs[i]);
    mem_free(certificates->identities);
    mem_free(certificates->choices);
    mem_free(certificates->pairs);
    map_fini(&certificates->by_name);
    SSL_CTX_free(certificates->trial);
    pthread_mutex_destroy(&certificates->lock);
    mem_free(certificates);
}

/* Valid now beats not valid now; then who lasts longest; then who came first. */
static bool is_better(const struct certificate *one, const struct certificate *other, time_t now)
{
    bool one_valid = certificate_is_valid_at(one, now), other_valid = certificate_is_valid_at(other, now);

    if (one_valid != other_valid)
        return one_valid;
    return one->not_after > other->not_after;
}

static void choice_offer(struct choice *choice, const struct certificate *pair, time_t now)
{
    const struct certificate **best = &choice->best[pair->kind];

    if (!*best || is_better(pair, *best, now))
        *best = pair;
    atomic_store(&choice->identity, NULL);
}

static struct choice *choice_under(struct certificates *certificates, struct slice key)
{
    uint32_t fresh = (uint32_t)certificates->choices_count;
    uint32_t at = map_put(&certificates->by_name, key, fresh);

    if (at == fresh) {
        mem_grow((void **)&certificates->choices, &certificates->choices_cap, fresh + 1,
                 sizeof(struct choice *));
        certificates->choices[certificates->choices_count++] = mem_new(struct choice);
    }
    return certificates->choices[at];
}

static int load_pair(struct certificates *certificates, const char *cert_path, const char *key_path,
                     struct certificate **out, struct error *error)
{
    struct certificate *pair;

    if (certificate_load(cert_path, key_path, &pair, error) < 0)
        return -1;
    if (tls_identity_use(certificates->trial, pair, error) < 0) {
        certificate_free(pair);
        return -1;
    }
    *out = pair;
    return 0;
}

static void keep_pair(struct certificates *certificates, struct certificate *pair)
{
    mem_grow((void **)&certificates->pairs, &certificates->pairs_cap, certificates->pairs_count + 1,
             sizeof(struct certificate *));
    certificates->pairs[certificates->pairs_count++] = pair;
}

int certificates_add_pair(struct certificates *certificates, const char *cert_path, const char *key_path,
                          struct error *error)
{
    struct certificate *pair;

    if (load_pair(certificates, cert_path, key_path, &pair, error) < 0)
        return -1;
    if (pair->names_count == 0) {
        certificate_free(pair);
        return error_set(
            error,
            "%s: the certificate names no host (it has no subjectAltName; the common name does not "
            "count), so no client would accept it",
            cert_path);
    }
    keep_pair(certificates, pair);
    for (size_t i = 0; i < pair->names_count; i++)
        choice_offer(choice_under(certificates, certificate_names_key(pair->names[i])), pair,
                     certificates->loaded_at);
    return 0;
}

/* Whoever sets a default knows that it covers nothing: it needs no names. */
int certificates_set_default(struct certificates *certificates, const char *cert_path, const char *key_path,
                             struct error *error)
{
    struct certificate *pair;

    if (load_pair(certificates, cert_path, key_path, &pair, error) < 0)
        return -1;
    keep_pair(certificates, pair);
    choice_offer(&certificates->fallback, pair, certificates->loaded_at);
    return 0;
}

void certificates_set_local_ca(struct certificates *certificates, struct local_ca *ca)
{
    local_leaves_free(certificates->local);
    certificates->local = local_leaves_new(ca, certificates->keys);
}

/* Where one kind is valid, the expired ones of other kinds would only hurt who picks them. */
static void pick_pairs(const struct choice *choice, time_t now, const struct certificate *out[KEY_KINDS])
{
    bool any_valid = false;

    for (int kind = 0; kind < KEY_KINDS; kind++)
        any_valid |= choice->best[kind] && certificate_is_valid_at(choice->best[kind], now);
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        const struct certificate *pair = choice->best[kind];

        out[kind] = pair && any_valid && !certificate_is_valid_at(pair, now) ? NULL : pair;
    }
}

static struct tls_identity *identity_with(struct certificates *certificates,
                                          const struct certificate *const pairs[KEY_KINDS])
{
    struct tls_identity *identity;
    struct error error;

    /* Few: as many as there are certificates, and each is looked for once a name. */
    for (size_t i = 0; i < certificates->identities_count; i++) {
        identity = certificates->identities[i];
        if (memcmp(identity->pairs, pairs, sizeof(identity->pairs)) == 0)
            return identity;
    }
    /* Its pairs were tried one by one when they were loaded. */
    if (tls_identity_new(pairs, certificates->keys, NULL, &identity, &error) < 0)
        return NULL;
    mem_grow((void **)&certificates->identities, &certificates->identities_cap,
             certificates->identities_count + 1, sizeof(struct tls_identity *));
    return certificates->identities[certificates->identities_count++] = identity;
}

static struct tls_identity *choice_identity(struct certificates *certificates, struct choice *choice)
{
    struct tls_identity *identity = atomic_load_explicit(&choice->identity, memory_order_acquire);
    const struct certificate *pairs[KEY_KINDS];

    if (identity)
        return identity;
    pick_pairs(choice, certificates->loaded_at, pairs);
    pthread_mutex_lock(&certificates->lock);
    identity = identity_with(certificates, pairs);
    atomic_store_explicit(&choice->identity, identity, memory_order_release);
    pthread_mutex_unlock(&certificates->lock);
    return identity;
}

static struct choice *find_choice(const struct certificates *certificates, struct slice name)
{
    struct slice wildcard = certificate_names_wildcard_key(name);
    uint32_t at = MAP_NONE;

    if (name.len > 0 && name.data[0] != '.')
        at = map_get(&certificates->by_name, name);
    if (at == MAP_NONE && wildcard.len > 0)
        at = map_get(&certificates->by_name, wildcard);
    return at == MAP_NONE ? NULL : certificates->choices[at];
}

static bool choice_is_empty(const struct choice *choice)
{
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        if (choice->best[kind])
            return false;
    }
    return true;
}

struct tls_identity *certificates_find(struct certificates *certificates, struct slice name)
{
    struct choice *choice = find_choice(certificates, name);
    struct tls_identity *local;

    if (choice)
        return choice_identity(certificates, choice);
    local = certificates->local ? local_leaves_find(certificates->local, name) : NULL;
    if (local)
        return local;
    if (choice_is_empty(&certificates->fallback))
        return NULL;
    return choice_identity(certificates, &certificates->fallback);
}

void certificates_each(const struct certificates *certificates,
                       void (*each)(void *argument, const struct certificate_facts *facts), void *argument)
{
    for (size_t i = 0; i < certificates->pairs_count; i++) {
        const struct certificate *pair = certificates->pairs[i];
        struct certificate_facts facts = {.source = pair->source,
                                          .names = pair->names,
                                          .names_count = pair->names_count,
                                          .not_after = pair->not_after,
                                          .is_default = certificates->fallback.best[pair->kind] == pair,
                                          .leaf = pair->leaf,
                                          .chain = pair->chain};

        each(argument, &facts);
    }
}

bool certificates_have_local_ca(const struct certificates *certificates)
{
    return certificates->local != NULL;
}

bool certificate_facts_eq(const struct certificate_facts *a, const struct certificate_facts *b)
{
    const STACK_OF(X509) *one = a->chain, *other = b->chain; /* NULL: none, of which OpenSSL says -1 */

    if (X509_cmp(a->leaf, b->leaf) != 0 || sk_X509_num(one) != sk_X509_num(other))
        return false;
    for (int i = 0; i < sk_X509_num(one); i++) {
        if (X509_cmp(sk_X509_value(one, i), sk_X509_value(other, i)) != 0)
            return false;
    }
    return true;
}
