/** Where OpenSSL looks for the authorities that this system trusts: for who confines the process to certain files. */
#ifndef TLS_ROOTS_H
#define TLS_ROOTS_H

/** A file. $SSL_CERT_FILE, or the one that was built in. */
const char *tls_roots_file(void);
/** Directories with ':' between. $SSL_CERT_DIR, or the one that was built in. */
const char *tls_roots_directories(void);

#endif
