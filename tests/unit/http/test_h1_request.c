#include "h1_cases.h"

static enum h1_outcome call(struct h1_parse *parse, struct h1_progress *progress, struct slice bytes)
{
    return h1_parse_request(parse, progress, bytes, &case_limits);
}

/* A request with one thing said about it. */
#define GET(fields)    "GET / HTTP/1.1\r\nHost: a.test\r\n" fields "\r\n"
#define POST(fields)   "POST / HTTP/1.1\r\nHost: a.test\r\n" fields "\r\n"
#define POST10(fields) "POST / HTTP/1.0\r\nHost: a.test\r\n" fields "\r\n"
#define TARGET(target) "GET " target " HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define LINE(line)     line "\r\nHost: a.test\r\n\r\n"
#define HOST(lines)    "GET / HTTP/1.1\r\n" lines "\r\n"
#define X16            "xxxxxxxxxxxxxxxx"
#define X128           X16 X16 X16 X16 X16 X16 X16 X16
#define FIELDS15                                                                                             \
    "a:1\r\nb:1\r\nc:1\r\nd:1\r\ne:1\r\nf:1\r\ng:1\r\nh:1\r\ni:1\r\nj:1\r\nk:1\r\nl:1\r\nm:1\r\nn:1\r\no:"   \
    "1\r\n"

static const struct h1_case accepted[] = {
    CASE_OK("9112 3: the smallest", GET("")),
    CASE_OK("9112 3: POST", POST("")),
    CASE_OK("9112 3: HEAD", LINE("HEAD / HTTP/1.1")),
    CASE_OK("9112 3: PUT", LINE("PUT /x HTTP/1.1")),
    CASE_OK("9112 3: DELETE", LINE("DELETE /x HTTP/1.1")),
    CASE_OK("9112 3: OPTIONS", LINE("OPTIONS /x HTTP/1.1")),
    CASE_OK("9112 3: TRACE", LINE("TRACE /x HTTP/1.1")),
    CASE_OK("9112 3: PATCH", LINE("PATCH /x HTTP/1.1")),
    CASE_OK("9110 16.1: PROPFIND", LINE("PROPFIND /x HTTP/1.1")),
    CASE_OK("9110 16.1: REPORT", LINE("REPORT /x HTTP/1.1")),
    CASE_OK("9112 2.2: one empty line first", "\r\n" GET("")),
    CASE_OK("9112 2.2: two empty lines first", "\r\n\r\n" GET("")),
    CASE_OK("9112 2.3: HTTP/1.0", LINE("GET / HTTP/1.0")),
    CASE_OK("9112 3.2: HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n"),
    CASE_OK("9112 3.2: HTTP/1.0 with an empty Host", "GET / HTTP/1.0\r\nHost:\r\n\r\n"),
    CASE_OK("9112 3.2: Host with a port", HOST("Host: a.test:8080\r\n")),
    CASE_OK("9112 3.2: Host is an IPv6 literal", HOST("Host: [::1]:80\r\n")),
    CASE_OK("9110 5.1: names in any case", HOST("hOsT: a.test\r\n")),
    CASE_OK("9112 5.1: no blank behind the colon", HOST("Host:a.test\r\n")),
    CASE_OK("9112 5.1: blanks and tabs around the value", HOST("Host: \t a.test \t \r\n")),
    CASE_OK("9112 5.1: Host last", HOST("A: b\r\nHost: a.test\r\n")),
    CASE_OK("9110 5.5: empty value", GET("A:\r\n")),
    CASE_OK("9110 5.5: value of blanks", GET("A:  \t \r\nB: c\r\n")),
    CASE_OK("9110 5.5: obs-text in a value", GET("A: b\xc3\xa4\xff\r\n")),
    CASE_OK("9110 5.5: tab inside a value", GET("A: b\tc\r\n")),
    CASE_OK("9110 5.6.2: every token character in a name", GET("!#$%&'*+-.^`|~09azAZ: b\r\n")),
    CASE_OK("9110 5.3: a name twice", GET("A: b\r\nA: c\r\n")),
    CASE_OK("names with an underscore are dropped", GET("a_b: c\r\n")),
    CASE_OK("9112 3.2.1: path with a query", TARGET("/a/b;c?d=e&f=g")),
    CASE_OK("9112 3.2.1: percent escapes", TARGET("/a%20b%2fc")),
    CASE_OK("9112 3.2.1: two slashes first", TARGET("//a/b")),
    CASE_OK("9112 3.2.1: an empty query", TARGET("/?")),
    CASE_OK("9112 3.2.1: a colon and an at in the path", TARGET("/a:b@c")),
    CASE_OK("9112 3.2.1: what browsers send unescaped", TARGET("/a|b{c}\"d\"<e>^`?[f]=g|h")),
    CASE_OK("WHATWG URL: backslashes in a query", TARGET("/a?b\\c?\\")),
    CASE_OK("WHATWG URL: a backslash in a query, absolute form", TARGET("http://b.test/x?y\\z")),
    CASE_OK("9112 3.2.2: absolute form", TARGET("http://b.test/x?y")),
    CASE_OK("9112 3.2.2: absolute form with https", TARGET("https://b.test:8443/x")),
    CASE_OK("9112 3.2.2: scheme in any case", TARGET("HTTP://b.test/")),
    CASE_OK("9112 3.2.2: absolute form without a path", TARGET("http://b.test")),
    CASE_OK("9112 3.2.2: absolute form, IPv6", TARGET("http://[::1]:80/x")),
    CASE_OK("9112 3.2.4: asterisk form", LINE("OPTIONS * HTTP/1.1")),
    CASE_OK("9112 3.2.4: OPTIONS, absolute, no path", LINE("OPTIONS http://b.test HTTP/1.1")),
    CASE_OK("9112 3: target at the limit", TARGET("/" X16 X16 X16 X16 X16 X16 X16 "xxxxxxxxxxxxxxx")),
    CASE_OK("9110 5.4: as many fields as the limit", GET(FIELDS15)),
    CASE_OK("9112 6.2: Content-Length", POST("Content-Length: 5\r\n")),
    CASE_OK("9112 6.2: Content-Length 0", POST("Content-Length: 0\r\n")),
    CASE_OK("9112 6.2: leading zeros", POST("Content-Length: 0005\r\n")),
    CASE_OK("9112 6.2: the largest length", POST("Content-Length: 9223372036854775807\r\n")),
    CASE_OK("9112 6.2: blanks around the length", POST("Content-Length:  5  \r\n")),
    CASE_OK("9112 6.2: GET with content", GET("Content-Length: 5\r\n")),
    CASE_OK("9112 6.1: chunked", POST("Transfer-Encoding: chunked\r\n")),
    CASE_OK("9112 7: coding in any case", POST("Transfer-Encoding: ChUnKeD\r\n")),
    CASE_OK("9112 6.2: length in HTTP/1.0", POST10("Content-Length: 5\r\n")),
    CASE_OK("9112 9.6: Connection: close", GET("Connection: close\r\n")),
    CASE_OK("9112 9.3: Connection: keep-alive", GET("Connection: keep-alive\r\n")),
    CASE_OK("9110 7.6.1: an empty Connection", GET("Connection:\r\n")),
    CASE_OK("9110 7.6.1: empty list items", GET("Connection: , ,close,,\r\n")),
    CASE_OK("9110 7.6.1: names a field", GET("Connection: X-Hop\r\nX-Hop: 1\r\n")),
    CASE_OK("9110 7.6.1: two Connection fields", GET("Connection: close\r\nConnection: X-Hop\r\n")),
    CASE_OK("9110 7.8: an upgrade to h2c is ignored",
            GET("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n")),
    CASE_OK("6455 4.1: a WebSocket",
            GET("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")),
    CASE_OK("9110 10.1.1: Expect: 100-continue", POST("Content-Length: 5\r\nExpect: 100-continue\r\n")),
    CASE_OK("9110 10.1.1: an expectation in any case", POST("Content-Length: 5\r\nExpect: 100-Continue\r\n")),
    CASE_OK("9110 10.1.4: TE", GET("TE: trailers\r\nConnection: TE\r\n")),
};

Test(h1_request, valid_heads_are_accepted_however_they_are_cut)
{
    cr_assert_geq(ARRAY_LEN(accepted), 60);
    check_cases(call, accepted, ARRAY_LEN(accepted));
}

static const struct h1_case refused[] = {
    /* lines */
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: bare LF behind the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: bare LF behind a field", "GET / HTTP/1.1\r\nHost: a\n\r\n"),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: bare LF ends the head", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: only bare LFs", "GET / HTTP/1.1\nHost: a\n\n"),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: bare CR behind the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n"),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: bare CR behind a field", "GET / HTTP/1.1\r\nHost: a\rB: c\r\n\r\n"),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: bare CR in a value", GET("A: b\rc\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: bare CR in a name", GET("A\rB: c\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: CR CR LF", GET("A: b\r\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: LF CR", GET("A: b\n\r")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: CR behind an empty value", GET("A:\rB: c\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: LF behind an empty value", GET("A:\nB: c\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: an empty line of LF", "\n" GET("")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: an empty line of CR", "\r" GET("")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: three empty lines", "\r\n\r\n\r\n" GET("")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: an empty line, then LF", "\r\n\n" GET("")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: a blank first", " " GET("")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: a tab first", "\t" GET("")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: NUL first", "\0" GET("")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: a byte order mark", "\xef\xbb\xbf" GET("")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: a blank in front of the first field",
                 "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    CASE_REFUSED(BAD_REQUEST, "9112 2.2: a tab in front of the first field",
                 "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n"),
    CASE_REFUSED(BAD_REQUEST, "TLS on a plain port", "\x16\x03\x01\x02\x00\x01\x00"),
    CASE_REFUSED(BAD_REQUEST, "SSH", "SSH-2.0-OpenSSH_9\r\n\r\n"),
    CASE_REFUSED(BAD_REQUEST, "an answer", "HTTP/1.1 200 OK\r\nHost: a\r\n\r\n"),
    /* request line */
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: unknown method", LINE("FOO / HTTP/1.1")),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: lower case method", LINE("get / HTTP/1.1")),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: method and more", LINE("GETX / HTTP/1.1")),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: half a method", LINE("GE / HTTP/1.1")),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: a letter before a method", LINE("XGET / HTTP/1.1")),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: one letter", LINE("x / HTTP/1.1")),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: every kind of token character",
                 LINE("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1")),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: of 32 bytes", LINE(X16 X16 " / HTTP/1.1")),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: of RTSP", LINE("DESCRIBE / HTTP/1.1")),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: of RTSP, and a target over the limit",
                 "SETUP /" X128 X16 "\r\n\r\n"),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: behind an empty line", "\r\n" LINE("FOO / HTTP/1.1")),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: and mistakes behind it", "FOO x\0y\nHost : a\r\n\r\n"),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: and no more than a byte", "FOO /"),
    CASE_REFUSED(BAD_REQUEST, "9110 9.1: of 33 bytes", LINE(X16 X16 "x / HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9110 9.1: of 33 bytes, and no more", X16 X16 "x"),
    CASE_REFUSED(BAD_REQUEST, "9112 3: unknown, and two blanks", LINE("FOO  / HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: unknown, and a tab", LINE("FOO\t/ HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: unknown, a blank and a tab", LINE("FOO \t/ HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: unknown, and no target", LINE("FOO")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: unknown, and a blank alone", LINE("FOO ")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.1: unknown, and a colon", LINE("FOO: / HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.1: unknown, and NUL", LINE("FOO\0 / HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.1: unknown, and obs-text", LINE("FO\xc3\x96 / HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9113 3.4: the preface's method", LINE("PRI / HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.1: no method", LINE("/ HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.1: NUL in the method", LINE("G\0T / HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.1: colon behind the method", LINE("GET: / HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: two blanks behind the method", LINE("GET  / HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: tab behind the method", LINE("GET\t/ HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: two blanks behind the target", LINE("GET /  HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: tab behind the target", LINE("GET /\tHTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: blank behind the version", LINE("GET / HTTP/1.1 ")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: word behind the version", LINE("GET / HTTP/1.1 x")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: blank in the target", LINE("GET /a b HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: two blanks and a mistake behind them", "GET  t/h: 5\rh\n\r\nhello"),
    CASE_REFUSED(BAD_REQUEST, "9112 3: no version and a mistake behind that", "GET /X\r\nA-b, C\r\n\r\n"),
    CASE_REFUSED(BAD_REQUEST, "9112 3: no target", LINE("GET HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: empty target", LINE("GET  HTTP/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 3: a second request line", LINE("GET / HTTP/1.1\r\nGET / HTTP/1.1")),
    /* version */
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: none (HTTP/0.9)", LINE("GET /")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: no version at all", "GET /\r\n\r\n"),
    CASE_REFUSED(VERSION_REFUSED, "9112 2.3: HTTP/0.9", LINE("GET / HTTP/0.9")),
    CASE_REFUSED(VERSION_REFUSED, "9112 2.3: HTTP/1.2", LINE("GET / HTTP/1.2")),
    CASE_REFUSED(VERSION_REFUSED, "9112 2.3: HTTP/2.0", LINE("GET / HTTP/2.0")),
    CASE_REFUSED(VERSION_REFUSED, "9112 2.3: HTTP/3.7", LINE("GET / HTTP/3.7")),
    CASE_REFUSED(VERSION_REFUSED, "9112 2.3: HTTP/9.9", LINE("GET / HTTP/9.9")),
    CASE_REFUSED(VERSION_REFUSED, "9113 3.4: the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: lower case", LINE("GET / http/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: no minor", LINE("GET / HTTP/1")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: a dot and no minor", LINE("GET / HTTP/1.")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: no major", LINE("GET / HTTP/.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: two digits", LINE("GET / HTTP/1.10")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: two digits first", LINE("GET / HTTP/11.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: a comma", LINE("GET / HTTP/1,1")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: a sign", LINE("GET / HTTP/+1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: a letter", LINE("GET / HTTP/a.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: another protocol", LINE("GET / HTTQ/1.1")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: RTSP", LINE("GET / RTSP/1.0")),
    CASE_REFUSED(METHOD_UNKNOWN, "9110 9.1: of RTSP, and its version", LINE("SETUP / RTSP/1.0")),
    CASE_REFUSED(BAD_REQUEST, "9112 2.3: ICE", LINE("SOURCE / ICE/1.0")),
    /* target */
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: neither path nor URI", TARGET("a")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a host alone", TARGET("a.test/x")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a query alone", TARGET("?a")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a fragment", TARGET("/a#b")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a fragment in absolute form", TARGET("http://b.test/#c")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a backslash", TARGET("/a\\b")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a backslash in front of a query", TARGET("/a\\?b")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a backslash in absolute form", TARGET("http://b.test/a\\b?c")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a backslash in an authority", TARGET("http://b.test\\?c")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a backslash behind a query without a path",
                 TARGET("http://b.test?c\\d")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a control",
                 TARGET("/a\x01"
                        "b")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: NUL", TARGET("/a\0b")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: DEL", TARGET("/a\x7f")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: form feed", TARGET("/a\f")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: not ASCII", TARGET("/\xc3\xa4")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: not UTF-8", TARGET("/\xff")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: LF", TARGET("/a\nb")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: CR", TARGET("/a\rb")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2.2: another scheme", TARGET("ftp://b.test/")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2.2: ws", TARGET("ws://b.test/")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2.2: scheme without slashes", TARGET("http:b.test")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2.2: scheme with one slash", TARGET("http:/b.test")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2.2: no authority", TARGET("http:///x")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2.2: nothing behind the scheme", TARGET("http://")),
    CASE_REFUSED(BAD_REQUEST, "9110 4.2.4: userinfo", TARGET("http://user@b.test/")),
    CASE_REFUSED(BAD_REQUEST, "9110 4.2.4: user and password", TARGET("http://u:p@b.test/")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2.2: a comma in the authority", TARGET("http://a,b/")),
    CASE_REFUSED(BAD_REQUEST, "9110 4.2.3: a query without a path", TARGET("http://b.test?x")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2.4: asterisk without OPTIONS", TARGET("*")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2.4: asterisk and more", LINE("OPTIONS *x HTTP/1.1")),
    CASE_REFUSED(METHOD_REFUSED, "9112 3.2.3: CONNECT", LINE("CONNECT a.test:443 HTTP/1.1")),
    CASE_REFUSED(METHOD_REFUSED, "9112 3.2.3: CONNECT to an address", LINE("CONNECT 127.0.0.1:22 HTTP/1.1")),
    CASE_REFUSED(TARGET_TOO_LONG, "9110 4.1: a byte over the limit", TARGET("/" X128)),
    CASE_REFUSED(TARGET_TOO_LONG, "9110 4.1: an incomplete head", "GET /" X128 X16),
    CASE_REFUSED(TARGET_TOO_LONG, "9110 4.1: in absolute form", TARGET("http://b.test/" X128)),
    CASE_REFUSED(TARGET_TOO_LONG, "9110 4.1: and a mistake behind it", TARGET("/" X128 X16 "\x80")),
    CASE_REFUSED(TARGET_TOO_LONG, "9110 4.1: and no version", "GET /" X128 X16 "\r\n\r\n"),
    /* Host */
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: none", HOST("A: b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: no field at all", HOST("")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: two", HOST("Host: a\r\nHost: b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: two equal ones", HOST("Host: a\r\nHost: a\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: two apart, in another case", HOST("Host: a\r\nX: y\r\nHOST: b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: two in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: empty", HOST("Host:\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: blanks", HOST("Host:  \t\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a list", HOST("Host: a, b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a comma", HOST("Host: a,b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a blank inside", HOST("Host: a b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a tab inside", HOST("Host: a\tb\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: userinfo", HOST("Host: u@a\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a path", HOST("Host: a/b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a backslash", HOST("Host: a\\b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a query", HOST("Host: a?b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a fragment", HOST("Host: a#b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: not ASCII", HOST("Host: \xc3\xa4\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: letters for a port", HOST("Host: a:b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: two ports", HOST("Host: a:1:2\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a bracket left open", HOST("Host: [::1\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2: a name behind the bracket", HOST("Host: [::1]a\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2.2: a malformed one beside an absolute form",
                 "GET http://b/ HTTP/1.1\r\nHost: b:c\r\n\r\n"),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2.2: none beside an absolute form", "GET http://b/ HTTP/1.1\r\n\r\n"),
    CASE_REFUSED(BAD_REQUEST, "9112 3.2.2: two beside an absolute form",
                 "GET http://b/ HTTP/1.1\r\nHost: b\r\nHost: b\r\n\r\n"),
    /* field lines */
    CASE_REFUSED(BAD_REQUEST, "9112 5.1: blank before the colon", GET("A : b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 5.1: tab before the colon", GET("A\t: b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 5.1: blank before Host's colon", HOST("Host : a\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 5.1: blank before the length's colon", POST("Content-Length : 5\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 5.1: empty name", GET(": b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 5.1: no colon", GET("A\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 5.1: a blank instead of the colon", GET("A b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 5.2: folded with a blank", GET("A: b\r\n c\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 5.2: folded with a tab", GET("A: b\r\n\tc\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 5.2: folded empty value", GET("A:\r\n b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 5.2: folded coding", POST("Transfer-Encoding:\r\n chunked\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 5.2: a line of a blank", GET("A: b\r\n \r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.6.2: not a token: (", GET("A(: b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.6.2: not a token: /", GET("A/B: b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.6.2: not a token: quotes", GET("\"A\": b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.6.2: not a token: ;", GET("A;: b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.6.2: not a token: @", GET("A@: b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.6.2: not a token: NUL", GET("A\0: b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.6.2: not a token: DEL", GET("A\x7f: b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.6.2: not a token: obs-text", GET("A\x80: b\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.5: NUL in a value", GET("A: b\0c\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.5: a control in a value",
                 GET("A: b\x01"
                     "c\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.5: escape in a value", GET("A: \x1b[0m\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.5: vertical tab in a value", GET("A: b\vc\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 5.5: DEL in a value", GET("A: b\x7f\r\n")),
    CASE_REFUSED(HEAD_TOO_LARGE, "6585 5: a field over the limit", GET(FIELDS15 "p: 1\r\n")),
    CASE_REFUSED(HEAD_TOO_LARGE, "6585 5: bytes over the limit",
                 GET("A: " X128 X128 X128 X128 X128 X128 X128 X128 "\r\n")),
    CASE_REFUSED(HEAD_TOO_LARGE, "6585 5: an incomplete head over the limit",
                 "GET / HTTP/1.1\r\nHost: a\r\nA: " X128 X128 X128 X128 X128 X128 X128 X128),
    /* framing */
    CASE_REFUSED(BAD_REQUEST, "9112 6.3: length, then coding",
                 POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.3: coding, then length",
                 POST("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.3: coding with length 0",
                 POST("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.3: coding with an empty length",
                 POST("Transfer-Encoding: chunked\r\nContent-Length:\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.3: two lengths", POST("Content-Length: 5\r\nContent-Length: 6\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.3: two equal lengths",
                 POST("Content-Length: 5\r\nContent-Length: 5\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.3: a list of lengths", POST("Content-Length: 5, 5\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: empty", POST("Content-Length:\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: blanks", POST("Content-Length:  \r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: plus", POST("Content-Length: +5\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: minus", POST("Content-Length: -5\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: hexadecimal", POST("Content-Length: 0x5\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: hexadecimal digits", POST("Content-Length: 5a\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: a blank inside", POST("Content-Length: 5 0\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: a fraction", POST("Content-Length: 5.0\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: an exponent", POST("Content-Length: 5e1\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: an underscore", POST("Content-Length: 1_0\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: quotes", POST("Content-Length: \"5\"\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: a semicolon", POST("Content-Length: 5;\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: past 63 bits", POST("Content-Length: 9223372036854775808\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: past 64 bits", POST("Content-Length: 18446744073709551621\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: far past 64 bits",
                 POST("Content-Length: 99999999999999999999999\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: vertical tab in front", POST("Content-Length: \v5\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.2: other digits", POST("Content-Length: \xd9\xa5\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: identity", POST("Transfer-Encoding: identity\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: gzip", POST("Transfer-Encoding: gzip\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: gzip, chunked", POST("Transfer-Encoding: gzip, chunked\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: chunked, gzip", POST("Transfer-Encoding: chunked, gzip\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: chunked twice", POST("Transfer-Encoding: chunked, chunked\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: chunked in two fields",
                 POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: chunked and identity in two fields",
                 POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: empty", POST("Transfer-Encoding:\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: a comma behind", POST("Transfer-Encoding: chunked,\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: a comma in front", POST("Transfer-Encoding: ,chunked\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: a parameter", POST("Transfer-Encoding: chunked;q=1\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: xchunked", POST("Transfer-Encoding: xchunked\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: chunkedx", POST("Transfer-Encoding: chunkedx\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: quotes", POST("Transfer-Encoding: \"chunked\"\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: vertical tab in front", POST("Transfer-Encoding: \vchunked\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: NUL behind", POST("Transfer-Encoding: chunked\0\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: in HTTP/1.0", POST10("Transfer-Encoding: chunked\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9112 6.1: in HTTP/1.0 with a length",
                 POST10("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")),
    /* connection and expectation */
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: Connection names Host", GET("Connection: Host\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: names Content-Length",
                 POST("Connection: Content-Length\r\nContent-Length: 5\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: names Transfer-Encoding",
                 POST("Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: names X-Forwarded-For",
                 GET("Connection: close, X-Forwarded-For\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: names X-Forwarded-Server",
                 GET("Connection: X-Forwarded-Server\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: names X-Real-IP", GET("Connection: x-real-ip\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: names Forwarded", GET("Connection: Forwarded\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: names Via", GET("Connection: keep-alive,Via\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: names Cookie", GET("Connection: Cookie\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: names Authorization", GET("Connection: Authorization\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: names itself", GET("Connection: Connection\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: in the second of two fields",
                 GET("Connection: close\r\nConnection: Via\r\n")),
    CASE_REFUSED(BAD_REQUEST, "9110 7.6.1: more fields than anyone sends",
                 GET("Connection: a\r\nConnection: a\r\nConnection: a\r\nConnection: a\r\nConnection: a\r\n"
                     "Connection: a\r\nConnection: a\r\nConnection: a\r\nConnection: a\r\n")),
    CASE_REFUSED(EXPECTATION_REFUSED, "9110 10.1.1: unknown", POST("Expect: tea\r\n")),
    CASE_REFUSED(EXPECTATION_REFUSED, "9110 10.1.1: a list", POST("Expect: 100-continue, tea\r\n")),
    CASE_REFUSED(EXPECTATION_REFUSED, "9110 10.1.1: empty", POST("Expect:\r\n")),
    CASE_REFUSED(EXPECTATION_REFUSED, "9110 10.1.1: a second one",
                 POST("Expect: 100-continue\r\nExpect: x\r\n")),
};

Test(h1_request, invalid_heads_are_refused_however_they_are_cut)
{
    cr_assert_geq(ARRAY_LEN(refused), 150);
    check_cases(call, refused, ARRAY_LEN(refused));
}

static struct h1_parse parse;

static const struct head *head_of(const char *text)
{
    struct h1_progress progress = {0};

    cr_assert_eq(call(&parse, &progress, slice_str(text)), H1_HEAD, "%s", parse.detail);
    return &parse.head;
}

#define EXPECT_TEXT(slice, text) cr_expect(slice_eq((slice), slice_str(text)), "%.*s", FMT_SLICE(slice))

Test(h1_request, head_has_its_parts)
{
    const struct head *head =
        head_of("POST /a?b HTTP/1.1\r\nHost: x.test:81\r\nA:  b c \r\nE:\r\nContent-Length: 7\r\n\r\nrest");

    cr_expect_eq(head->method, METHOD_POST);
    EXPECT_TEXT(head->method_text, "POST");
    EXPECT_TEXT(head->target, "/a?b");
    EXPECT_TEXT(head->authority, "x.test:81");
    cr_expect_eq(head->scheme.len, 0);
    cr_expect_eq(head->major, 1);
    cr_expect_eq(head->minor, 1);
    cr_expect_eq(head->body, BODY_LENGTH);
    cr_expect_eq(head->length, 7);
    cr_expect(head->has_length);
    cr_expect(!head->ends_connection);
    cr_expect_eq(head->fields.count, 2, "Host and Content-Length are not among the fields");
    EXPECT_TEXT(head->fields.items[0].value, "b c");
    EXPECT_TEXT(head->fields.items[1].name, "E");
    cr_expect_eq(head->fields.items[1].value.len, 0);
    cr_expect_eq(parse.used, head->bytes.len);
}

Test(h1_request, absolute_form_wins_over_host_and_is_split)
{
    const struct head *head = head_of("GET HTTPS://B.test:8443/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n");

    EXPECT_TEXT(head->authority, "B.test:8443");
    EXPECT_TEXT(head->scheme, "HTTPS");
    EXPECT_TEXT(head->target, "/x?y");
    EXPECT_TEXT(head_of("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n")->target, "/");
    EXPECT_TEXT(head_of("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n")->target, "*");
}

Test(h1_request, hop_by_hop_fields_are_gone)
{
    const struct head *head =
        head_of(GET("Keep-Alive: 5\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nTE: trailers\r\nProxy: x\r\n"
                    "Upgrade: h2c\r\nProxy-Connection: x\r\nStays: 1\r\n"));

    cr_expect_eq(head->fields.count, 1);
    EXPECT_TEXT(head->fields.items[0].name, "Stays");
    cr_expect(head->ends_connection);
    cr_expect_eq(head->protocol.len, 0);
}

Test(h1_request, names_with_underscore_are_dropped_and_counted)
{
    const struct head *head = head_of(GET("X_Real_IP: 1\r\nContent_Length: 5\r\nA: b\r\n"));

    cr_expect_eq(head->dropped_fields, 2);
    cr_expect_eq(head->fields.count, 1);
    cr_expect_eq(head->body, BODY_NONE);
}

Test(h1_request, version_and_options_decide_persistence)
{
    cr_expect(!head_of(GET(""))->ends_connection);
    cr_expect(head_of(GET("Connection: Close\r\n"))->ends_connection);
    cr_expect(head_of("GET / HTTP/1.0\r\n\r\n")->ends_connection);
    cr_expect(!head_of("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")->ends_connection);
    cr_expect(head_of("GET / HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n")->ends_connection);
}

Test(h1_request, expectation_needs_content_and_version)
{
    cr_expect(head_of(POST("Expect: 100-continue\r\nContent-Length: 5\r\n"))->expects_continue);
    cr_expect_eq(parse.head.fields.count, 0);
    cr_expect(!head_of(POST("Expect: 100-continue\r\n"))->expects_continue);
    cr_expect(!head_of(POST10("Expect: 100-continue\r\nContent-Length: 5\r\n"))->expects_continue);
}

Test(h1_request, only_a_valid_websocket_upgrade_is_one)
{
    static const struct {
        const char *name, *text;
        bool is_upgrade;
    } cases[] = {
        {"all of it",
         GET("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"), true},
        {"no option", GET("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"), false},
        {"no protocol", GET("Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"), false},
        {"no version", GET("Connection: Upgrade\r\nUpgrade: websocket\r\n"), false},
        {"other version", GET("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n"),
         false},
        {"two protocols",
         GET("Connection: Upgrade\r\nUpgrade: websocket, h2c\r\nSec-WebSocket-Version: 13\r\n"), false},
        {"content",
         GET("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nContent-Length: "
             "1\r\n"),
         false},
        {"POST", POST("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"), false},
        {"HTTP/1.0",
         "GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
         "13\r\n\r\n",
         false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cr_expect_eq(head_of(cases[i].text)->protocol.len > 0, cases[i].is_upgrade, "%s", cases[i].name);
}

Test(h1_request, what_could_be_read_of_a_refused_head_is_there)
{
    struct h1_progress progress = {0};

    cr_assert_eq(call(&parse, &progress, slice_str(GET("Accept: text/html\r\nA : b\r\n"))), H1_REFUSED);
    EXPECT_TEXT(parse.head.target, "/");
    cr_expect_not_null(fields_find(&parse.head.fields, FIELD_ACCEPT));
}

Test(h1_request, byte_by_byte_head_costs_few_walks)
{
    struct h1_progress progress = {0};
    struct slice head = slice_str("GET / HTTP/1.1\r\nA: " X128 X128 X128 X128 X128 X128 X128 "\r\n");
    uint32_t walks = 0, last = 0;

    for (size_t len = 1; len <= head.len; len++) {
        cr_assert_eq(call(&parse, &progress, slice_head(head, len)), H1_MORE);
        walks += progress.parsed_bytes != last;
        last = progress.parsed_bytes;
    }
    cr_expect_leq(walks, 12);
}
