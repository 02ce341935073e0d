/* SPDX-License-Identifier: ISC */

/*
 * common/grpc. The first byte says how the rest is cut into pieces for the
 * deframer; the other decoders get the rest as it is, and what they encode must decode
 * to the same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
deframe(const uint8_t *data, size_t size, size_t step)
{
	struct grpc_deframer d;
	enum grpc_deframe r = GRPC_MORE;
	const uint8_t *p;
	size_t n;

	grpc_deframer_init(&d, 4096);
	for (; size > 0 && r <= GRPC_MESSAGE; data += step, size -= step) {
		step = step < size ? step : size;
		for (p = data, n = step; n > 0 && r <= GRPC_MESSAGE;) {
			if ((r = grpc_deframe(&d, &p, &n)) != GRPC_MESSAGE)
				continue;
			if (d.length > 4096 || d.have != d.length)
				abort();
			grpc_deframer_next(&d);
		}
	}
	grpc_deframer_free(&d);
}

static void
base64(const uint8_t *data, size_t size)
{
	uint8_t *p, *q;
	size_t n, m;
	char *s;

	if ((p = grpc_base64_decode((const char *)data, size, &n)) != NULL) {
		if ((s = grpc_base64_encode(p, n)) == NULL ||
		    (q = grpc_base64_decode(s, strlen(s), &m)) == NULL ||
		    m != n || (n > 0 && memcmp(p, q, n) != 0))
			abort();
		free(q);
		free(s);
	}
	free(p);
}

static void
percent(const uint8_t *data, size_t size)
{
	char *s, *e, *d;

	s = grpc_percent_decode((const char *)data, size);
	e = grpc_percent_encode(s);
	d = grpc_percent_decode(e, strlen(e));
	if (strcmp(s, d) != 0)
		abort();
	free(s);
	free(e);
	free(d);
}

static void
timeout(const uint8_t *data, size_t size)
{
	int64_t ns, again;
	char s[10];

	if (grpc_timeout_parse((const char *)data, size, &ns) != 0)
		return;
	grpc_timeout_format(ns, s, sizeof(s));
	if (grpc_timeout_parse(s, strlen(s), &again) != 0 || again < ns)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return (0);
	deframe(data + 1, size - 1, (size_t)data[0] + 1);
	base64(data, size);
	percent(data, size);
	timeout(data, size);
	return (0);
}
