/* SPDX-License-Identifier: ISC */

/*
 * Job ids. They are no secret that protects anything, but nobody should be
 * able to guess another's, so all their bits come from the kernel.
 */

#include <sys/random.h>

#include <errno.h>
#include <string.h>

#include "common/uuid.h"

static const char hex[] = "0123456789abcdef";

/* A '-' stands before these bytes. */
static int
dash_before(int i)
{
	return (i == 4 || i == 6 || i == 8 || i == 10);
}

int
uuid_generate(struct uuid *u)
{
	ssize_t n;

	/* At most 256 bytes come whole or, before the kernel is seeded, not yet. */
	while ((n = getrandom(u->b, sizeof(u->b), 0)) == -1)
		if (errno != EINTR)
			return (-errno);
	if (n != sizeof(u->b))
		return (-EIO);
	u->b[6] = (u->b[6] & 0x0f) | 0x40;	/* version 4 */
	u->b[8] = (u->b[8] & 0x3f) | 0x80;	/* the variant of RFC 9562 */
	return (0);
}

void
uuid_format(const struct uuid *u, char s[UUID_STRLEN + 1])
{
	int i;

	for (i = 0; i < UUID_LEN; i++) {
		if (dash_before(i))
			*s++ = '-';
		*s++ = hex[u->b[i] >> 4];
		*s++ = hex[u->b[i] & 0x0f];
	}
	*s = '\0';
}

/* The value of a lower-case digit, or -1. */
static int
hex_value(char c)
{
	const char *p;

	if (c == '\0' || (p = strchr(hex, c)) == NULL)
		return (-1);
	return ((int)(p - hex));
}

int
uuid_parse(const char *s, struct uuid *u)
{
	int i, high, low;

	if (strlen(s) != UUID_STRLEN)
		return (-EINVAL);
	for (i = 0; i < UUID_LEN; i++) {
		if (dash_before(i) && *s++ != '-')
			return (-EINVAL);
		high = hex_value(*s++);
		low = hex_value(*s++);
		if (high == -1 || low == -1)
			return (-EINVAL);
		u->b[i] = (uint8_t)(high << 4 | low);
	}
	return (0);
}
