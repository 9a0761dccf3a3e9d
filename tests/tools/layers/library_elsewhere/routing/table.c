#include <ares.h>
#include <nghttp2/nghttp2.h>
#include <criterion/criterion.h>
