/*
 * The signals that end `run`: the first asks for the job's stop, the second leaves.
 */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

#include "cli/telepilot.h"

/* From now on SIGINT, SIGTERM and SIGHUP interrupt this client's calls. */
int signals_install(struct telepilot *);	/* 0 or -errno */
int signals_caught(void);			/* the first signal, or 0 */
/* The first signal has been dealt with: it no longer ends writes. */
void signals_take(void);
bool signals_taken(void);
/* Before the client is closed. A late signal no longer changes how we exit. */
void signals_detach(void);

#endif
