/** The demo's web app: says who it is and what it was asked, and talks WebSocket at /ws. */
#ifndef CONTROL_DEMO_APP_H
#define CONTROL_DEMO_APP_H

struct loop;
struct stream;

/** Takes the stream over. On the loop's thread. */
void demo_app_serve(struct loop *loop, struct stream *stream, const char *name);
/** Ends all connections that are left, after the loop stopped. */
void demo_app_close_all(void);

#endif
