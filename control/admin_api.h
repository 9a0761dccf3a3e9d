/** What each path of the admin socket answers: GET /status, GET /why?id=ID, POST /reload, POST /reload?dry-run, POST /upgrade.
 *  On the main thread. Answers are JSON; an error has a sentence in "error". */
#ifndef CONTROL_ADMIN_API_H
#define CONTROL_ADMIN_API_H

#include "control/census.h"
#include "control/reload.h"
#include "control/status.h"
#include "control/upgrade.h"
#include "control/why.h"
#include "http/head.h"

/** The process as the API sees it. */
struct admin_office {
    /** reload->done() follows, perhaps before this returns. */
    void (*reload)(void *owner, struct reload *reload);
    void (*forget)(void *owner, struct reload *reload);
    /** wish->done() follows, perhaps before this returns. */
    void (*upgrade)(void *owner, struct upgrade_wish *wish);
    void (*forget_upgrade)(void *owner, struct upgrade_wish *wish);
    struct census *(*census)(void *owner, census_done *done, void *argument);
    struct why *(*why)(void *owner, uint64_t id, why_done *done, void *argument);
    /** Fills in all but the count. */
    void (*facts)(void *owner, struct status_facts *facts);
    void *owner;
};

/** Takes an answer; *json* is lent. @param allow  of a 405: the methods; else NULL */
typedef void admin_answered(void *owner, int status, struct slice json, const char *allow);

/** One request, in its connection's memory. */
struct admin_request {
    const struct admin_office *office;
    admin_answered *answered;
    void *owner;
    struct reload reload;
    bool reloads; /* that was asked for */
    struct upgrade_wish wish;
    bool upgrades; /* likewise */
    struct census *census;
    struct why *why;
};

/** Begins to answer: answered() is called once, perhaps before this returns, unless it is cancelled. */
void admin_request_begin(struct admin_request *request, enum method method, struct slice target);
/** Begun, and not answered yet. */
bool admin_request_is_pending(const struct admin_request *request);
/** Harmless when it was answered, or never begun. */
void admin_request_cancel(struct admin_request *request);
/** Answers {"error": sentence} in place of all else. */
void admin_request_fail(struct admin_request *request, int status, const char *sentence);

#endif
