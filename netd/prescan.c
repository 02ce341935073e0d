/* SPDX-License-Identifier: ISC */

/*
 * Walks a request on the wire beside its descriptor and checks every string.
 * Fields that the descriptor does not know are skipped, as decoders do. The depth
 * is bounded: no message of the API is recursive, but this does not rely on it.
 */

#include <errno.h>
#include <stdio.h>

#include "common/buf.h"
#include "netd/prescan.h"
#include "netd/wire.h"

#define DEPTH_MAX	8

/* Names the string at `bad`: "limits.name", or "args[2]" if the field is repeated. */
static void
name_field(const ProtobufCFieldDescriptor *fd, const char *prefix, const uint8_t *p,
    const uint8_t *bad, char *field, size_t size)
{
	struct wire_field f;
	struct wire w;
	size_t i = 0;

	if (fd->label != PROTOBUF_C_LABEL_REPEATED) {
		(void)snprintf(field, size, "%s%s", prefix, fd->name);
		return;
	}
	wire_init(&w, p, (size_t)(bad - p));
	/* The last one is the bad one itself, and is cut off. */
	while (wire_next(&w, &f) == 1)
		i += f.number == fd->id && f.type == WIRE_BYTES;
	(void)snprintf(field, size, "%s%s[%zu]", prefix, fd->name, i);
}

static int
scan(const ProtobufCMessageDescriptor *desc, const uint8_t *p, size_t len,
    const char *prefix, unsigned int depth, char *field, size_t size)
{
	const ProtobufCFieldDescriptor *fd;
	char path[128];
	struct wire_field f;
	struct wire w;
	int r;

	if (depth > DEPTH_MAX)
		return (-EBADMSG);
	wire_init(&w, p, len);
	while ((r = wire_next(&w, &f)) == 1) {
		if (f.type != WIRE_BYTES ||
		    (fd = protobuf_c_message_descriptor_get_field(desc, f.number)) == NULL)
			continue;
		if (fd->type == PROTOBUF_C_TYPE_STRING && !utf8_valid(f.data, f.len)) {
			name_field(fd, prefix, p, f.data, field, size);
			return (-EILSEQ);
		}
		if (fd->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		(void)snprintf(path, sizeof(path), "%s%s.", prefix, fd->name);
		if ((r = scan(fd->descriptor, f.data, f.len, path, depth + 1, field,
		    size)) != 0)
			return (r);
	}
	return (r);
}

int
prescan(const ProtobufCMessageDescriptor *desc, const uint8_t *p, size_t len,
    char *field, size_t size)
{
	return (scan(desc, p, len, "", 0, field, size));
}
