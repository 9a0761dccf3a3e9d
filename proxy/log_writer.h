/** Writes log lines off the loops: each worker adds to a channel of its own, one thread a writer empties
 * them. A channel that is full drops lines and counts them; nothing here blocks a loop. */
#ifndef PROXY_LOG_WRITER_H
#define PROXY_LOG_WRITER_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

struct log_writer;
struct log_channel;

/** Opens, and writes nothing yet.
 *  @param to  "stdout", "stderr", "off", or a file's path: appended to, made with mode 0640 */
int log_writer_open(struct slice to, struct log_writer **out, struct error *error) NODISCARD;
/** Begins its thread. Apart from opening, which may need rights that threads are not to have. */
int log_writer_start(struct log_writer *writer, struct error *error) NODISCARD;
/** Writes what waits (for 2 s at most), ends the thread if it was begun, frees writer and channels. */
void log_writer_close(struct log_writer *writer);

/** Opens the file again (rotation), or another one when *to* differs; on failure the old one stays open.
 *  From one thread at a time. */
int log_writer_reopen(struct log_writer *writer, struct slice to, struct error *error) NODISCARD;

/** Lives as long as the writer. May be used by several threads, but is meant for one. */
struct log_channel *log_writer_channel(struct log_writer *writer);
/** *line* ends with a newline. */
void log_channel_add(struct log_channel *channel, struct slice line);
/** False for a writer to "off": do not build the line. */
bool log_channel_is_on(const struct log_channel *channel);
uint64_t log_writer_dropped(struct log_writer *writer);

#endif
