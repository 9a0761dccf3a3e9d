/** What a connection's first bytes are. Pure; consumes nothing. */
#ifndef PROXY_SNIFF_H
#define PROXY_SNIFF_H

#include "base/slice.h"

enum sniffed {
    SNIFF_MORE,  /* a beginning of more than one kind */
    SNIFF_TLS,   /* a handshake record (RFC 8446 §5.1): the ClientHello is tls/client_hello's to read */
    SNIFF_HTTP,  /* a registered method and a blank (RFC 9110 §16.1), or the h2 preface */
    SNIFF_SSH,   /* "SSH-" (RFC 4253 §4.2) */
    SNIFF_OTHER, /* none of these, whatever follows */
};

/** @param bytes  all that came so far, from the first */
enum sniffed sniff_first_bytes(struct slice bytes);

#endif
