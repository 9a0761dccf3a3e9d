#include "tls/roots.h"

#include <stdlib.h>

#include <openssl/x509.h>

static const char *told(const char *variable, const char *otherwise)
{
    const char *value = getenv(variable);

    return value ? value : otherwise;
}

const char *tls_roots_file(void)
{
    return told(X509_get_default_cert_file_env(), X509_get_default_cert_file());
}

const char *tls_roots_directories(void)
{
    return told(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
}
