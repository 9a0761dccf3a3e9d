#include <uv.h>
#include <openssl/ssl.h>
