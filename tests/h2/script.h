/** A case's text → steps that send bytes. Steps are divided by ";", words by blanks.
 *
 *      get N WORD…      a whole request on stream N: GET / to a.test
 *      post N WORD…     POST / to a.test whose content follows
 *      head N WORD…     HEADERS with END_HEADERS and the fields that it names, no others
 *      cont N WORD…     CONTINUATION likewise
 *      data N WORD…     DATA
 *      frame T F N …    any type and flags (in hexadecimal)
 *      raw …            bytes that are no frame
 *      settings I=V …   SETTINGS; "settings ack"
 *      rst N CODE       RST_STREAM
 *      window N BY      WINDOW_UPDATE
 *      ping             PING
 *      sync             PING, and what follows waits for its answer
 *      await N          what follows waits for the answer, or the reset, on stream N
 *      bare             first: no preface is sent but what the script says
 *
 *  Words of get, post, head and cont:
 *      es noes eh noeh  flags END_STREAM and END_HEADERS, set or not
 *      pad=N            padded with N octets
 *      prio=N           depends on stream N (RFC 9113 §5.3)
 *      NAME:=VALUE      a field, literal and without indexing; instead of the pseudo field that is there, if it is one
 *      +NAME:=VALUE     a field that the table takes up
 *      -NAME            without that pseudo field
 *      N*NAME:=VALUE    N times
 *      #hex             octets of HPACK as they stand
 *      in a VALUE @N is N letters; in NAME and VALUE %XX is an octet, "_" stays what it is
 *  Words of all other steps that take bytes:
 *      es, pad=N        as above (data only)
 *      len=N            tells that length instead of the true one
 *      'text            text, %XX is an octet
 *      @N               N letters
 *      hex              octets */
#ifndef H2_SCRIPT_H
#define H2_SCRIPT_H

#include <stdbool.h>

#include "h2/frames.h"

enum script_wait { WAIT_NOTHING, WAIT_PING, WAIT_STREAM };

struct script_step {
    struct frames bytes; /* to send */
    enum script_wait wait;
    uint32_t stream; /* of WAIT_STREAM */
};

enum { SCRIPT_STEPS = 48 };

/** Neighbouring steps that wait for nothing are one. */
struct script {
    struct script_step steps[SCRIPT_STEPS];
    size_t count;
};

/** Asserts that the text is one. */
void script_read(struct script *script, const char *text);
void script_free(struct script *script);

#endif
