#include "tls/pem_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1024 * 1024, READ_STEP = 8192 };

int pem_file_read(const char *path, struct text *out, struct error *error)
{
    size_t before = out->len;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return error_set(error, "%s: cannot open: %s", path, strerror(errno));
    do {
        n = read(fd, text_reserve(out, READ_STEP), READ_STEP);
        if (n > 0)
            out->len += (size_t)n;
    } while ((n > 0 && out->len - before <= FILE_MAX) || (n < 0 && errno == EINTR));
    if (n < 0)
        error_set(error, "%s: cannot read: %s", path, strerror(errno));
    else if (n > 0)
        error_set(error, "%s: larger than 1 MiB, so not a file of certificates or keys", path);
    close(fd);
    text_reserve(out, 1)[0] = '\0';
    return n == 0 ? 0 : -1;
}

static int write_all(int fd, struct slice content)
{
    while (content.len) {
        ssize_t n = write(fd, content.data, content.len);

        if (n < 0 && errno != EINTR)
            return -1;
        content = slice_from(content, n < 0 ? 0 : (size_t)n);
    }
    return 0;
}

int pem_file_write(const char *path, struct slice content, mode_t mode, bool is_durable, struct error *error)
{
    struct text beside = {0};
    int fd, rc = -1;

    text_printf(&beside, "%s.XXXXXX", path);
    fd = mkostemp(beside.data, O_CLOEXEC); /* 0600 */
    if (fd < 0) {
        error_set(error, "%s: cannot create: %s", path, strerror(errno));
        goto out;
    }
    if (write_all(fd, content) < 0 || fchmod(fd, mode) < 0 || (is_durable && fsync(fd) < 0) ||
        rename(beside.data, path) < 0) {
        error_set(error, "%s: cannot write: %s", path, strerror(errno));
        unlink(beside.data);
    } else {
        rc = 0;
    }
    close(fd);
out:
    text_fini(&beside);
    return rc;
}

int pem_directory_make(const char *path, struct error *error)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_set(error, "%s: cannot create the directory: %s", path, strerror(errno));
    return 0;
}
