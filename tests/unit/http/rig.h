/** A codec between a scripted exchange and a peer on a socket pair. What the exchange is told is written down
 * in *log*, what the peer gets in *received* (without Date lines); tests compare texts. */
#ifndef TESTS_HTTP_RIG_H
#define TESTS_HTTP_RIG_H

#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/macro.h"
#include "base/text.h"
#include "http/end.h"
#include "http/h1_client.h"
#include "http/h1_server.h"
#include "http/h2_client.h"
#include "http/h2_server.h"
#include "net/loop.h"

enum { RIG_ENDS_MAX = 512 };

struct rig {
    struct loop *loop;
    int peer;          /* -1: closed */
    bool peer_saw_end; /* FIN, or a reset: */
    bool peer_saw_reset;
    struct text log, received;
    struct arena arena;
    struct http_server *server;          /* NULL once closed() came */
    struct h1_client *client;            /* NULL once idle_closed() came */
    struct h2_client *h2;                /* NULL once closed() came */
    struct http_end *end;                /* the one that a request or begin() gave */
    struct http_end *ends[RIG_ENDS_MAX]; /* all of them, as requests came */
    unsigned begun;
    bool holds_credit; /* the exchange credits nothing by itself */
    size_t uncredited, credited_to_us;
    /* Hooks of the exchange, called behind the log entry. */
    void (*on_request)(struct rig *rig);
    void (*on_refused)(struct rig *rig);
    void (*on_last)(struct rig *rig);
    void (*on_reset)(struct rig *rig);
};

extern struct h2_client_limits rig_h2_limits; /* before rig_h2_client() */
extern struct http_server_limits rig_limits;  /* may be changed before rig_server() */

struct rig *rig_server(void);
/** The same with HTTP/2; the peer says everything itself, the preface too. */
struct rig *rig_h2_server(void);
/** With a first request begun. */
struct rig *rig_client(void);
void rig_begin(struct rig *rig);
/** The same with HTTP/2; a first request is begun. */
struct rig *rig_h2_client(void);
void rig_h2_begin(struct rig *rig);
void rig_free(struct rig *rig);

/** The peer sends; all at once. */
void rig_say(struct rig *rig, struct slice bytes);
/** What came at the peer is in *received* then. */
void rig_read(struct rig *rig);
void rig_shut(struct rig *rig);
void rig_hang_up(struct rig *rig);
/** Everything that is due happens. */
void rig_settle(struct rig *rig);
/** Lets time pass until the log or the received bytes end like that. */
void rig_until_log(struct rig *rig, const char *end);
void rig_until_end(struct rig *rig);
/** Reads on at the peer until so many bytes came. */
void rig_until_received(struct rig *rig, size_t bytes);

/** Our side gives. */
void rig_answer(struct rig *rig, int status, const char *body);
void rig_head(struct rig *rig, struct head head, bool last);
void rig_data(struct rig *rig, struct slice bytes, bool last);
/** A GET or other request head for a client. */
struct head rig_request(struct slice method, enum body_kind body, uint64_t length);

/** And forgets them. */
void rig_expect_log(struct rig *rig, const char *text);
void rig_expect_received(struct rig *rig, const char *text);

#endif
