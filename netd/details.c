/* SPDX-License-Identifier: ISC */

/*
 * Writes the few messages of google/rpc/status.proto and error_details.proto
 * that we send. No Debian package has these files, and their form never
 * changes, so they are written by hand, from the innermost message out.
 */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/grpc.h"
#include "netd/details.h"

#define BAD_REQUEST	"type.googleapis.com/google.rpc.BadRequest"

/* Every text is in it at most twice, with a few bytes around each. */
#define DETAILS_MAX	(3 * DETAILS_TEXT_MAX)

struct out {
	uint8_t b[DETAILS_MAX];
	size_t len;
};

static void
put_varint(struct out *o, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		o->b[o->len++] = (uint8_t)(v | 0x80);
	o->b[o->len++] = (uint8_t)v;
}

/* A string, bytes or message: the length-delimited field `number`. */
static void
put_field(struct out *o, unsigned int number, const void *p, size_t n)
{
	put_varint(o, number << 3 | 2);
	put_varint(o, n);
	memcpy(o->b + o->len, p, n);
	o->len += n;
}

static void
put_text(struct out *o, unsigned int number, const char *s)
{
	put_field(o, number, s, strlen(s));
}

void
details_text(const struct status *st, char dst[DETAILS_TEXT_MAX])
{
	if (st->field[0] == '\0' || strstr(st->message, st->field) != NULL)
		(void)snprintf(dst, DETAILS_TEXT_MAX, "%s", st->message);
	else
		(void)snprintf(dst, DETAILS_TEXT_MAX, "%s: %s", st->field, st->message);
}

char *
details_encode(const struct status *st)
{
	char text[DETAILS_TEXT_MAX];
	struct out violation, request, any, status;

	violation.len = request.len = any.len = status.len = 0;
	details_text(st, text);
	put_text(&violation, 1, st->field);
	put_text(&violation, 2, st->message);
	put_field(&request, 1, violation.b, violation.len);
	put_text(&any, 1, BAD_REQUEST);
	put_field(&any, 2, request.b, request.len);
	put_varint(&status, 1 << 3);
	put_varint(&status, (uint64_t)st->code);
	put_text(&status, 2, text);
	put_field(&status, 3, any.b, any.len);
	return (grpc_base64_encode(status.b, status.len));
}
