/*
 * What create and run have in common: the options that describe a job.
 */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include "cli/cli.h"

extern const struct opt request_options[];

/*
 * Creates the job that the options and argv describe. As telepilot_create().
 */
int request_create(struct telepilot *, int argc, char **argv, char job_id[37]);
/* Checks what can be checked without a server, before one is asked. */
int request_check(void);
void request_free(void);

#endif
