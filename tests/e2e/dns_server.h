/** A DNS server inside the test: UDP and TCP on one port of 127.0.0.1, with a thread of its own. What it knows and how
 *  it behaves may be changed at any time. Needs nothing of a test framework; its own failures abort. */
#ifndef E2E_DNS_SERVER_H
#define E2E_DNS_SERVER_H

#include <stdint.h>

struct dns_server;

enum dns_record_type {
    DNS_ANY_TYPE = 0,
    DNS_TYPE_A = 1,
    DNS_TYPE_CNAME = 5,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_SRV = 33
};

enum dns_manner {
    DNS_ANSWERS, /* from its records; a name without any is NXDOMAIN, one without such is "no data" */
    DNS_IS_SILENT,
    DNS_FAILS,     /* SERVFAIL */
    DNS_REFUSES,   /* REFUSED */
    DNS_DENIES,    /* NXDOMAIN, whatever the records say */
    DNS_TRUNCATES, /* over UDP, so that TCP is used */
    DNS_GARBLES,   /* the right header and question, then bytes without sense */
    DNS_MISTAKES,  /* a wrong id */
};

struct dns_server *dns_server_new(void);
/** NULL is fine. */
void dns_server_free(struct dns_server *server);
uint16_t dns_server_port(const struct dns_server *server);

/** @param data  "10.0.0.1", "::1", "other.test", "PRIORITY WEIGHT PORT HOST" (HOST "." is the root) */
void dns_server_add(struct dns_server *server, const char *name, enum dns_record_type type, uint32_t ttl_s,
                    const char *data);
/** Forgets all records, manners and delays. */
void dns_server_clear(struct dns_server *server);
/** The last word on a question counts. name NULL: all names. */
void dns_server_behave(struct dns_server *server, const char *name, enum dns_record_type type,
                       enum dns_manner manner);
void dns_server_delay(struct dns_server *server, const char *name, enum dns_record_type type,
                      unsigned delay_ms);

/** How often that was asked; name NULL: any. */
unsigned dns_server_asked(struct dns_server *server, const char *name, enum dns_record_type type);
unsigned dns_server_asked_by_tcp(struct dns_server *server);

#endif
