#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "tls/certificate.h"
#include "tls/certificates.h"
#include "tls/pem_file.h"

/* NAME.crt|.pem is paired with NAME.key; a .pem alone counts when it holds both. Other .pem files (chain.pem,
 * privkey.pem) may lie about. */

static bool is_hidden(struct slice name)
{
    return slice_starts(name, SLICE("."));
}

static bool is_certificate(struct slice name)
{
    return !is_hidden(name) && (slice_ends(name, SLICE(".crt")) || slice_ends(name, SLICE(".pem")));
}

static int is_candidate(const struct dirent *entry)
{
    return is_certificate(slice_str(entry->d_name));
}

bool certificates_directory_has(struct slice name)
{
    return is_certificate(name) || (!is_hidden(name) && slice_ends(name, SLICE(".key")));
}

static int holds_both(const char *path, bool *out, struct error *error)
{
    struct text content = {0};
    int rc = pem_file_read(path, &content, error);

    *out = rc == 0 && pem_has_certificate(text_slice(&content)) && pem_has_key(text_slice(&content));
    text_fini(&content);
    return rc;
}

static int add_file(struct certificates *certificates, const char *folder, const char *name, size_t *added,
                    struct error *error)
{
    struct text path = {0}, key_path = {0};
    struct slice in = slice_str(folder), stem = slice_head(slice_str(name), strlen(name) - strlen(".crt"));
    bool is_pair = true, has_key_file;
    int rc = 0;

    if (slice_ends(in, SLICE("/"))) /* "certs/": its files are certs/NAME to a person */
        in.len--;
    text_printf(&path, "%.*s/%s", FMT_SLICE(in), name);
    text_printf(&key_path, "%.*s/%.*s.key", FMT_SLICE(in), FMT_SLICE(stem));
    has_key_file = access(key_path.data, F_OK) == 0;
    if (!has_key_file)
        rc = holds_both(path.data, &is_pair, error);
    if (rc == 0 && is_pair)
        rc = certificates_add_pair(certificates, path.data, has_key_file ? key_path.data : path.data, error);
    else if (rc == 0 && slice_ends(slice_str(name), SLICE(".crt")))
        log_event(LOG_WARN, "certificate_without_key", "file=%s wanted=%s", log_quote(text_slice(&path)),
                  log_quote(text_slice(&key_path)));
    *added += rc == 0 && is_pair;
    text_fini(&key_path);
    text_fini(&path);
    return rc;
}

int certificates_add_directory(struct certificates *certificates, const char *path, struct error *error)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_candidate, alphasort);
    size_t added = 0;
    int rc = 0;

    if (count < 0)
        return error_set(error, "%s: cannot read the directory: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        if (rc == 0)
            rc = add_file(certificates, path, entries[i]->d_name, &added, error);
        free(entries[i]);
    }
    free(entries);
    if (rc == 0 && added == 0)
        return error_set(
            error,
            "%s: there is no certificate in this directory (NAME.crt or NAME.pem with NAME.key, or a "
            ".pem that holds both)",
            path);
    return rc;
}
