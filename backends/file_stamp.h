/** Which file stands at a path, and which state of it: so that it is read again only when it is another one. */
#ifndef BACKENDS_FILE_STAMP_H
#define BACKENDS_FILE_STAMP_H

#include <stdbool.h>
#include <sys/stat.h>

struct file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
};

/** All zero where there is no such file. Taken before the file is read: a change meanwhile is then seen the next time. */
struct file_stamp file_stamp_of(const char *path);
bool file_stamp_eq(const struct file_stamp *a, const struct file_stamp *b);

#endif
