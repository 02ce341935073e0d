/* SPDX-License-Identifier: ISC */

/*
 * How a step says where it failed. Usable in the job's process before exec,
 * too: it allocates nothing.
 */

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "spawner/spawner.h"

int
stage_fail(struct failure *f, int error, const char *fmt, ...)
{
	va_list ap;

	f->error = error;
	va_start(ap, fmt);
	vsnprintf(f->stage, sizeof(f->stage), fmt, ap);
	va_end(ap);
	return (-error);
}

int64_t
monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}
