/* SPDX-License-Identifier: ISC */

/*
 * What telepilot itself says, always on stderr and always with its name, so
 * that it is never taken for the job's words.
 */

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/text.h"

static const char *command;

void
say_set_command(const char *name)
{
	command = name;
}

static void __attribute__((format(printf, 1, 0)))
vsay(const char *fmt, va_list ap)
{
	char *text, *safe;

	if (vasprintf(&text, fmt, ap) == -1)
		return;
	safe = text_escape(text, strlen(text));
	fprintf(stderr, "telepilot: %s%s%s\n", command != NULL ? command : "",
	    command != NULL ? ": " : "", safe != NULL ? safe : "out of memory");
	free(safe);
	free(text);
}

void
say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
}

int
complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(fmt, ap);
	va_end(ap);
	return (EXIT_TELEPILOT);
}

int
output_failed(int error)
{
	if (error == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
		return (128 + SIGPIPE);
	}
	return (complain("cannot write the output: %s", strerror(error)));
}

int
say_done(void)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return (0);
	return (output_failed(errno != 0 ? errno : EIO));
}
