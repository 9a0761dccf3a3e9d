/** What applying one snapshot in place of another changes, told before it is done. Pure: lines for people, and for
 *  grep.
 *
 *      + route http://b.test -> 127.0.0.1:3002
 *      - route http://old.test -> 127.0.0.1:3009; 2 requests have 30s to end, 3 tunnels 5m
 *      ~ route http://a.test: to 127.0.0.1:3000 -> 127.0.0.1:3001; timeouts.answer 60s -> 5s
 *      + listener 0.0.0.0:8080
 *      ~ certificate certs/a.crt: renewed; ends 2026-01-31 -> 2026-04-30
 *      ~ pool @shop: +10.0.0.9:80; -10.0.0.8:80; balance round_robin -> least_connections; 1 request at what goes has 30s to end
 *      ~ setting limits.head: 32KiB -> 64KiB
 *      ~ setting workers: auto -> 4; at the next start
 *
 *  Always in that order, and of each noun first what comes, then what goes, then what stays and is another. A route is
 *  the same when its key means the same, whatever it was written like; of a key with alternatives ("#2") each is known
 *  by its place. A certificate is known by its file. What follows from the file's own timeouts and limits is told once,
 *  as a setting, and not again for each route. */
#ifndef CONTROL_CHANGES_H
#define CONTROL_CHANGES_H

#include "base/text.h"

struct snapshot;
struct worker_count;

/** Adds the lines, each with its line break; "nothing changes" where there is nothing to tell. In time
 *  that grows with the routes alone: 100,000 of them take a fraction of a second.
 *  @param count  what goes on now: of what goes is told how much that is, and how long it has; NULL: not told */
void changes_describe(const struct snapshot *before, const struct snapshot *after,
                      const struct worker_count *count, struct text *out);

#endif
