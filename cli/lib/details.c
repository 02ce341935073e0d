/* SPDX-License-Identifier: ISC */

/*
 * Finds the field at fault in google.rpc.Status, by the wire form itself: these
 * few messages have been fixed for years, and a decoder generated for them
 * would be longer.
 *	Status		3: repeated Any
 *	Any		1: type_url, 2: value
 *	BadRequest	1: repeated FieldViolation
 *	FieldViolation	1: field, 2: description
 */

#include <string.h>

#include "cli/lib/internal.h"
#include "common/buf.h"

struct span {
	const uint8_t *p;
	size_t len;
};

static int
varint(struct span *s, uint64_t *v)
{
	unsigned int shift;
	uint8_t b;

	*v = 0;
	for (shift = 0; shift < 64; shift += 7) {
		if (s->len == 0)
			return (0);
		b = *s->p++;
		s->len--;
		*v |= (uint64_t)(b & 0x7f) << shift;
		if ((b & 0x80) == 0)
			return (1);
	}
	return (0);
}

static int
skip(struct span *s, uint64_t n)
{
	if (n > s->len)
		return (0);
	s->p += n;
	s->len -= (size_t)n;
	return (1);
}

/* Takes the next field; what has no length comes with an empty body. 0 at the end. */
static int
next_field(struct span *s, uint64_t *number, struct span *body)
{
	uint64_t key, n;

	body->p = s->p;
	body->len = 0;
	if (s->len == 0 || !varint(s, &key))
		return (0);
	*number = key >> 3;
	switch (key & 7) {
	case 0:
		return (varint(s, &n));
	case 1:
		return (skip(s, 8));
	case 2:
		if (!varint(s, &n) || n > s->len)
			return (0);
		body->p = s->p;
		body->len = (size_t)n;
		return (skip(s, n));
	case 5:
		return (skip(s, 4));
	default:
		return (0);
	}
}

/* The first field of that number in s. */
static int
find(struct span s, uint64_t wanted, struct span *body)
{
	uint64_t number;

	while (next_field(&s, &number, body))
		if (number == wanted)
			return (1);
	return (0);
}

static int
is_bad_request(struct span any)
{
	static const char type[] = "type.googleapis.com/google.rpc.BadRequest";
	struct span url;

	return (find(any, 1, &url) && url.len == sizeof(type) - 1 &&
	    memcmp(url.p, type, url.len) == 0);
}

void
details_field(const uint8_t *data, size_t len, char *field, size_t size)
{
	struct span status = { data, len }, any, value, violation, name;
	uint64_t number;

	field[0] = '\0';
	while (next_field(&status, &number, &any)) {
		if (number != 3 || !is_bad_request(any) || !find(any, 2, &value) ||
		    !find(value, 1, &violation) || !find(violation, 1, &name))
			continue;
		if (name.len < size && utf8_valid(name.p, name.len)) {
			memcpy(field, name.p, name.len);
			field[name.len] = '\0';
		}
		return;
	}
}
