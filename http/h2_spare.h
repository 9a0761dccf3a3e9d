/** What the HTTP/2 sessions of a thread share, so that none keeps it while it is idle: stream objects for the next
 *  requests, and the memory in which header blocks are gathered. Freed with the thread's last session. */
#ifndef HTTP_H2_SPARE_H
#define HTTP_H2_SPARE_H

struct h2_block;
struct h2_stream;

/** Of each session's life, on its thread. */
void h2_spare_enter(void);
void h2_spare_leave(void);

/** All zero but for its arena, which is empty. */
struct h2_stream *h2_spare_take_stream(void);
/** Owns nothing more but its arena. */
void h2_spare_give_stream(struct h2_stream *stream);

/** To be begun (h2_block_begin()); with memory where there is some. */
struct h2_block *h2_spare_take_block(void);
/** NULL is none. */
void h2_spare_give_block(struct h2_block *block);

#endif
