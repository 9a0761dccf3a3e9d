#include <criterion/criterion.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/identity.h"
#include "unit/tls/pki.h"
#include "unit/tls/tls_end.h"

TestSuite(tls_handshake, .init = tls_set_up, .fini = tls_tear_down);

/* Server and client of ours until both know how it ended. */
static void meet(struct tls_end *server, struct tls_end *client, const char *server_name,
                 const char *verify_name, const char *const *served, const char *const *offered)
{
    int fds[2];

    socket_pair(fds, SOCK_STREAM);
    tls_end_accept(server, socket_end(fds[0]), identity_of("a.test", TLS1_3_VERSION), served);
    tls_end_connect(client, socket_end(fds[1]), server_name, verify_name, offered);
    RUN_UNTIL((server->established || server->failed) && (client->established || client->failed));
}

Test(tls_handshake, alpn_is_chosen_in_the_servers_order_or_refused)
{
    static const char *const both[] = {"h2", "http/1.1", NULL}, *const reversed[] = {"http/1.1", "h2", NULL},
                             *const other[] = {"h", "h22", "ftp", NULL};
    static const struct {
        const char *name;
        const char *const *served, *const *offered;
        const char *chosen; /* NULL: refused */
    } cases[] = {
        {"same order", both, both, "h2"},
        {"server's order", both, reversed, "h2"},
        {"other order", reversed, both, "http/1.1"},
        {"nothing offered", both, NULL, ""},
        {"not served", NULL, both, ""},
        {"no overlap", both, other, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_end server = {0}, client = {0};

        meet(&server, &client, "a.test", NULL, cases[i].served, cases[i].offered);
        cr_expect_eq(client.established, cases[i].chosen != NULL, "%s", cases[i].name);
        if (cases[i].chosen) {
            cr_expect(slice_eq(tls_stream_alpn(server.stream), slice_str(cases[i].chosen)), "%s",
                      cases[i].name);
            cr_expect(slice_eq(tls_stream_alpn(client.stream), slice_str(cases[i].chosen)), "%s",
                      cases[i].name);
        } else {
            cr_expect_eq(server.fault, FAULT_TLS_HANDSHAKE);
            cr_expect_str_eq(server.detail, "no application protocol");
            cr_expect_eq(client.fault, FAULT_BACK_TLS);
            cr_expect_str_eq(client.detail, "tlsv1 alert no application protocol");
        }
        tls_end_fini(&server);
        tls_end_fini(&client);
    }
}

Test(tls_handshake, client_checks_the_name_that_it_wants)
{
    static const struct {
        const char *server_name, *verify_name;
        const char *detail; /* "": fine */
    } cases[] = {
        {"a.test", "a.test", ""},
        {"a.test", "A.TEST", ""},
        {"a.test", "b.test", ""},
        {NULL, "127.0.0.1", ""},
        {"a.test", NULL, ""},
        {"a.test", "c.test", "certificate is for a.test, b.test, 127.0.0.1, not for c.test"},
        {NULL, "127.0.0.2", "certificate is for a.test, b.test, 127.0.0.1, not for 127.0.0.2"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_end server = {0}, client = {0};

        meet(&server, &client, cases[i].server_name, cases[i].verify_name, NULL, NULL);
        cr_expect_str_eq(client.detail, cases[i].detail);
        cr_expect_eq(client.established, cases[i].detail[0] == '\0');
        if (client.failed)
            cr_expect_eq(client.fault, FAULT_BACK_TLS);
        cr_expect_str_eq(client.failed ? "" : tls_stream_version(client.stream),
                         client.failed ? "" : "TLSv1.3");
        tls_end_fini(&server);
        tls_end_fini(&client);
    }
}

Test(tls_handshake, client_refuses_strangers_and_the_expired)
{
    static const struct {
        const char *name, *detail;
        struct pki_spec spec;
    } cases[] = {
        {"stranger",
         "self-signed certificate (depth 0); it is for x.test, wanted for x.test",
         {.san = "DNS:x.test"}},
        {"expired",
         "certificate has expired (depth 0); it is for x.test, wanted for x.test",
         {.san = "DNS:x.test", .from_days = -9, .to_days = -1}},
        {"future",
         "certificate is not yet valid (depth 0); it is for x.test, wanted for x.test",
         {.san = "DNS:x.test", .from_days = 2, .to_days = 9}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct certificates *certificates = certificates_new(NULL);
        struct tls_client_context *context;
        struct tls_end server = {0}, client = {0};
        struct error error = {0};
        char cert[32], key[32];
        int fds[2];

        snprintf(cert, sizeof(cert), "%s.crt", cases[i].name);
        snprintf(key, sizeof(key), "%s.key", cases[i].name);
        pki_write_pair(test_directory, cases[i].name, &cases[i].spec);
        cr_assert_eq(certificates_add_pair(certificates, pki_path(test_directory, cert),
                                           pki_path(test_directory, key), &error),
                     0, "%s", error.text);
        /* The stranger is trusted by nobody, the others by themselves. */
        cr_assert_eq(tls_client_context_new(
                         &(struct tls_client_settings){
                             .ca_path = pki_path(test_directory, i ? cert : "root.crt"), .verifies = true},
                         &context, &error),
                     0);
        socket_pair(fds, SOCK_STREAM);
        tls_end_accept(&server, socket_end(fds[0]), certificates_find(certificates, SLICE("x.test")), NULL);
        tls_end_connect_by(&client, socket_end(fds[1]), context, "x.test", "x.test", NULL);
        RUN_UNTIL(server.failed && client.failed);
        cr_expect_str_eq(client.detail, cases[i].detail);
        cr_expect_eq(server.fault, FAULT_TLS_HANDSHAKE);
        cr_expect(strstr(server.detail, "alert"), "%s", server.detail);
        tls_end_fini(&client);
        tls_end_fini(&server);
        tls_client_context_unref(context);
        certificates_free(certificates);
    }
}

Test(tls_handshake, context_without_roots_is_an_error)
{
    struct tls_client_context *context;
    struct error error = {0};
    struct text text = {0};

    text_add_literal(&text, "nothing");
    pki_write(test_directory, "nothing.pem", &text);
    cr_expect_eq(
        tls_client_context_new(&(struct tls_client_settings){.ca_path = "/nonexistent.pem", .verifies = true},
                               &context, &error),
        -1);
    cr_expect_str_eq(error.text, "/nonexistent.pem: cannot read: No such file or directory");
    cr_expect_eq(tls_client_context_new(
                     &(struct tls_client_settings){.ca_path = pki_path(test_directory, "nothing.pem"),
                                                   .verifies = true},
                     &context, &error),
                 -1);
    cr_expect(strstr(error.text, "there is no certificate in this file"), "%s", error.text);
    cr_assert_eq(tls_client_context_new(&(struct tls_client_settings){.verifies = true}, &context, &error),
                 0);
    tls_client_context_unref(context);
}

Test(tls_handshake, name_that_no_client_hello_can_carry_fails_from_the_loop)
{
    char name[300];
    struct tls_end client = {0};
    int fds[2];

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    socket_pair(fds, SOCK_STREAM);
    tls_end_connect(&client, socket_end(fds[0]), name, NULL, NULL);
    cr_expect_eq(client.failed, 0);
    RUN_UNTIL(client.failed == 1);
    cr_expect_eq(client.fault, FAULT_BACK_TLS);
    cr_expect(strstr(client.detail, "cannot be put into a ClientHello"));
    close(fds[1]);
    tls_end_fini(&client);
}

/* Connects by OpenSSL's client, takes what the server says and keeps the session. */
static SSL_SESSION *visit(const char *name, const char *identity_name, int version, SSL_SESSION *session,
                          bool *is_resumed)
{
    struct tls_end server = {0};
    SSL_SESSION *kept;
    char word[8];
    int fds[2];
    SSL *ssl;

    socket_pair(fds, SOCK_STREAM);
    tls_end_accept(&server, socket_end(fds[0]), identity_of(identity_name, version), NULL);
    ssl = raw_client(fds[1], name, version, session);
    cr_assert_eq(raw_handshake(ssl), SSL_ERROR_NONE);
    RUN_UNTIL(server.established);
    *is_resumed = SSL_session_reused(ssl);
    cr_expect_eq(tls_stream_is_resumed(server.stream), *is_resumed);
    cr_expect_str_eq(tls_stream_server_name(server.stream), name ? name : "");
    tls_end_say(&server, "hello", STREAM_NOW);
    cr_expect_eq(raw_read(ssl, word, 5), 5);
    kept = SSL_get1_session(ssl);
    SSL_shutdown(ssl);
    raw_free(ssl);
    tls_end_fini(&server);
    return kept;
}

Test(tls_handshake, session_resumes_under_its_name_and_identity_only)
{
    static const struct {
        const char *name, *identity;
        bool resumes;
    } cases[] = {
        {"a.test", "a.test", true},       {"b.test", "a.test", false},           {NULL, "a.test", false},
        {"a.test", "x.wild.test", false}, {"x.wild.test", "x.wild.test", false},
    };
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            bool is_resumed;
            SSL_SESSION *first = visit("a.test", "a.test", versions[v], NULL, &is_resumed), *second;

            cr_expect_not(is_resumed);
            second = visit(cases[i].name, cases[i].identity, versions[v], first, &is_resumed);
            cr_expect_eq(is_resumed, cases[i].resumes, "%s by %s, TLS %x", cases[i].name, cases[i].identity,
                         (unsigned)versions[v]);
            SSL_SESSION_free(second);
            SSL_SESSION_free(first);
        }
    }
}

Test(tls_handshake, session_resumes_after_a_reload_with_the_same_certificate)
{
    struct certificates *old = test_certificates;
    struct error error = {0};
    bool is_resumed;
    SSL_SESSION *first = visit("a.test", "a.test", TLS1_3_VERSION, NULL, &is_resumed), *second;

    test_certificates = certificates_new(test_keys);
    cr_assert_eq(certificates_add_pair(test_certificates, pki_path(test_directory, "ab.pem"),
                                       pki_path(test_directory, "ab.pem"), &error),
                 0);
    second = visit("a.test", "a.test", TLS1_3_VERSION, first, &is_resumed);
    cr_expect(is_resumed);
    SSL_SESSION_free(second);
    SSL_SESSION_free(first);
    certificates_free(old);
}

Test(tls_handshake, server_refuses_what_is_too_old_or_no_tls)
{
    static const struct {
        const char *name, *detail;
        struct slice sent;
    } cases[] = {
        {"HTTP", "http request", {"GET / HTTP/1.1\r\n\r\n", 18}},
        {"garbage", NULL, {"\x16garbagegarbage", 15}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_end server = {0};
        int fds[2];

        socket_pair(fds, SOCK_STREAM);
        tls_end_accept(&server, socket_end(fds[0]), identity_of("a.test", TLS1_3_VERSION), NULL);
        cr_assert_eq(send(fds[1], cases[i].sent.data, cases[i].sent.len, 0), (ssize_t)cases[i].sent.len);
        RUN_UNTIL(server.failed);
        cr_expect(!cases[i].detail || strcmp(server.detail, cases[i].detail) == 0, "%s: %s", cases[i].name,
                  server.detail);
        close(fds[1]);
        tls_end_fini(&server);
    }
}

Test(tls_handshake, client_of_tls11_is_told_so)
{
    struct tls_end server = {0};
    int fds[2];
    SSL *ssl;

    socket_pair(fds, SOCK_STREAM);
    tls_end_accept(&server, socket_end(fds[0]), identity_of("a.test", TLS1_3_VERSION), NULL);
    ssl = raw_client(fds[1], "a.test", TLS1_1_VERSION, NULL);
    SSL_set_min_proto_version(ssl, TLS1_1_VERSION);
    SSL_set_security_level(ssl, 0);
    SSL_set_cipher_list(ssl, "ALL:@SECLEVEL=0");
    cr_expect_eq(raw_handshake(ssl), SSL_ERROR_SSL);
    cr_expect_eq(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
    ERR_clear_error();
    RUN_UNTIL(server.failed);
    cr_expect_str_eq(server.detail, "unsupported protocol");
    raw_free(ssl);
    tls_end_fini(&server);
}

/* A server that wants a certificate of its clients, and believes only the one in *root*. */
static struct tls_identity *demanding_identity(const char *root)
{
    struct tls_identity *identity = identity_of("a.test", TLS1_3_VERSION);

    SSL_CTX_set_verify(identity->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    cr_assert_eq(SSL_CTX_load_verify_file(identity->ctx, pki_path(test_directory, root)), 1);
    return identity;
}

Test(tls_handshake, client_shows_its_certificate_to_a_server_that_asks)
{
    static const struct {
        const char *cert, *key; /* NULL: none */
        bool is_let_in;
    } cases[] = {{"own.crt", "own.key", true}, {"other.crt", "other.key", false}, {NULL, NULL, false}};

    pki_write_pair(test_directory, "own", &(struct pki_spec){.common_name = "own"});
    pki_write_pair(test_directory, "other", &(struct pki_spec){.common_name = "other"});
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_client_settings settings = {.ca_path = pki_path(test_directory, "root.crt"),
                                               .verifies = true};
        struct tls_end server = {0}, client = {0};
        struct tls_client_context *context;
        struct error error;
        int fds[2];

        if (cases[i].cert) {
            settings.certificate_path = pki_path(test_directory, cases[i].cert);
            settings.key_path = pki_path(test_directory, cases[i].key);
        }
        cr_assert_eq(tls_client_context_new(&settings, &context, &error), 0, "%s", error.text);
        socket_pair(fds, SOCK_STREAM);
        tls_end_accept(&server, socket_end(fds[0]), demanding_identity("own.crt"), NULL);
        tls_end_connect_by(&client, socket_end(fds[1]), context, "a.test", "a.test", NULL);
        RUN_UNTIL(server.established || server.failed);
        cr_expect_eq(server.established, cases[i].is_let_in, "%zu: %s", i, server.detail);
        tls_end_fini(&client);
        tls_end_fini(&server);
        tls_client_context_unref(context);
    }
}

Test(tls_handshake, client_certificate_must_be_a_pair)
{
    struct tls_client_settings settings = {0};
    struct tls_client_context *context;
    struct error error = {0};

    pki_write_pair(test_directory, "own", &(struct pki_spec){.common_name = "own"});
    pki_write_pair(test_directory, "other", &(struct pki_spec){.common_name = "other"});
    settings.certificate_path = pki_path(test_directory, "own.crt");
    settings.key_path = pki_path(test_directory, "other.key");
    cr_expect_eq(tls_client_context_new(&settings, &context, &error), -1);
    cr_expect(strstr(error.text, "does not belong to this certificate"), "%s", error.text);
    settings.key_path = settings.certificate_path;
    cr_expect_eq(tls_client_context_new(&settings, &context, &error), -1);
    cr_expect(strstr(error.text, "there is no private key in this file"), "%s", error.text);
    settings.certificate_path = "/nonexistent.pem";
    cr_expect_eq(tls_client_context_new(&settings, &context, &error), -1);
    cr_expect_str_eq(error.text, "/nonexistent.pem: cannot open: No such file or directory");
}
