/** A worker's ends of the listening sockets: begun on, and left without resetting what is under way. For the worker alone,
 *  and on its thread. */
#ifndef PROXY_WORKER_LISTENERS_H
#define PROXY_WORKER_LISTENERS_H

struct lease;
struct listen_set;
struct worker;

void worker_listeners_init(struct worker *worker);
/** After the last turn: forgets whom it said farewell to. */
void worker_listeners_fini(struct worker *worker);

/** Listens on what the set has for this worker. What it has not is listened on until worker_listeners_leave(); an inherited
 *  socket, on which its opener goes on, is let go at once.
 *  @param before  the lease of before; NULL: there was none */
void worker_listeners_apply(struct worker *worker, const struct listen_set *listens, struct lease *before);
/** On its sockets no new connection begins any more: accepts what comes for a while, then lets go and calls done(). */
void worker_listeners_leave(struct worker *worker, const struct listen_set *leaving,
                            void (*done)(void *argument), void *argument);
/** Nothing new: accepts what is under way for a moment more, then drains the connections once again. */
void worker_listeners_drain(struct worker *worker);
/** Another process accepts on them: lets go of all, which are not shut down, but for those of *leaving* (NULL: none), which
 *  it does not, and for what is left already: these are listened on until worker_listeners_leave(). */
void worker_listeners_hand_over(struct worker *worker, const struct listen_set *leaving);
/** The same as drain without that moment. */
void worker_listeners_close(struct worker *worker);

#endif
