/* What routing itself answers, without any backend. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "proxy/exchange.h"
#include "sim/stage.h"
#include "tls/local_ca.h"

Test(routing, refuses_with_the_status_and_says_why)
{
    static const struct {
        const char *line;
        int status;
        enum fault fault;
        const char *detail;
    } cases[] = {
        {"GET http://other.test/", 404, FAULT_NO_ROUTE, "no route of this port has that host"},
        {"POST /picky", 200, FAULT_NONE, ""}, /* the shorter path takes it */
        {"GET http://bad_port:x/", 400, FAULT_BAD_REQUEST, "the Host is not a valid host[:port]"},
        {"GET http:///", 400, FAULT_BAD_REQUEST, "the Host is not a valid host[:port]"},
        {"GET /closed", 410, FAULT_NONE, ""},
        {"GET /x/../closed", 400, FAULT_BAD_REQUEST, "the path takes different routes, by how it is read"},
        {"GET /x%2F..%2Fclosed", 400, FAULT_BAD_REQUEST,
         "the path takes different routes, by how it is read"},
        {"GET /%zz", 400, FAULT_BAD_REQUEST, "the path is not valid"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *play = play_begin(cases[i].line, BODY_NONE, 0);

        if (cases[i].fault != FAULT_NONE) {
            EXPECT_FAILED(play, cases[i].status, cases[i].fault, cases[i].detail);
            EXPECT_OFFICE(play, "");
        } else if (cases[i].status == 200) {
            back_ready(play);
            back_answers(play, 200, BODY_NONE, 0);
        }
        cr_assert_eq(play->front.head.status, cases[i].status, "%s", cases[i].line);
        play_end(play);
    }
}

Test(routing, a_fixed_answer_is_given_even_while_content_comes)
{
    struct play *play = play_begin("POST /closed", BODY_LENGTH, 100);

    cr_assert_eq(play->front.head.status, 410);
    EXPECT_OFFICE(play, "");
    EXPECT_LOGGED(play, " 410 ");
    EXPECT_LOGGED(play, "route=\"closed\"");
    play_end(play);
}

Test(routing, a_redirect_keeps_host_path_and_query)
{
    struct play *play = play_begin("GET http://old.test/x?q=1", BODY_NONE, 0);
    const struct field *location = fields_find_name(&play->front.head.fields, SLICE("Location"));

    EXPECT_FRONT(play, "308 last\n");
    cr_assert(location && slice_eq(location->value, SLICE("https://old.test/x?q=1")));
    play_end(play);
}

Test(routing, a_port_that_was_taken_from_the_table_has_no_routes)
{
    struct play *play = play_new(stage_new());

    play->client.port = 81;
    play_asks(play, "GET /", BODY_NONE, 0);
    EXPECT_FAILED(play, 404, FAULT_NO_ROUTE, "");
    play_end(play);
}

Test(routing, plain_http_on_a_tls_port_is_told_so)
{
    struct play *play = play_new(stage_new());

    play->client.is_plain_on_tls = true;
    play_asks(play, "GET /", BODY_NONE, 0);
    EXPECT_FAILED(play, 400, FAULT_PLAIN_ON_TLS, "");
    play_end(play);
}

Test(routing, what_the_codec_refused_is_answered_and_logged)
{
    struct play *play = play_new(stage_new());
    const struct head unknown = {0};

    exchange_refuse(&play->client, &play->front.end, &unknown, FAULT_HEAD_TOO_LARGE, "over limits.head");
    EXPECT_FAILED(play, 431, FAULT_HEAD_TOO_LARGE, "over limits.head");
    play_end(play);
}

/* --- 421 (RFC 9110 §15.5.20) */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return remove(path);
}

/* As after a handshake for app.localhost (fake_log.c): its certificate covers no other name. */
static void secure(struct play *play, const char *directory)
{
    struct certificates *certificates = play->stage->snapshot->certificates;
    struct local_ca *ca;
    struct error error;

    cr_assert_eq(local_ca_open(directory, &ca, &error), 0, "%s", error.text);
    certificates_set_local_ca(certificates, ca);
    play->client.identity = certificates_find(certificates, SLICE("app.localhost"));
    play->client.port = 443;
    cr_assert_not_null(play->client.identity);
}

Test(routing, a_host_that_the_certificate_does_not_cover_is_misdirected)
{
    static const struct {
        const char *line;
        bool is_misdirected;
    } cases[] = {{"GET https://other.localhost/", true},
                 {"GET http://app.localhost/", true},
                 {"GET https://APP.localhost.:443/", false}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct play *play = play_new(stage_new());
        char directory[] = "/tmp/sim_XXXXXX";

        cr_assert_not_null(mkdtemp(directory));
        secure(play, directory);
        play_asks(play, cases[i].line, BODY_NONE, 0);
        if (cases[i].is_misdirected) {
            EXPECT_FAILED(play, 421, FAULT_MISDIRECTED, "");
        } else {
            back_ready(play);
            back_answers(play, 204, BODY_NONE, 0);
            EXPECT_LOGGED(play, "kind=https");
        }
        play_end(play);
        nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    }
}

Test(routing, https_over_a_connection_without_tls_is_misdirected)
{
    struct play *play = play_begin("GET https://app.localhost/", BODY_NONE, 0);

    EXPECT_FAILED(play, 421, FAULT_MISDIRECTED, "scheme");
    EXPECT_OFFICE(play, "");
    play_end(play);
}
