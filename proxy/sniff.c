#include "proxy/sniff.h"

#include "base/macro.h"

struct opening {
    struct slice bytes;
    enum sniffed kind;
};

#define OPENING(literal, kind)                                                                               \
    {                                                                                                        \
        {literal, sizeof(literal) - 1}, kind                                                                 \
    }

static const struct opening OPENINGS[] = {
    OPENING("GET ", SNIFF_HTTP),           OPENING("POST ", SNIFF_HTTP),
    OPENING("\x16\x03", SNIFF_TLS),        OPENING("SSH-", SNIFF_SSH),
    OPENING("HEAD ", SNIFF_HTTP),          OPENING("PUT ", SNIFF_HTTP),
    OPENING("DELETE ", SNIFF_HTTP),        OPENING("OPTIONS ", SNIFF_HTTP),
    OPENING("PATCH ", SNIFF_HTTP),         OPENING("CONNECT ", SNIFF_HTTP),
    OPENING("TRACE ", SNIFF_HTTP),         OPENING("PRI ", SNIFF_HTTP),
    OPENING("PROPFIND ", SNIFF_HTTP),      OPENING("PROPPATCH ", SNIFF_HTTP),
    OPENING("REPORT ", SNIFF_HTTP),        OPENING("SEARCH ", SNIFF_HTTP),
    OPENING("QUERY ", SNIFF_HTTP),         OPENING("MKCOL ", SNIFF_HTTP),
    OPENING("MKCALENDAR ", SNIFF_HTTP),    OPENING("COPY ", SNIFF_HTTP),
    OPENING("MOVE ", SNIFF_HTTP),          OPENING("LOCK ", SNIFF_HTTP),
    OPENING("UNLOCK ", SNIFF_HTTP),        OPENING("ACL ", SNIFF_HTTP),
    OPENING("BIND ", SNIFF_HTTP),          OPENING("REBIND ", SNIFF_HTTP),
    OPENING("UNBIND ", SNIFF_HTTP),        OPENING("MERGE ", SNIFF_HTTP),
    OPENING("CHECKOUT ", SNIFF_HTTP),      OPENING("CHECKIN ", SNIFF_HTTP),
    OPENING("MKACTIVITY ", SNIFF_HTTP),    OPENING("MKWORKSPACE ", SNIFF_HTTP),
    OPENING("LINK ", SNIFF_HTTP),          OPENING("UNLINK ", SNIFF_HTTP),
    OPENING("LABEL ", SNIFF_HTTP),         OPENING("UPDATE ", SNIFF_HTTP),
    OPENING("ORDERPATCH ", SNIFF_HTTP),    OPENING("VERSION-CONTROL ", SNIFF_HTTP),
    OPENING("UNCHECKOUT ", SNIFF_HTTP),    OPENING("BASELINE-CONTROL ", SNIFF_HTTP),
    OPENING("MKREDIRECTREF ", SNIFF_HTTP), OPENING("UPDATEREDIRECTREF ", SNIFF_HTTP),
};

enum sniffed sniff_first_bytes(struct slice bytes)
{
    enum sniffed result = SNIFF_OTHER;

    for (size_t i = 0; i < ARRAY_LEN(OPENINGS); i++) {
        size_t shared = MIN(bytes.len, OPENINGS[i].bytes.len);

        if (!slice_eq(slice_head(bytes, shared), slice_head(OPENINGS[i].bytes, shared)))
            continue;
        if (shared == OPENINGS[i].bytes.len)
            return OPENINGS[i].kind;
        result = SNIFF_MORE;
    }
    return result;
}
