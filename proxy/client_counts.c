#include "proxy/client_counts.h"

#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

enum { SHARDS = 256 };

struct counted {
    struct ip client;
    uint64_t connections; /* at least 1 */
};

/* Few clients each, so that a walk is short. */
struct shard {
    pthread_mutex_t lock;
    struct counted *items;
    size_t count, cap;
};

struct client_counts {
    uint64_t keys[2]; /* random: nobody can choose addresses of one shard */
    struct shard shards[SHARDS];
};

struct client_counts *client_counts_new(void)
{
    struct client_counts *counts = mem_new(struct client_counts);

    while (getrandom(counts->keys, sizeof(counts->keys), 0) != sizeof(counts->keys))
        continue;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&counts->shards[i].lock, NULL);
    return counts;
}

void client_counts_free(struct client_counts *counts)
{
    if (!counts)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_destroy(&counts->shards[i].lock);
        mem_free(counts->shards[i].items);
    }
    mem_free(counts);
}

static struct ip client_of(struct ip ip)
{
    if (ip.family == 6)
        memset(ip.bytes + 8, 0, 8);
    return ip;
}

/* Multiply and take the top bits: universal for odd random keys. */
static struct shard *shard_of(struct client_counts *counts, struct ip client)
{
    uint64_t high, low;

    memcpy(&high, client.bytes, sizeof(high));
    memcpy(&low, client.bytes + 8, sizeof(low));
    return &counts->shards[(high * (counts->keys[0] | 1) + low * (counts->keys[1] | 1)) >> 56];
}

static struct counted *find(const struct shard *shard, struct ip client)
{
    for (size_t i = 0; i < shard->count; i++) {
        if (ip_eq(shard->items[i].client, client))
            return &shard->items[i];
    }
    return NULL;
}

static bool add(struct shard *shard, struct ip client, uint64_t limit)
{
    struct counted *counted = find(shard, client);

    if (counted && counted->connections >= limit)
        return false;
    if (!counted) {
        mem_grow((void **)&shard->items, &shard->cap, shard->count + 1, sizeof(*shard->items));
        counted = &shard->items[shard->count++];
        *counted = (struct counted){.client = client};
    }
    counted->connections++;
    return true;
}

bool client_counts_add(struct client_counts *counts, struct ip ip, uint64_t limit)
{
    struct ip client = client_of(ip);
    struct shard *shard = shard_of(counts, client);
    bool is_added;

    pthread_mutex_lock(&shard->lock);
    is_added = add(shard, client, limit);
    pthread_mutex_unlock(&shard->lock);
    return is_added;
}

void client_counts_remove(struct client_counts *counts, struct ip ip)
{
    struct ip client = client_of(ip);
    struct shard *shard = shard_of(counts, client);
    struct counted *counted;

    pthread_mutex_lock(&shard->lock);
    counted = find(shard, client);
    ASSERT(counted);
    if (--counted->connections == 0)
        *counted = shard->items[--shard->count];
    pthread_mutex_unlock(&shard->lock);
}

size_t client_counts_clients(struct client_counts *counts)
{
    size_t clients = 0;

    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&counts->shards[i].lock);
        clients += counts->shards[i].count;
        pthread_mutex_unlock(&counts->shards[i].lock);
    }
    return clients;
}
