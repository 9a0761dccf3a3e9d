#include "tls/tls_stream.h"

enum { RECORD_ALERT = 21, ALERT_FATAL = 2 };

/* Unencrypted: no key was agreed on yet. The record's version is the one that every client reads. */
void tls_refuse(struct stream *lower, enum tls_alert alert)
{
    const char record[] = {RECORD_ALERT, 3, 3, 0, 2, ALERT_FATAL, (char)alert};

    stream_write(lower, &(struct slice){record, sizeof(record)}, 1, STREAM_LATER);
    stream_end(lower, true);
}
