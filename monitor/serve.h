/*
 * The server's life: start, reload, stop. serve() returns when it is over.
 */
#ifndef MONITOR_SERVE_H
#define MONITOR_SERVE_H

#include "monitor/daemon.h"

/* Takes config. The exit status. */
int serve(struct config *, const struct config_source *, bool debug);
/* telepilotd -t: 0 if all is well. Takes config. */
int serve_check(struct config *, const struct config_source *);

/* Errors of the start go to stderr in full, those of a reload to the log. */
void tell_stderr(void *arg, const char *text);

/* reload.c */
int on_reload(sd_event_source *, const struct signalfd_siginfo *, void *arg);
/* Makes setup the current one. */
void setup_install(struct daemon *, struct setup *);

/* shutdown.c */
int on_stop(sd_event_source *, const struct signalfd_siginfo *, void *arg);
/* Ends the event loop if nothing is left to wait for. */
void shutdown_check_done(struct daemon *);

#endif
