/* What the tests of TLS streams share: a loop, certificates, an owner who writes down what happens, and raw
 * OpenSSL ends to talk to. */
#ifndef TESTS_TLS_END_H
#define TESTS_TLS_END_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/text.h"
#include "net/loop.h"
#include "tls/tls_stream.h"

/* An owner of a TLS stream, from the beginning of its handshake. The hooks may do anything to the stream. */
struct tls_end {
    struct stream *stream; /* of the handshake at first */
    struct text got;
    size_t calls, last_lent; /* of bytes() */
    size_t use_limit;        /* of each bytes(); SIZE_MAX at first */
    int established, failed, drained, eofs, closeds;
    bool is_paused; /* at first: wants nothing once established */
    bool is_gone;
    enum fault fault;
    char detail[256];
    void (*on_established)(struct tls_end *end);
    void (*on_bytes)(struct tls_end *end, struct slice lent);
    void (*on_drained)(struct tls_end *end);
    void (*on_eof)(struct tls_end *end);
    size_t to_send; /* for the hooks */
};

extern struct loop *test_loop;
extern char *test_directory;
extern struct certificates *test_certificates;
extern struct ticket_keys *test_keys;

/* A loop, and certificates: a.test and b.test in one, *.wild.test in another, both of one CA. */
void tls_set_up(void);
void tls_tear_down(void);
struct tls_identity *identity_of(const char *name, int max_version);

struct stream *socket_end(int fd);
/* Two ends of a new connection; type SOCK_STREAM, or SOCK_SEQPACKET where each send shall be seen. */
void socket_pair(int fds[2], int type);

void tls_end_accept(struct tls_end *end, struct stream *lower, struct tls_identity *identity,
                    const char *const *alpn);
/* verify_name NULL: anything goes. */
void tls_end_connect(struct tls_end *end, struct stream *lower, const char *server_name,
                     const char *verify_name, const char *const *alpn);
void tls_end_connect_by(struct tls_end *end, struct stream *lower, struct tls_client_context *context,
                        const char *server_name, const char *verify_name, const char *const *alpn);
/* A server and a client of ours, established with each other. */
void tls_ends_meet(struct tls_end *server, struct tls_end *client, int max_version);
void tls_end_close(struct tls_end *end);
void tls_end_fini(struct tls_end *end);
size_t tls_end_say(struct tls_end *end, const char *text, unsigned flags);

/* OpenSSL's own client over a socket. *session*: to resume, or NULL. */
SSL *raw_client(int fd, const char *server_name, int max_version, SSL_SESSION *session);
/* Runs the loop beside it until its handshake is over. @return SSL_get_error()'s verdict */
int raw_handshake(SSL *ssl);
/* Reads at least *want* bytes; fewer when the stream ends. */
size_t raw_read(SSL *ssl, char *out, size_t want);
void raw_free(SSL *ssl);

void run_a_little(void);
#define RUN_UNTIL(condition)                                                                                 \
    do {                                                                                                     \
        uint64_t give_up_us_ = loop_now_us() + 20 * 1000 * 1000;                                             \
        while (!(condition)) {                                                                               \
            cr_assert_lt(loop_now_us(), give_up_us_, "waited in vain for %s", #condition);                   \
            run_a_little();                                                                                  \
        }                                                                                                    \
    } while (0)
/* Turns in which everything that is due can happen. */
void settle(void);

#endif
