/* SPDX-License-Identifier: ISC */

/*
 * Outcomes with their words. What is written here is read by users and other
 * programs, so texts are valid UTF-8 whatever went into them.
 */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/status.h"
#include "common/utf8.h"

static const char *const names[] = {
	[ST_OK] = "OK",
	[ST_CANCELLED] = "CANCELLED",
	[ST_UNKNOWN] = "UNKNOWN",
	[ST_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
	[ST_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
	[ST_NOT_FOUND] = "NOT_FOUND",
	[ST_ALREADY_EXISTS] = "ALREADY_EXISTS",
	[ST_PERMISSION_DENIED] = "PERMISSION_DENIED",
	[ST_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
	[ST_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
	[ST_ABORTED] = "ABORTED",
	[ST_OUT_OF_RANGE] = "OUT_OF_RANGE",
	[ST_UNIMPLEMENTED] = "UNIMPLEMENTED",
	[ST_INTERNAL] = "INTERNAL",
	[ST_UNAVAILABLE] = "UNAVAILABLE",
	[ST_DATA_LOSS] = "DATA_LOSS",
	[ST_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

/* Bytes that are not UTF-8 become '?'. */
static void
make_valid(char *s)
{
	size_t n, left;

	for (left = strlen(s); left > 0; s += n, left -= n)
		if ((n = utf8_char(s, left)) == 0) {
			*s = '?';
			n = 1;
		}
}

static void
fit(char *dst, size_t size, int wanted)
{
	if (wanted < 0)
		dst[0] = '\0';
	else if ((size_t)wanted >= size)
		dst[utf8_cut(dst, size - 1)] = '\0';
	make_valid(dst);
}

void
status_ok(struct status *st)
{
	memset(st, 0, sizeof(*st));
	st->code = ST_OK;
}

enum status_code
status_set(struct status *st, enum status_code code, const char *field,
    const char *fmt, ...)
{
	va_list ap;
	int n;

	memset(st, 0, sizeof(*st));
	st->code = code;
	n = snprintf(st->field, sizeof(st->field), "%s", field != NULL ? field : "");
	fit(st->field, sizeof(st->field), n);
	va_start(ap, fmt);
	n = vsnprintf(st->message, sizeof(st->message), fmt, ap);
	va_end(ap);
	fit(st->message, sizeof(st->message), n);
	return (code);
}

const char *
status_name(enum status_code code)
{
	if ((unsigned int)code >= sizeof(names) / sizeof(names[0]))
		return ("UNKNOWN");
	return (names[code]);
}
