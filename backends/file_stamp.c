#include "backends/file_stamp.h"

struct file_stamp file_stamp_of(const char *path)
{
    struct stat now;

    if (stat(path, &now) < 0)
        return (struct file_stamp){0};
    return (struct file_stamp){now.st_dev, now.st_ino, now.st_size, now.st_mtim};
}

bool file_stamp_eq(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}
