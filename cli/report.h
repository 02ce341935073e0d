/*
 * The end of a job, told to whoever waited for it.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "telepilot/v1/telepilot.pb-c.h"

/*
 * The exit code for it. What a number cannot say, such as "out of memory", goes
 * to stderr; a job that ended by itself gets no comment.
 */
int report_end(const Telepilot__V1__Job *);

#endif
