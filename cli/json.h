/*
 * A job as JSON. The names are documented in telepilot(1): they stay.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <jansson.h>

#include "telepilot/v1/telepilot.pb-c.h"

/* A new reference; NULL when out of memory. */
json_t *json_job(const Telepilot__V1__Job *);

/* One line on stdout; takes the reference. 0 or -1. */
int json_print(json_t *);

#endif
