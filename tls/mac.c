#include "tls/mac.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/digits.h"
#include "base/macro.h"
#include "tls/pem_file.h"

static int secret_make(const char *path, struct error *error)
{
    char secret[MAC_SECRET_BYTES];

    if (RAND_bytes((unsigned char *)secret, sizeof(secret)) != 1)
        return error_set(error, "the system has no random bytes for %s", path);
    return pem_file_write(path, slice_of(secret, sizeof(secret)), 0600, true, error);
}

/* Of several that start at once one makes it, and it is the others' too. */
static int secret_make_once(const char *directory, const char *path, struct error *error)
{
    int lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = 0;

    if (lock < 0 || flock(lock, LOCK_EX) < 0)
        rc = error_set(error, "%s: cannot lock the directory: %s", directory, strerror(errno));
    else if (access(path, F_OK) < 0)
        rc = secret_make(path, error);
    if (lock >= 0)
        close(lock);
    return rc;
}

static int secret_read(const char *path, char out[MAC_SECRET_BYTES], struct error *error)
{
    struct text content = {0};
    int rc = pem_file_read(path, &content, error);

    if (rc == 0 && content.len != MAC_SECRET_BYTES)
        rc = error_set(error, "%s has %zu bytes, not %d: remove it, and another one is made", path,
                       content.len, MAC_SECRET_BYTES);
    if (rc == 0)
        memcpy(out, content.data, MAC_SECRET_BYTES);
    text_fini(&content);
    return rc;
}

int mac_secret_open(const char *directory, char out[MAC_SECRET_BYTES], struct error *error)
{
    struct text path = {0};
    int rc;

    text_printf(&path, "%s/key", directory);
    rc = pem_directory_make(directory, error);
    if (rc == 0 && access(path.data, F_OK) < 0)
        rc = secret_make_once(directory, path.data, error);
    if (rc == 0)
        rc = secret_read(path.data, out, error);
    text_fini(&path);
    return rc;
}

static uint64_t word(const unsigned char *bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < sizeof(value); i++)
        value = value << 8 | bytes[i];
    return value;
}

void mac_tag(struct slice secret, struct slice what, char out[MAC_TAG_LEN])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    const unsigned char *made = HMAC(EVP_sha256(), secret.data, (int)secret.len,
                                     (const unsigned char *)what.data, what.len, digest, NULL);

    ASSERT(made);
    for (size_t i = 0; i < MAC_TAG_LEN / HEX64_LEN; i++)
        digits_write_hex64(word(digest + i * sizeof(uint64_t)), out + i * HEX64_LEN);
}
