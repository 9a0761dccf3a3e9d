#include <llhttp.h>
#include <libfyaml.h>
#include <curl/curl.h>
#include "jansson.h"
