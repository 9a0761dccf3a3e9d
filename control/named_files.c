#include "control/named_files.h"

#include "base/mem.h"
#include "conf/conf.h"
#include "tls/certificates.h"

static void add(struct named_files *files, struct slice path, bool (*holds)(struct slice name))
{
    if (path.len == 0)
        return;
    mem_grow((void **)&files->places, &files->cap, files->count + 1, sizeof(*files->places));
    files->places[files->count++] = (struct file_place){arena_copy(&files->arena, path).data, holds};
}

static void add_certificate(struct named_files *files, const struct conf_certificate *certificate)
{
    add(files, certificate->cert.text, NULL);
    add(files, certificate->key.text, NULL);
    add(files, certificate->path.text, certificates_directory_has);
}

static void add_pool(struct named_files *files, const struct conf_pool *pool)
{
    add(files, pool->ca.text, NULL);
    add_certificate(files, &pool->client_certificate);
}

void named_files_add(struct named_files *files, const char *path, const struct conf *conf)
{
    files->are_watched = conf->watch;
    add(files, slice_str(path), NULL);
    for (size_t i = 0; i < conf->certificates_count; i++)
        add_certificate(files, &conf->certificates[i]);
    add_certificate(files, &conf->default_certificate);
    for (size_t i = 0; i < conf->backends_count; i++)
        add_pool(files, &conf->backends[i].pool);
    for (size_t i = 0; i < conf->routes_count; i++) {
        if (conf->routes[i].pool && conf->routes[i].pool != &conf->pool) /* which names none */
            add_pool(files, conf->routes[i].pool);
    }
}

void named_files_fini(struct named_files *files)
{
    mem_free(files->places);
    arena_fini(&files->arena);
    *files = (struct named_files){0};
}
