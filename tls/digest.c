#include "tls/digest.h"

#include <openssl/evp.h>

#include "base/macro.h"

void digest_websocket_key(struct slice nonce, char out[WEBSOCKET_KEY_LEN + 1])
{
    ASSERT(nonce.len == WEBSOCKET_NONCE_LEN);
    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)nonce.data, WEBSOCKET_NONCE_LEN);
}

void digest_websocket_accept(struct slice key, char out[WEBSOCKET_ACCEPT_LEN + 1])
{
    static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[20];
    unsigned int len = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int ok = context && EVP_DigestInit_ex(context, EVP_sha1(), NULL) &&
             EVP_DigestUpdate(context, key.data, key.len) &&
             EVP_DigestUpdate(context, GUID, sizeof(GUID) - 1) && EVP_DigestFinal_ex(context, digest, &len);

    EVP_MD_CTX_free(context);
    ASSERT(ok && len == sizeof(digest));
    EVP_EncodeBlock((unsigned char *)out, digest, (int)len);
}
