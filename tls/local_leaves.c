#include "tls/local_leaves.h"

#include <pthread.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "tls/identity.h"
#include "tls/local_ca.h"

struct local_leaf {
    char *name;
    struct certificate *certificate;
    struct tls_identity *identity;
    struct local_leaf *older; /* of the same name: streams may still use it */
};

struct local_leaves {
    pthread_mutex_t lock;
    struct local_ca *ca;
    struct ticket_keys *keys;
    struct map by_name;
    struct local_leaf *newest[LOCAL_LEAVES_MAX];
    size_t count;
    bool is_full_told;
};

struct local_leaves *local_leaves_new(struct local_ca *ca, struct ticket_keys *keys)
{
    struct local_leaves *leaves = mem_new(struct local_leaves);

    pthread_mutex_init(&leaves->lock, NULL);
    leaves->ca = ca;
    leaves->keys = keys;
    return leaves;
}

static void local_leaf_free(struct local_leaf *leaf)
{
    tls_identity_free(leaf->identity);
    certificate_free(leaf->certificate);
    mem_free(leaf->name);
    mem_free(leaf);
}

void local_leaves_free(struct local_leaves *leaves)
{
    if (!leaves)
        return;
    for (size_t i = 0; i < leaves->count; i++) {
        struct local_leaf *leaf = leaves->newest[i];

        while (leaf) {
            struct local_leaf *older = leaf->older;

            local_leaf_free(leaf);
            leaf = older;
        }
    }
    map_fini(&leaves->by_name);
    local_ca_free(leaves->ca);
    pthread_mutex_destroy(&leaves->lock);
    mem_free(leaves);
}

static struct local_leaf *make(struct local_leaves *leaves, struct slice name)
{
    struct local_leaf *leaf = mem_new(struct local_leaf);
    const struct certificate *pairs[KEY_KINDS] = {0};
    struct error error;

    leaf->name = mem_string(name);
    if (local_ca_leaf(leaves->ca, name, &leaf->certificate, &error) == 0) {
        pairs[leaf->certificate->kind] = leaf->certificate;
        if (tls_identity_new(pairs, leaves->keys, "local CA", &leaf->identity, &error) == 0)
            return leaf;
    }
    log_event(LOG_WARN, "local_certificate_failed", "name=%s error=%s", leaf->name,
              log_quote(slice_str(error.text)));
    local_leaf_free(leaf);
    return NULL;
}

static struct local_leaf *add(struct local_leaves *leaves, struct slice name)
{
    struct local_leaf *leaf;

    if (leaves->count == LOCAL_LEAVES_MAX) {
        if (!leaves->is_full_told)
            log_event(LOG_WARN, "local_certificates_full", "limit=%d name=%.*s", LOCAL_LEAVES_MAX,
                      FMT_SLICE(name));
        leaves->is_full_told = true;
        return NULL;
    }
    leaf = make(leaves, name);
    if (leaf) {
        map_put(&leaves->by_name, slice_str(leaf->name), (uint32_t)leaves->count);
        leaves->newest[leaves->count++] = leaf;
    }
    return leaf;
}

/* A process that runs for a year: the old one stays for those who hold it. */
static struct local_leaf *renew(struct local_leaves *leaves, uint32_t at)
{
    struct local_leaf *old = leaves->newest[at];
    struct local_leaf *leaf = make(leaves, slice_str(old->name));

    if (!leaf)
        return old;
    leaf->older = old;
    return leaves->newest[at] = leaf;
}

struct tls_identity *local_leaves_find(struct local_leaves *leaves, struct slice name)
{
    char buffer[LOCAL_NAME_MAX + 1];
    struct local_leaf *leaf;
    struct slice leaf_name;
    uint32_t at;

    if (!local_ca_may_name(name))
        return NULL;
    leaf_name = local_ca_leaf_name(name, buffer);
    pthread_mutex_lock(&leaves->lock);
    at = map_get(&leaves->by_name, leaf_name);
    if (at == MAP_NONE)
        leaf = add(leaves, leaf_name);
    else if (local_ca_leaf_is_stale(leaves->newest[at]->certificate))
        leaf = renew(leaves, at);
    else
        leaf = leaves->newest[at];
    pthread_mutex_unlock(&leaves->lock);
    return leaf ? leaf->identity : NULL;
}
