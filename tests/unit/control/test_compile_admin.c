#include <criterion/criterion.h>

#include "unit/control/compiled.h"

#define ROUTES "routes: {'http://a.test': 1}\n"
#define LONG                                                                                                 \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaa"

Test(compile_admin, the_short_form_is_the_long_one)
{
    static const char *const cases[] = {ROUTES "admin: unix:/run/x.sock",
                                        ROUTES "admin: {listen: unix:/run/x.sock}"};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct compiled compiled = compile_good(cases[i]);

        cr_expect_str_eq(compiled.snapshot->admin.data, "/run/x.sock");
        compiled_fini(&compiled);
    }
}

Test(compile_admin, what_is_no_unix_socket_is_refused)
{
    static const struct said_case cases[] = {
        {"TCP", ROUTES "admin: {listen: 127.0.0.1:9901}",
         "t.yaml:2:17: error: the admin socket must be a unix socket such as unix:/run/portico/admin.sock: "
         "one on a "
         "TCP address is not built yet\n"
         " 2 | admin: {listen: 127.0.0.1:9901}\n"
         "   |                 ^^^^^^^^^^^^^^\n"},
        {"no path", ROUTES "admin: 'unix:'",
         "t.yaml:2:8: error: the admin socket needs a path of a file, of at most 107 bytes, behind unix:\n"
         " 2 | admin: 'unix:'\n"
         "   |        ^^^^^^^\n"},
        {"abstract", ROUTES "admin: 'unix:@x'",
         "t.yaml:2:8: error: the admin socket needs a path of a file, of at most 107 bytes, behind unix:\n"
         " 2 | admin: 'unix:@x'\n"
         "   |        ^^^^^^^^^\n"},
    };
    struct compiled too_long = compile_text_of(ROUTES "admin: unix:/" LONG);

    expect_errors(cases, ARRAY_LEN(cases));
    cr_expect_null(too_long.snapshot);
    compiled_fini(&too_long);
}
