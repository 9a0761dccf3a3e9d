/** Small files of certificates and keys: reading one whole, and writing one so that nobody ever sees a half
 * of it. */
#ifndef TLS_PEM_FILE_H
#define TLS_PEM_FILE_H

#include <sys/types.h>

#include "base/error.h"
#include "base/text.h"

/** Appends all of the file to *out*; at most 1 MiB. */
int pem_file_read(const char *path, struct text *out, struct error *error) NODISCARD;
/** Writes beside the path and renames, so that readers and rival writers see a whole file, old or new.
 *  @param is_durable  also after a power cut; costs milliseconds. Otherwise it may be empty then */
int pem_file_write(const char *path, struct slice content, mode_t mode, bool is_durable,
                   struct error *error) NODISCARD;
/** Makes the directory with mode 0700 unless it is there; its parent must exist. */
int pem_directory_make(const char *path, struct error *error) NODISCARD;

#endif
