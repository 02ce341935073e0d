/* SPDX-License-Identifier: ISC */

/*
 * Walks over the fields of a message on the wire (protobuf.dev, "Encoding").
 * Groups, which proto3 does not have, are refused.
 */

#include <errno.h>

#include "netd/wire.h"

#define FIELD_MAX	((1u << 29) - 1)

void
wire_init(struct wire *w, const uint8_t *p, size_t len)
{
	w->p = p;
	w->left = len;
}

static int
skip(struct wire *w, size_t n)
{
	if (n > w->left)
		return (-EBADMSG);
	w->p += n;
	w->left -= n;
	return (0);
}

static int
varint(struct wire *w, uint64_t *v)
{
	unsigned int shift;
	uint8_t b;

	*v = 0;
	for (shift = 0; shift < 70; shift += 7) {
		if (w->left == 0)
			return (-EBADMSG);
		b = *w->p;
		(void)skip(w, 1);
		if (shift < 63)
			*v |= (uint64_t)(b & 0x7f) << shift;
		else
			*v |= (uint64_t)(b & 1) << shift;
		if ((b & 0x80) == 0)
			return (0);
	}
	return (-EBADMSG);
}

static int
bytes(struct wire *w, struct wire_field *f)
{
	uint64_t n;

	if (varint(w, &n) != 0 || n > w->left)
		return (-EBADMSG);
	f->data = w->p;
	f->len = (size_t)n;
	return (skip(w, f->len));
}

int
wire_next(struct wire *w, struct wire_field *f)
{
	uint64_t tag, ignored;
	int r;

	if (w->left == 0)
		return (0);
	if (varint(w, &tag) != 0 || tag >> 3 == 0 || tag >> 3 > FIELD_MAX)
		return (-EBADMSG);
	f->number = (uint32_t)(tag >> 3);
	f->type = (enum wire_type)(tag & 7);
	f->data = NULL;
	f->len = 0;
	switch (f->type) {
	case WIRE_VARINT:
		r = varint(w, &ignored);
		break;
	case WIRE_FIXED64:
		r = skip(w, 8);
		break;
	case WIRE_BYTES:
		r = bytes(w, f);
		break;
	case WIRE_FIXED32:
		r = skip(w, 4);
		break;
	default:
		return (-EBADMSG);
	}
	return (r != 0 ? r : 1);
}
