/* What is said about bad files, word for word. */
#include "base/macro.h"
#include "loaded.h"

static const struct bad_case UNKNOWN_KEYS[] = {
    {"file", "rotues: {a: 1}\n",
     "t.yaml:1:1: error: unknown key \"rotues\"\n"
     " 1 | rotues: {a: 1}\n"
     "   | ^^^^^^ did you mean \"routes\"?\n"},
    {"file, nothing near", "frontends: {}\n",
     "t.yaml:1:1: error: unknown key \"frontends\"\n"
     " 1 | frontends: {}\n"
     "   | ^^^^^^^^^\n"},
    {"route",
     "routes:\n"
     "  https://shop.example.com/:\n"
     "    to: 1\n"
     "    acces_log: off\n",
     "t.yaml:4:5: error: unknown key \"acces_log\" in route https://shop.example.com/\n"
     " 4 |     acces_log: off\n"
     "   |     ^^^^^^^^^ did you mean \"access_log\"?\n"},
    {"alternative",
     "routes:\n"
     "  a:\n"
     "    - {to: 1, strip_prefx: true}\n",
     "t.yaml:3:15: error: unknown key \"strip_prefx\" in route a\n"
     " 3 |     - {to: 1, strip_prefx: true}\n"
     "   |               ^^^^^^^^^^^ did you mean \"strip_prefix\"?\n"},
    {"target", "routes: {a: [{address: 1, wieght: 2}]}\n",
     "t.yaml:1:27: error: unknown key \"wieght\" in target of route a\n"
     " 1 | routes: {a: [{address: 1, wieght: 2}]}\n"
     "   |                           ^^^^^^ did you mean \"weight\"?\n"},
    {"when", "routes: {a: {to: 1, when: {method: GET}}}\n",
     "t.yaml:1:28: error: unknown key \"method\" in when of route a\n"
     " 1 | routes: {a: {to: 1, when: {method: GET}}}\n"
     "   |                            ^^^^^^ did you mean \"methods\"?\n"},
    {"edits", "routes: {a: {to: 1, request_headers: {sets: {A: b}}}}\n",
     "t.yaml:1:39: error: unknown key \"sets\" in request_headers of route a\n"
     " 1 | routes: {a: {to: 1, request_headers: {sets: {A: b}}}}\n"
     "   |                                       ^^^^ did you mean \"set\"?\n"},
    {"route's timeouts", "routes: {a: {to: 1, timeouts: {conect: 5s}}}\n",
     "t.yaml:1:32: error: unknown key \"conect\" in timeouts of route a\n"
     " 1 | routes: {a: {to: 1, timeouts: {conect: 5s}}}\n"
     "   |                                ^^^^^^ did you mean \"connect\"?\n"},
    {"route's limits", "routes: {a: {to: 1, limits: {bodi: 1MiB}}}\n",
     "t.yaml:1:30: error: unknown key \"bodi\" in limits of route a\n"
     " 1 | routes: {a: {to: 1, limits: {bodi: 1MiB}}}\n"
     "   |                              ^^^^ did you mean \"body\"?\n"},
    {"timeouts", "timeouts: {answer-idle: 5s}\n",
     "t.yaml:1:12: error: unknown key \"answer-idle\" in timeouts\n"
     " 1 | timeouts: {answer-idle: 5s}\n"
     "   |            ^^^^^^^^^^^ did you mean \"answer_idle\"?\n"},
    {"limits", "limits: {feilds: 100}\n",
     "t.yaml:1:10: error: unknown key \"feilds\" in limits\n"
     " 1 | limits: {feilds: 100}\n"
     "   |          ^^^^^^ did you mean \"fields\"?\n"},
    {"log", "log: {levle: info}\n",
     "t.yaml:1:7: error: unknown key \"levle\" in log\n"
     " 1 | log: {levle: info}\n"
     "   |       ^^^^^ did you mean \"level\"?\n"},
    {"access", "log: {access: {file: x}}\n",
     "t.yaml:1:16: error: unknown key \"file\" in access of log\n"
     " 1 | log: {access: {file: x}}\n"
     "   |                ^^^^\n"},
    {"listen", "listen: {443: {bnd: \"::1\"}}\n",
     "t.yaml:1:15: error: \"bind\" is missing in listen 443\n"
     " 1 | listen: {443: {bnd: \"::1\"}}\n"
     "   |               ^\n"
     "t.yaml:1:16: error: unknown key \"bnd\" in listen 443\n"
     " 1 | listen: {443: {bnd: \"::1\"}}\n"
     "   |                ^^^ did you mean \"bind\"?\n"},
    {"certificate", "certificates: [{crt: a, key: b}]\n",
     "t.yaml:1:16: error: \"cert\" is missing in certificate\n"
     " 1 | certificates: [{crt: a, key: b}]\n"
     "   |                ^\n"
     "t.yaml:1:17: error: unknown key \"crt\" in certificate\n"
     " 1 | certificates: [{crt: a, key: b}]\n"
     "   |                 ^^^ did you mean \"cert\"?\n"},
};

Test(mistakes, unknown_key_is_named_with_its_place_and_the_nearest_known)
{
    expect_said(UNKNOWN_KEYS, ARRAY_LEN(UNKNOWN_KEYS));
}

static const struct bad_case VALUES[] = {
    {"duration without unit", "timeouts: {head: 15}\n",
     "t.yaml:1:18: error: \"head\" must be a duration such as 500ms, 15s, 5m or 1h, not \"15\"\n"
     " 1 | timeouts: {head: 15}\n"
     "   |                  ^^ did you mean \"15s\"?\n"},
    {"duration below", "timeouts: {head: 1ms}\n",
     "t.yaml:1:18: error: \"head\" must be between 100ms and 1h, not 1ms\n"
     " 1 | timeouts: {head: 1ms}\n"
     "   |                  ^^^\n"},
    {"duration above", "timeouts: {tunnel: 1000h}\n",
     "t.yaml:1:20: error: \"tunnel\" must be between 100ms and 720h, not 1000h\n"
     " 1 | timeouts: {tunnel: 1000h}\n"
     "   |                    ^^^^^ or \"none\"\n"},
    {"none where nothing may be lifted", "timeouts: {head: none}\n",
     "t.yaml:1:18: error: \"head\" must be a duration such as 500ms, 15s, 5m or 1h, not \"none\"\n"
     " 1 | timeouts: {head: none}\n"
     "   |                  ^^^^\n"},
    {"size in another habit", "limits: {body: 10MB}\n",
     "t.yaml:1:16: error: \"body\" must be a size such as 32KiB, 10MiB or 1GiB, or none, not \"10MB\"\n"
     " 1 | limits: {body: 10MB}\n"
     "   |                ^^^^ did you mean \"10MiB\"?\n"},
    {"size above", "limits: {head: 2MiB}\n",
     "t.yaml:1:16: error: \"head\" must be between 1KiB and 1MiB, not 2MiB\n"
     " 1 | limits: {head: 2MiB}\n"
     "   |                ^^^^\n"},
    {"count", "limits: {fields: many}\n",
     "t.yaml:1:18: error: \"fields\" must be a whole number, not \"many\"\n"
     " 1 | limits: {fields: many}\n"
     "   |                  ^^^^\n"},
    {"count below", "workers: 0\n",
     "t.yaml:1:10: error: \"workers\" must be between 1 and 1024, not 0\n"
     " 1 | workers: 0\n"
     "   |          ^ or \"auto\"\n"},
    {"choice", "log: {level: inof}\n",
     "t.yaml:1:14: error: \"level\" must be error, warn, info or debug, not \"inof\"\n"
     " 1 | log: {level: inof}\n"
     "   |              ^^^^ did you mean \"info\"?\n"},
    {"switch of YAML 1.1", "local_ca: yes\n",
     "t.yaml:1:11: error: \"local_ca\" must be true or false, not \"yes\"\n"
     " 1 | local_ca: yes\n"
     "   |           ^^^ did you mean \"true\"?\n"},
    {"switch", "local_ca: maybe\n",
     "t.yaml:1:11: error: \"local_ca\" must be true or false, not \"maybe\"\n"
     " 1 | local_ca: maybe\n"
     "   |           ^^^^^\n"},
    {"list for a text", "user: [a]\n",
     "t.yaml:1:7: error: \"user\" must be a name, not a list\n"
     " 1 | user: [a]\n"
     "   |       ^\n"},
    {"nothing for a text", "user:\n",
     "t.yaml:1:1: error: \"user\" has no value: it must be a name\n"
     " 1 | user:\n"
     "   | ^^^^\n"},
    {"text for a map", "timeouts: 5s\n",
     "t.yaml:1:11: error: \"timeouts\" must be a map, not a text\n"
     " 1 | timeouts: 5s\n"
     "   |           ^^\n"},
    {"network", "trusted_proxies: [10.0.0.1/8, localhost]\n",
     "t.yaml:1:19: error: \"trusted_proxies\" must be a network such as 10.0.0.0/8 (no bits set behind the "
     "prefix) or an IP address, not \"10.0.0.1/8\"\n"
     " 1 | trusted_proxies: [10.0.0.1/8, localhost]\n"
     "   |                   ^^^^^^^^^^\n"
     "t.yaml:1:31: error: \"trusted_proxies\" must be a network such as 10.0.0.0/8 (no bits set behind the "
     "prefix) or an IP address, not \"localhost\"\n"
     " 1 | trusted_proxies: [10.0.0.1/8, localhost]\n"
     "   |                               ^^^^^^^^^\n"},
    {"cut IPv6 address", "trusted_proxies: [fe80::]\n",
     "t.yaml:1:24: error: \"trusted_proxies\" must be a network such as 10.0.0.0/8 (no bits set behind the "
     "prefix) or an IP address, not a map\n"
     " 1 | trusted_proxies: [fe80::]\n"
     "   |                        ^ a colon at the end makes it a key: put the address in quotes\n"},
    {"empty list", "routes: {a: {to: 1, when: {from: []}}}\n",
     "t.yaml:1:34: error: \"from\" is an empty list\n"
     " 1 | routes: {a: {to: 1, when: {from: []}}}\n"
     "   |                                  ^\n"},
    {"port", "listen: {0: 127.0.0.1, 65536: 127.0.0.1, 080: 127.0.0.1}\n",
     "t.yaml:1:10: error: a key of \"listen\" must be a port from 1 to 65535, not \"0\"\n"
     " 1 | listen: {0: 127.0.0.1, 65536: 127.0.0.1, 080: 127.0.0.1}\n"
     "   |          ^\n"
     "t.yaml:1:24: error: a key of \"listen\" must be a port from 1 to 65535, not \"65536\"\n"
     " 1 | listen: {0: 127.0.0.1, 65536: 127.0.0.1, 080: 127.0.0.1}\n"
     "   |                        ^^^^^\n"
     "t.yaml:1:42: error: a key of \"listen\" must be a port from 1 to 65535, not \"080\"\n"
     " 1 | listen: {0: 127.0.0.1, 65536: 127.0.0.1, 080: 127.0.0.1}\n"
     "   |                                          ^^^\n"},
    {"bind", "listen: {80: {bind: localhost}}\n",
     "t.yaml:1:21: error: \"bind\" must be an IP address such as 192.0.2.1 or ::1, not \"localhost\"\n"
     " 1 | listen: {80: {bind: localhost}}\n"
     "   |                     ^^^^^^^^^\n"},
    {"certificate without key", "certificates: [{cert: a}]\n",
     "t.yaml:1:16: error: \"key\" is missing in certificate\n"
     " 1 | certificates: [{cert: a}]\n"
     "   |                ^\n"},
    {"switch for an output", "log: {access: on}\n",
     "t.yaml:1:15: error: \"to\" must be stdout, stderr, off or a path, not \"on\"\n"
     " 1 | log: {access: on}\n"
     "   |               ^^\n"},
    {"together", "limits: {head: 4KiB}\n",
     "t.yaml:1:10: error: \"head\" is smaller than \"target\", which is a part of it\n"
     " 1 | limits: {head: 4KiB}\n"
     "   |          ^^^^\n"},
    {"expect without URLs", "expect: a.test\n",
     "t.yaml:1:9: error: \"expect\" must be a map of URLs and the routes that they take, not a text\n"
     " 1 | expect: a.test\n"
     "   |         ^^^^^^\n"},
    {"expect without a route", "expect: {a.test/x: }\n",
     "t.yaml:1:10: error: \"a.test/x\" needs the key of the route that it must take, such as "
     "https://shop.example.com/\n"
     " 1 | expect: {a.test/x: }\n"
     "   |          ^^^^^^^^\n"},
};

Test(mistakes, value_out_of_form_or_range_is_told_what_is_right)
{
    expect_said(VALUES, ARRAY_LEN(VALUES));
}

static const struct bad_case ROUTES[] = {
    {"nothing",
     "routes:\n"
     "  a.test:\n",
     "t.yaml:2:3: error: route a.test goes nowhere: write a target such as 3000 behind it\n"
     " 2 |   a.test:\n"
     "   |   ^^^^^^\n"},
    {"empty list", "routes: {a: []}\n",
     "t.yaml:1:13: error: \"to\" is an empty list\n"
     " 1 | routes: {a: []}\n"
     "   |             ^\n"},
    {"empty text", "routes: {a: \"\"}\n",
     "t.yaml:1:13: error: \"address\" must be a target such as 8080, host:port or unix:/run/app.sock, not "
     "\"\"\n"
     " 1 | routes: {a: \"\"}\n"
     "   |             ^^\n"},
    {"no kind", "routes: {a: {strip_prefix: true}}\n",
     "t.yaml:1:10: error: route a goes nowhere: it needs one of to, redirect and respond\n"
     " 1 | routes: {a: {strip_prefix: true}}\n"
     "   |          ^\n"},
    {"two kinds", "routes: {a: {to: 1, respond: 404}}\n",
     "t.yaml:1:21: error: a route has one of to, redirect and respond: \"to\" stands here already\n"
     " 1 | routes: {a: {to: 1, respond: 404}}\n"
     "   |                     ^^^^^^^\n"},
    {"code without redirect", "routes: {a: {to: 1, code: 302}}\n",
     "t.yaml:1:21: error: \"code\" has no effect without \"redirect\"\n"
     " 1 | routes: {a: {to: 1, code: 302}}\n"
     "   |                     ^^^^\n"},
    {"code that is no redirection", "routes: {a: {redirect: /, code: 304}}\n",
     "t.yaml:1:33: error: \"code\" must be 301, 302, 303, 307 or 308, not \"304\"\n"
     " 1 | routes: {a: {redirect: /, code: 304}}\n"
     "   |                                 ^^^\n"},
    {"respond", "routes: {a: {respond: 100}}\n",
     "t.yaml:1:23: error: \"respond\" must be between 200 and 599, not 100\n"
     " 1 | routes: {a: {respond: 100}}\n"
     "   |                       ^^^\n"},
    {"redirect to another host by accident", "routes: {a: {redirect: //b.test}}\n",
     "t.yaml:1:24: error: \"redirect\" must be a URL such as https://example.com/, or a path that begins "
     "with /, not \"//b.test\"\n"
     " 1 | routes: {a: {redirect: //b.test}}\n"
     "   |                        ^^^^^^^^\n"},
    {"key for backends where there is none", "routes: {a: {respond: 404, rewrite_path: /x}}\n",
     "t.yaml:1:28: error: \"rewrite_path\" has no effect here: \"respond\" sends nothing to a backend\n"
     " 1 | routes: {a: {respond: 404, rewrite_path: /x}}\n"
     "   |                            ^^^^^^^^^^^^\n"},
    {"rewrite_path", "routes: {a: {to: 1, rewrite_path: x}}\n",
     "t.yaml:1:35: error: \"rewrite_path\" must be a path that begins with /, not \"x\"\n"
     " 1 | routes: {a: {to: 1, rewrite_path: x}}\n"
     "   |                                   ^\n"},
    {"two ways to change the path", "routes: {a: {to: 1, rewrite_path: /x, strip_prefix: on}}\n",
     "t.yaml:1:21: error: \"rewrite_path\" takes the key's path off already: leave out \"strip_prefix\"\n"
     " 1 | routes: {a: {to: 1, rewrite_path: /x, strip_prefix: on}}\n"
     "   |                     ^^^^^^^^^^^^\n"},
    {"ca without verify", "routes: {a: {to: 1, ca: x, verify: off}}\n",
     "t.yaml:1:21: error: \"ca\" has no effect with \"verify: off\"\n"
     " 1 | routes: {a: {to: 1, ca: x, verify: off}}\n"
     "   |                     ^^\n"},
    {"empty when", "routes: {a: {to: 1, when: {}}}\n",
     "t.yaml:1:21: error: \"when\" is empty: it needs at least one of methods, headers, query, from and "
     "local\n"
     " 1 | routes: {a: {to: 1, when: {}}}\n"
     "   |                     ^^^^\n"},
    {"when missing before the last", "routes: {a: [{to: 1}, {to: 2}]}\n",
     "t.yaml:1:14: error: only the last alternative may have no \"when\": those behind this one are never "
     "reached\n"
     " 1 | routes: {a: [{to: 1}, {to: 2}]}\n"
     "   |              ^\n"},
    {"targets among alternatives", "routes: {a: [{to: 1, when: {methods: GET}}, 8080]}\n",
     "t.yaml:1:45: error: a list holds either targets or alternatives (maps with when and to), not both\n"
     " 1 | routes: {a: [{to: 1, when: {methods: GET}}, 8080]}\n"
     "   |                                             ^^^^\n"},
    {"list among targets", "routes: {a: [8080, [8081]]}\n",
     "t.yaml:1:20: error: \"to\" must be a target such as 8080, host:port or unix:/run/app.sock, not a list\n"
     " 1 | routes: {a: [8080, [8081]]}\n"
     "   |                    ^\n"},
    {"method in lower case", "routes: {a: {to: 1, when: {methods: [get]}}}\n",
     "t.yaml:1:38: error: \"methods\" must be a method such as GET, not \"get\"\n"
     " 1 | routes: {a: {to: 1, when: {methods: [get]}}}\n"
     "   |                                      ^^^ did you mean \"GET\"?\n"},
    {"header name", "routes: {a: {to: 1, when: {headers: {\"X Y\": 1}}}}\n",
     "t.yaml:1:38: error: \"X Y\" is not a header field's name\n"
     " 1 | routes: {a: {to: 1, when: {headers: {\"X Y\": 1}}}}\n"
     "   |                                      ^^^^^\n"},
    {"header value that is a list", "routes: {a: {to: 1, when: {headers: {X: [1]}}}}\n",
     "t.yaml:1:41: error: the value of \"X\" must be a text, not a list\n"
     " 1 | routes: {a: {to: 1, when: {headers: {X: [1]}}}}\n"
     "   |                                         ^\n"},
    {"field of the connection", "routes: {a: {to: 1, request_headers: {remove: connection}}}\n",
     "t.yaml:1:47: error: connection belongs to the connection: Portico writes it for each side itself\n"
     " 1 | routes: {a: {to: 1, request_headers: {remove: connection}}}\n"
     "   |                                               ^^^^^^^^^^\n"},
    {"line break in a field",
     "routes: {a: {to: 1, response_headers: {set: {X: \"a\\r\\nSet-Cookie: b\"}}}}\n",
     "t.yaml:1:49: error: the value of \"X\" has a line break, another control character, or blanks at an "
     "end\n"
     " 1 | routes: {a: {to: 1, response_headers: {set: {X: \"a\\r\\nSet-Cookie: b\"}}}}\n"
     "   |                                                 ^^^^^^^^^^^^^^^^^^^^\n"},
};

Test(mistakes, route_that_makes_no_sense_is_refused)
{
    expect_said(ROUTES, ARRAY_LEN(ROUTES));
}

Test(mistakes, are_told_all_at_once_in_the_order_of_their_places)
{
    static const struct bad_case ALL[] = {
        {"all",
         "routes:\n"
         "  http://a.test: 3000\n"
         "  http://a.test: 3001\n"
         "  https://shop.example.com/:\n"
         "    too: 8080\n"
         "    timeouts: {answer: 5 sec}\n"
         "  http://b.test:\n"
         "user: ${PORTICO_NONE}\n"
         "worker: 3\n"
         "limits: {body: 10MB}\n",
         "t.yaml:3:3: error: duplicate key \"http://a.test\": it stands in line 2 already\n"
         " 3 |   http://a.test: 3001\n"
         "   |   ^^^^^^^^^^^^^\n"
         "t.yaml:4:3: error: route https://shop.example.com/ goes nowhere: it needs one of to, redirect and "
         "respond\n"
         " 4 |   https://shop.example.com/:\n"
         "   |   ^^^^^^^^^^^^^^^^^^^^^^^^^\n"
         "t.yaml:5:5: error: unknown key \"too\" in route https://shop.example.com/\n"
         " 5 |     too: 8080\n"
         "   |     ^^^ did you mean \"to\"?\n"
         "t.yaml:6:24: error: \"answer\" must be a duration such as 500ms, 15s, 5m or 1h, or none, not \"5 "
         "sec\"\n"
         " 6 |     timeouts: {answer: 5 sec}\n"
         "   |                        ^^^^^ did you mean \"5s\"?\n"
         "t.yaml:7:3: error: route http://b.test goes nowhere: write a target such as 3000 behind it\n"
         " 7 |   http://b.test:\n"
         "   |   ^^^^^^^^^^^^^\n"
         "t.yaml:8:7: error: PORTICO_NONE is not set in the environment, and there is no default\n"
         " 8 | user: ${PORTICO_NONE}\n"
         "   |       ^^^^^^^^^^^^^^^\n"
         "t.yaml:9:1: error: unknown key \"worker\"\n"
         " 9 | worker: 3\n"
         "   | ^^^^^^ did you mean \"workers\"?\n"
         "t.yaml:10:16: error: \"body\" must be a size such as 32KiB, 10MiB or 1GiB, or none, not \"10MB\"\n"
         " 10 | limits: {body: 10MB}\n"
         "    |                ^^^^ did you mean \"10MiB\"?\n"},
    };

    expect_said(ALL, ARRAY_LEN(ALL));
}
