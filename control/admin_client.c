#include "control/admin_client.h"

#include <curl/curl.h>
#include <string.h>

#include "base/text.h"

/* A hundred thousand pools have their place in it. */
enum { REPLY_BYTES_MAX = 64 * 1024 * 1024 };

static size_t on_bytes(char *bytes, size_t size, size_t count, void *argument)
{
    struct text *text = argument;

    if (text->len + size * count > REPLY_BYTES_MAX)
        return 0;
    text_add(text, slice_of(bytes, size * count));
    return size * count;
}

/* Nothing of the environment (proxies) or of other protocols has a say here. */
static void set_options(CURL *curl, const char *socket, const char *method, const char *url, long seconds,
                        struct text *body)
{
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, seconds);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    if (strcmp(method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
    }
}

static int read_reply(CURL *curl, const struct text *body, struct admin_reply *out, struct error *error)
{
    json_t *json = json_loadb(body->data ? body->data : "", body->len, 0, NULL);

    if (!json_is_object(json)) {
        json_decref(json);
        return error_set(error, "what listens there is no Portico");
    }
    out->json = json;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
    return 0;
}

int admin_call(const char *socket, const char *method, const char *target, long seconds,
               struct admin_reply *out, struct error *error)
{
    CURL *curl = curl_easy_init();
    struct text url = {0}, body = {0};
    CURLcode code = CURLE_FAILED_INIT;
    int rc = -1;

    text_printf(&url, "http://portico%s", target);
    if (curl) {
        set_options(curl, socket, method, url.data, seconds, &body);
        code = curl_easy_perform(curl);
    }
    if (code == CURLE_OK)
        rc = read_reply(curl, &body, out, error);
    else
        error_set(error, "%s", curl_easy_strerror(code));
    if (rc < 0)
        error_within(error, "%s", socket);
    curl_easy_cleanup(curl);
    text_fini(&url);
    text_fini(&body);
    return rc;
}

const char *admin_client_library_version(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}
