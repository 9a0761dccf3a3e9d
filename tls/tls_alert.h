/** Alerts that are said before any key was agreed on (RFC 8446 §6, RFC 6066 §3), by their numbers on the wire. */
#ifndef TLS_TLS_ALERT_H
#define TLS_TLS_ALERT_H

enum tls_alert {
    TLS_ALERT_UNEXPECTED_MESSAGE = 10,
    TLS_ALERT_RECORD_OVERFLOW = 22,
    TLS_ALERT_ILLEGAL_PARAMETER = 47,
    TLS_ALERT_DECODE_ERROR = 50,
    TLS_ALERT_MISSING_EXTENSION = 109,
    TLS_ALERT_UNRECOGNIZED_NAME = 112,
};

#endif
