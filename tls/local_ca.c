#include "tls/local_ca.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/log.h"
#include "base/mem.h"
#include "tls/certificate.h"
#include "tls/certificate_names.h"
#include "tls/issuer.h"
#include "tls/leaf_files.h"
#include "tls/pem_file.h"

enum { DAY_S = 24 * 60 * 60, RENEW_BEFORE_S = 30 * DAY_S, LABEL_MAX = 63 };

static const char *const domains[] = {"localhost", "test", "internal", "home.arpa", NULL};

/* Read-only once opened; leaves' files are replaced whole. */
struct local_ca {
    struct certificate *own;
    struct issuer issuer; /* lends from *own* */
    char *cert_path, *key_path, *leaves_path;
};

static char *path_of(const char *directory, const char *name)
{
    struct text path = {0};

    text_printf(&path, "%s/%s", directory, name);
    return path.data;
}

static int write_new_ca(const struct local_ca *ca, struct error *error)
{
    char host[64] = "", common_name[64];
    struct issuer made;
    struct text cert = {0}, key = {0};
    int rc;

    gethostname(host, sizeof(host) - 1);
    snprintf(common_name, sizeof(common_name), "Portico local CA of %.40s", host);
    if (issuer_make(common_name, domains, &made, error) < 0)
        return -1;
    issuer_add_certificate_pem(made.certificate, &cert);
    issuer_add_key_pem(made.key, &key);
    /* The key first: a key without a certificate is made anew, a certificate without its key is an error,
     * because somebody may trust it already. */
    rc = pem_file_write(ca->key_path, text_slice(&key), 0600, true, error);
    if (rc == 0)
        rc = pem_file_write(ca->cert_path, text_slice(&cert), 0644, true, error);
    OPENSSL_cleanse(key.data, key.cap);
    text_fini(&key);
    text_fini(&cert);
    issuer_fini(&made);
    return rc;
}

static int check_ca(const struct local_ca *ca, struct error *error)
{
    if (X509_check_ca(ca->own->leaf) != 1)
        return error_set(error, "%s: this certificate is no certificate authority's", ca->cert_path);
    if (ca->own->not_after <= time(NULL) + RENEW_BEFORE_S)
        return error_set(error, "%s: the local CA expires; remove %s and %s to get a new one, and trust that",
                         ca->cert_path, ca->cert_path, ca->key_path);
    return 0;
}

/* Under a lock of the folder, so that two processes that start together make one CA. */
static int load_or_make(struct local_ca *ca, const char *folder, struct error *error)
{
    int lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = 0;

    if (lock < 0 || flock(lock, LOCK_EX) < 0) {
        error_set(error, "%s: cannot lock the folder: %s", folder, strerror(errno));
        rc = -1;
    } else if (access(ca->cert_path, F_OK) < 0) {
        rc = write_new_ca(ca, error);
    }
    if (rc == 0)
        rc = certificate_load(ca->cert_path, ca->key_path, &ca->own, error);
    if (lock >= 0)
        close(lock);
    return rc == 0 ? check_ca(ca, error) : -1;
}

int local_ca_open(const char *directory, struct local_ca **out, struct error *error)
{
    struct local_ca *ca = mem_new(struct local_ca);
    char *folder = path_of(directory, "ca");
    int rc = -1;

    ca->cert_path = path_of(folder, "ca.crt");
    ca->key_path = path_of(folder, "ca.key");
    ca->leaves_path = path_of(folder, "leaves");
    if (pem_directory_make(directory, error) < 0 || pem_directory_make(folder, error) < 0 ||
        pem_directory_make(ca->leaves_path, error) < 0 || load_or_make(ca, folder, error) < 0) {
        error_within(error, "local CA");
        goto out;
    }
    ca->issuer = (struct issuer){.certificate = ca->own->leaf, .key = ca->own->key};
    leaf_files_trim(ca->leaves_path, LOCAL_LEAVES_KEPT);
    *out = TAKE(ca);
    rc = 0;
out:
    mem_free(folder);
    local_ca_free(ca);
    return rc;
}

void local_ca_free(struct local_ca *ca)
{
    if (!ca)
        return;
    certificate_free(ca->own);
    mem_free(ca->cert_path);
    mem_free(ca->key_path);
    mem_free(ca->leaves_path);
    mem_free(ca);
}

const char *local_ca_path(const struct local_ca *ca)
{
    return ca->cert_path;
}

/* The name becomes a file's name and a line of OpenSSL's configuration: letters, digits, hyphens and
 * underscores only. */
static bool is_plain(struct slice name)
{
    size_t label = 0;

    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        if (c == '.' ? label == 0
                     : !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > LABEL_MAX)
            return false;
    }
    return label > 0;
}

bool local_ca_may_name(struct slice name)
{
    if (name.len > LOCAL_NAME_MAX || !is_plain(name))
        return false;
    for (const char *const *domain = domains; *domain; domain++) {
        struct slice suffix = slice_str(*domain);

        if (slice_ends(name, suffix) &&
            (name.len == suffix.len || name.data[name.len - suffix.len - 1] == '.'))
            return true;
    }
    return false;
}

struct slice local_ca_leaf_name(struct slice name, char out[LOCAL_NAME_MAX + 1])
{
    struct slice parent = certificate_names_wildcard_key(name);
    bool has_long_parent = parent.len > 1 && slice_find(slice_from(parent, 1), '.') > 0;
    struct slice kept = has_long_parent ? parent : name;
    size_t star = has_long_parent ? 1 : 0;

    ASSERT(name.len <= LOCAL_NAME_MAX);
    out[0] = '*';
    memcpy(out + star, kept.data, kept.len);
    out[star + kept.len] = '\0';
    return slice_of(out, star + kept.len);
}

bool local_ca_leaf_is_stale(const struct certificate *leaf)
{
    return leaf->not_after - RENEW_BEFORE_S <= time(NULL);
}

/* A file of an older CA, or one that somebody put there, is as good as none. */
static bool is_ours(const struct local_ca *ca, const struct certificate *leaf, struct slice leaf_name)
{
    bool is_signed = X509_check_issued(ca->own->leaf, leaf->leaf) == X509_V_OK &&
                     X509_verify(leaf->leaf, X509_get0_pubkey(ca->own->leaf)) == 1;

    ERR_clear_error();
    return is_signed && leaf->names_count == 1 && slice_eq(slice_str(leaf->names[0]), leaf_name);
}

static int make_leaf(const struct local_ca *ca, struct slice leaf_name, const char *path,
                     struct certificate **out, struct error *error)
{
    struct text pem = {0};
    struct error not_kept;
    int rc = issuer_sign_leaf(&ca->issuer, leaf_name, &pem, error);

    if (rc == 0) {
        struct pem_source source = {path, text_slice(&pem)};

        rc = certificate_parse(&source, &source, out, error);
        if (rc == 0 && pem_file_write(path, text_slice(&pem), 0600, false, &not_kept) < 0)
            log_event(LOG_WARN, "local_certificate_not_kept", "error=%s",
                      log_quote(slice_str(not_kept.text)));
    }
    if (pem.data)
        OPENSSL_cleanse(pem.data, pem.cap);
    text_fini(&pem);
    return rc;
}

int local_ca_leaf(struct local_ca *ca, struct slice leaf_name, struct certificate **out, struct error *error)
{
    char *path = leaf_files_path(ca->leaves_path, leaf_name);
    struct certificate *found = NULL;
    struct error none;
    int rc = 0;

    if (access(path, F_OK) == 0 && certificate_load(path, path, &found, &none) == 0 &&
        is_ours(ca, found, leaf_name) && !local_ca_leaf_is_stale(found)) {
        leaf_files_mark_used(path);
        *out = TAKE(found);
    } else {
        rc = make_leaf(ca, leaf_name, path, out, error);
    }
    certificate_free(found);
    mem_free(path);
    return rc;
}
