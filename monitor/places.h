/*
 * The directories and helper programs that the daemon needs: made where they
 * are ours to make, and checked before anything depends on them.
 */
#ifndef MONITOR_PLACES_H
#define MONITOR_PLACES_H

#include <stdbool.h>

#include "monitor/daemon.h"

void places_init(struct places *);		/* all -1 */
/*
 * use false: only checks, makes and locks nothing (telepilotd -t), and leaves
 * nothing open. All errors are told. 0 or -EINVAL.
 */
int places_open(struct places *, const struct config *, bool use, config_error *, void *arg);
void places_close(struct places *);

#endif
