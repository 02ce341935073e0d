/* SPDX-License-Identifier: ISC */

/*
 * UTF-8 by the table of RFC 3629, section 4: no overlong forms, no surrogates,
 * nothing above U+10FFFF. It may be given any bytes and reads none past them.
 */

#include <stdint.h>
#include <string.h>

#include "common/utf8.h"

static const struct lead {
	uint8_t first, last;	/* lead bytes of this row */
	uint8_t len;
	uint8_t low, high;	/* of the second byte; the others are 80..bf */
} leads[] = {
	{ 0x01, 0x7f, 1, 0x00, 0x00 },
	{ 0xc2, 0xdf, 2, 0x80, 0xbf },
	{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f },
	{ 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf },
	{ 0xf4, 0xf4, 4, 0x80, 0x8f },
};

static const struct lead *
find_lead(uint8_t c)
{
	size_t i;

	for (i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (c >= leads[i].first && c <= leads[i].last)
			return (&leads[i]);
	return (NULL);
}

size_t
utf8_char(const void *data, size_t n)
{
	const uint8_t *p = data;
	const struct lead *lead;
	size_t i;

	if (n == 0 || (lead = find_lead(p[0])) == NULL || lead->len > n)
		return (0);
	if (lead->len > 1 && (p[1] < lead->low || p[1] > lead->high))
		return (0);
	for (i = 2; i < lead->len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return (0);
	return (lead->len);
}

int
utf8_valid(const void *data, size_t n)
{
	const uint8_t *p = data;
	size_t len;

	while (n > 0) {
		if ((len = utf8_char(p, n)) == 0)
			return (0);
		p += len;
		n -= len;
	}
	return (1);
}

size_t
utf8_cut(const char *s, size_t max)
{
	size_t i, n = strnlen(s, max);
	const struct lead *lead;

	if (n < max)
		return (n);
	/* Only a character that begins in the last three bytes can be incomplete. */
	for (i = 1; i <= 3 && i <= n; i++)
		if (((uint8_t)s[n - i] & 0xc0) != 0x80) {
			lead = find_lead((uint8_t)s[n - i]);
			return (lead != NULL && lead->len > i ? n - i : n);
		}
	return (n);
}
