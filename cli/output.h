/*
 * A job's output on its way to our own stdout and stderr.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "telepilot/v1/telepilot.pb-c.h"

struct output {
	int only;		/* STREAM_STDOUT or STREAM_STDERR; 0: both */
	uint64_t offset;	/* of the next byte: all before it were written */
	int error;		/* errno of a failed write */
};

/* For telepilot_logs; arg is a struct output. Nonzero: failed, or a signal came. */
int output_entry(void *arg, const Telepilot__V1__LogEntry *);

#endif
