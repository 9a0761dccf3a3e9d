/* What the log says of a request that failed: each try, with its endpoint, its time and its reason. */
#include <criterion/criterion.h>
#include <regex.h>
#include <string.h>

#include "e2e/dns_server.h"
#include "e2e/portico.h"
#include "e2e/turns.h"

SUITE(tries);

/** The line of the request that was answered so; "" when there is none. */
static char *failure_line(struct process *portico, const struct answer *answer)
{
    const char *id = field_of(answer->head, "X-Portico-Error");
    char *log, *at;

    if (!*id || !portico_logs(portico, id))
        return scene_text("%s", "");
    WAIT_FOR(strchr(strstr(log = transcript_copy(&portico->err), id), '\n'),
             PATIENCE_MS); /* the whole line */
    at = strstr(log, id);
    while (at > log && at[-1] != '\n')
        at--;
    return scene_text("%.*s", (int)strcspn(at, "\n"), at);
}

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    bool found;

    cr_assert_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0, "%s", pattern);
    found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

/** That try in `tries`: its number, the endpoint, a time, and words that have that pattern. */
static bool tells(const char *line, int number, const char *endpoint, const char *words)
{
    return matches(line,
                   scene_text("tries=\"([^\"]*; )?%d: %s [0-9]+ ms [^;\"]*%s", number, endpoint, words));
}

static struct process *tries_start(int port, const char *to, const char *more)
{
    return portico_start("workers: 1\ntimeouts: {answer: 1s, answer_idle: 1s}\nroutes:\n  http://a.test:%d:\n"
                         "    to: %s\n    outlier: off\n%s",
                         port, to, more);
}

Test(tries, refused_ones_are_told_one_by_one)
{
    struct server *dead[4];
    int port = scene_port(), told = 0;
    struct process *portico;
    struct answer answer;
    const char *line;

    for (int i = 0; i < 4; i++)
        dead[i] = server_start(scene_text("%d", i), SERVER_REFUSES);
    portico = tries_start(port, servers_list(dead, 4), "");
    answer = get(port, "a.test", "/");
    line = failure_line(portico, &answer);
    cr_expect_eq(answer.status, 502);
    for (int i = 0; i < 4; i++) {
        for (int number = 1; number <= 3; number++)
            told +=
                tells(line, number, dead[i]->address, scene_text("nothing listens on %s", dead[i]->address));
    }
    cr_expect_eq(told, 3, "the first and two others: %s", line);
    cr_expect_null(strstr(line, "; 4: "), "%s", line);
}

Test(tries, a_number_of_other_tries_can_be_said)
{
    struct server *dead[4];
    int ports[] = {scene_port(), scene_port()};
    const char *to;
    struct process *portico;
    struct answer answer;

    for (int i = 0; i < 4; i++)
        dead[i] = server_start(scene_text("%d", i), SERVER_REFUSES);
    to = servers_list(dead, 4);
    portico = portico_start("workers: 1\nroutes:\n  http://a.test:%d: {to: %s, outlier: off, retry: 0}\n"
                            "  http://a.test:%d: {to: %s, outlier: off, retry: {tries: 3}}\n",
                            ports[0], to, ports[1], to);
    answer = get(ports[0], "a.test", "/");
    cr_expect_null(strstr(failure_line(portico, &answer), "2: 127.0.0.1"), "%s",
                   failure_line(portico, &answer));
    answer = get(ports[1], "a.test", "/");
    cr_expect_not_null(strstr(failure_line(portico, &answer), "; 4: 127.0.0.1"), "%s",
                       failure_line(portico, &answer));
}

/** One try of one server, and the words for it. */
static void expect_told(enum server_conduct conduct, int status, const char *words)
{
    struct server *server = server_start("bad", conduct);
    int port = scene_port();
    struct process *portico = tries_start(port, scene_text("[%s]", server->address), "");
    struct answer answer = get(port, "a.test", "/");

    cr_expect_eq(answer.status, status, "%d", answer.status);
    cr_expect(tells(failure_line(portico, &answer), 1, server->address, words), "%s",
              failure_line(portico, &answer));
    cr_expect_null(strstr(answer.body, server->address), "the inside stays inside");
}

Test(tries, a_reset_is_told)
{
    expect_told(SERVER_RESETS_AFTER_REQUEST, 502, "reset");
}

Test(tries, silence_is_told_with_its_timer)
{
    expect_told(SERVER_SILENT, 504, "timeouts\\.answer");
}

Test(tries, dripping_is_told_with_its_timer)
{
    expect_told(SERVER_DRIPS, 504, "timeouts\\.answer");
}

Test(tries, an_answer_that_was_cut_is_told_with_how_much_came)
{
    struct server *server = server_start("bad", SERVER_RESETS_IN_ANSWER);
    int port = scene_port();
    struct process *portico = tries_start(port, scene_text("[%s]", server->address), "");
    struct answer answer = get(port, "a.test", "/");

    cr_expect(answer.status == 502 || !answer.complete);
    cr_expect(portico_logs(portico, "request_failed "), "%s", transcript_copy(&portico->err));
    cr_expect(matches(transcript_copy(&portico->err), "ended too early after [0-9]+ bytes of the answer"),
              "%s", transcript_copy(&portico->err));
}

Test(tries, a_name_without_address_is_told)
{
    struct dns_server *dns = dns_server_new(); /* which knows no name */
    int port = scene_port();
    struct process *portico = tries_start(port, "[\"no-such-host.invalid:80\"]",
                                          scene_text("resolvers: [127.0.0.1:%d]\n", dns_server_port(dns)));
    struct answer answer = get(port, "a.test", "/");

    cr_expect_eq(answer.status, 502);
    cr_expect(matches(failure_line(portico, &answer), "reason=unresolved.*no-such-host\\.invalid"), "%s",
              failure_line(portico, &answer));
    dns_server_free(dns);
}

Test(tries, a_reset_and_then_a_refusal_are_both_told)
{
    struct server *resets = server_start("resets", SERVER_RESETS_AFTER_REQUEST);
    struct server *refuses = server_start("refuses", SERVER_REFUSES);
    int port = scene_port();
    struct process *portico = tries_start(port, scene_text("[%s, %s]", resets->address, refuses->address),
                                          "    retry: {resets: true, budget: 100}\n");
    struct answer answer = get(port, "a.test", "/");
    const char *line = failure_line(portico, &answer);

    cr_expect_eq(answer.status, 502);
    cr_expect(tells(line, 1, resets->address, "reset") || tells(line, 2, resets->address, "reset"), "%s",
              line);
    cr_expect(tells(line, 1, refuses->address, "nothing listens") ||
                  tells(line, 2, refuses->address, "nothing listens"),
              "%s", line);
}

Test(tries, a_request_that_went_well_in_the_end_is_no_failure)
{
    struct server *refuses = server_start("refuses", SERVER_REFUSES),
                  *good = server_start("good", SERVER_ANSWERS);
    int port = scene_port();
    struct process *portico = tries_start(port, scene_text("[%s, %s]", refuses->address, good->address), "");

    cr_expect_eq(turns_of(port, 4, "good"), 4);
    cr_assert_eq(portico_stop(portico), 0);
    cr_expect_null(strstr(transcript_copy(&portico->err), "request_failed"), "%s",
                   transcript_copy(&portico->err));
}
