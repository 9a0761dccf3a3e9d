/** A farm: a pool of servers that do what the test says, and one worker or two that acquire connections to them. All of
 *  backends/ is the real one but for connect.c and warden.c (fake_connect.c, fake_warden.c); the clock stands still until
 *  the test moves it, and no socket is opened.
 *
 *  Servers are known by letters: 'a' is the first. Failed promises end the test. */
#ifndef TESTS_SIM_POOLS_FARM_H
#define TESTS_SIM_POOLS_FARM_H

#include "backends/acquire.h"
#include "backends/places.h"
#include "base/text.h"
#include "sim/must.h"

enum { SERVERS_MAX = 12, WORKERS_MAX = 2, CONNECT_MS = 5000 };

struct farm;

/** What comes of a connection that is begun now. */
enum mood { ACCEPTS, REFUSES, HANGS };

struct server {
    struct farm *farm;
    char letter;
    enum mood mood;
    uint64_t delay_ms; /* until it accepts or refuses; 0: in the same turn */
    struct timer accepts_again;
    struct standing *standing;
    struct link conns;               /* open ones, at the server's side */
    size_t dials;                    /* of all times */
    size_t dialling;                 /* under way */
    size_t open, most;               /* connections with those under way: now, and at most */
    unsigned reports[OUTLIER_KINDS]; /* to the warden */
    struct link h2_clients;          /* of one that speaks HTTP/2 */
    unsigned
        streams_allowed; /* on a connection, from a turn after it is made; 100 until the test says else */
    size_t streams, streams_most; /* on all connections: now, and at most */
};

struct farm_worker {
    struct farm *farm;
    struct back_office *back;
    struct desks *desks;
    struct roster *begun_with; /* the desks' snapshot says so */
};

struct farm {
    struct loop *loop;
    struct arena arena;
    struct pool pool;
    struct pool_target targets[SERVERS_MAX];
    struct server servers[SERVERS_MAX];
    struct places *places;
    struct roster *roster;
    struct warden *warden;
    struct farm_worker workers[WORKERS_MAX];
    size_t workers_count;
    struct link clients;
    uint64_t numbers;    /* of clients */
    struct text dialled; /* the letters of the servers, in the order in which connections were begun */
    struct text
        readied; /* the numbers of the clients that got a connection, in that order, a blank behind each */
    uint64_t began_ms;
};

/** Who wants a connection. */
struct client {
    struct link link;
    struct farm *farm;
    size_t worker;
    uint64_t number; /* the first one is 1 */
    struct acquisition attempt;
    struct arena arena;
    struct stream *stream; /* of a raw one that is ready */
    unsigned readies, faileds, out_requests, out_tunnels;
    bool is_answered; /* the exchange is over, and the connection given back */
    bool was_reset;   /* the server broke it off */
    bool is_post;     /* its request is not idempotent */
    bool goes_when_taken_out;
    enum fault fault;
    int error_number;
    struct text detail;
    uint64_t told_ms; /* since the farm began: ready or failed */
};

/** @param moods  a letter a server: 'u' accepts, 'r' refuses, 'h' hangs; capitals: its target is h2c://
 *  @param rules  of the pool; its targets, key and weights are the farm's */
struct farm *farm_new(const char *moods, const struct pool *rules, size_t workers);
/** Every client has left; nothing is in use, nobody waits and no timer is armed, or the test fails. */
void farm_free(struct farm *farm);
/** Moves the clock, tick by tick where something is due. */
void farm_wait(struct farm *farm, uint64_t ms);
/** Lets happen what needs no time. */
void farm_settle(struct farm *farm);
uint64_t farm_age_ms(const struct farm *farm);
struct desk *farm_desk(struct farm *farm, size_t worker);
/** The workers see another roster, of these servers: "ac". "": nobody is there. */
void farm_renew(struct farm *farm, const char *letters);
/** The standing is another one, and the workers look at it. */
void farm_stand(struct farm *farm, char letter, enum standing_state state);
struct server *farm_server(struct farm *farm, char letter);
void server_accepts_at(struct server *server, uint64_t in_ms);
/** Whoever is connected to it loses that. */
void server_breaks(struct server *server);
/** GOAWAY on each of its connections: the *processed* oldest requests go on, the others are refused. */
void server_goes_away(struct server *server, unsigned processed);

/** A PING on each of its connections is not answered; and then all are. */
void server_falls_silent(struct server *server);
void server_speaks_again(struct server *server);

/** Acquires. What needs no time has not happened yet: farm_settle(). */
struct client *client_comes(struct farm *farm, size_t worker, bool is_raw);
/** The same, and it would like that server: its cookie says so. */
struct client *client_comes_to(struct farm *farm, size_t worker, const char *letter);
/** Whose connection it has. */
struct server *client_server(const struct client *client);
static inline bool client_is_told(const struct client *client)
{
    return client->readies || client->faileds;
}
static inline bool client_has_conn(const struct client *client)
{
    return client->attempt.state == ACQUIRE_READY;
}
/** The server answers its request, whose connection is kept then. Raw ones just leave. */
void client_is_served(struct client *client);
/** Of one that was reset: those of HTTP/2 do so by themselves. @return false: it may not; it has its connection still */
bool client_tries_again(struct client *client);
/** Wherever it stands: it is gone afterwards. */
void client_leaves(struct client *client);

/** Of fake_connect.c and fake_warden.c. */
struct farm *farm_of(const struct loop *loop);
struct warden *fake_warden_new(struct farm *farm);
void fake_warden_free(struct warden *warden);
/** A connection to that server: the client's side of it. */
struct stream *server_connect(struct server *server);
void server_answers(struct client *client);
struct server *server_of(const struct stream *client_side);
/** Of fake_h2_client.c. */
void share_is_answered(struct http_end *end);
void share_is_refused(struct http_end *end);
void server_count(struct server *server);

#endif
