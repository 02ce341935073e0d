/* SPDX-License-Identifier: ISC */

/*
 * gRPC's framing and text forms, for both ends. Everything here is fed with a
 * stranger's bytes: a length is checked against the caller's maximum before it
 * is allocated, and nothing is assumed of how the bytes were cut.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/grpc.h"

/* --- message framing --- */

void
grpc_deframer_init(struct grpc_deframer *d, size_t max)
{
	memset(d, 0, sizeof(*d));
	d->max = max;
}

void
grpc_deframer_free(struct grpc_deframer *d)
{
	free(d->msg);
	d->msg = NULL;
}

void
grpc_deframer_next(struct grpc_deframer *d)
{
	size_t max = d->max;

	grpc_deframer_free(d);
	grpc_deframer_init(d, max);
}

int
grpc_deframer_idle(const struct grpc_deframer *d)
{
	return (d->have_prefix == 0);
}

static void
take(uint8_t *dst, size_t *have, size_t want, const uint8_t **p, size_t *len)
{
	size_t n = want - *have;

	if (n > *len)
		n = *len;
	if (n == 0)
		return;
	memcpy(dst + *have, *p, n);
	*have += n;
	*p += n;
	*len -= n;
}

/* The prefix is whole: is the message one that we take? */
static enum grpc_deframe
begin_message(struct grpc_deframer *d)
{
	const uint8_t *b = d->prefix;

	if (b[0] > 1)
		return (GRPC_BAD_FLAG);
	if (b[0] == 1)
		return (GRPC_COMPRESSED);
	d->length = (size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4];
	if (d->length > d->max)
		return (GRPC_TOO_LARGE);
	/* An empty message still needs an address. */
	if ((d->msg = malloc(d->length + 1)) == NULL)
		return (GRPC_NOMEM);
	return (GRPC_MORE);
}

enum grpc_deframe
grpc_deframe(struct grpc_deframer *d, const uint8_t **p, size_t *len)
{
	enum grpc_deframe r;

	if (d->msg == NULL) {
		take(d->prefix, &d->have_prefix, GRPC_PREFIX_LEN, p, len);
		if (d->have_prefix < GRPC_PREFIX_LEN)
			return (GRPC_MORE);
		if ((r = begin_message(d)) != GRPC_MORE)
			return (r);
	}
	take(d->msg, &d->have, d->length, p, len);
	return (d->have == d->length ? GRPC_MESSAGE : GRPC_MORE);
}

void
grpc_prefix(uint8_t out[GRPC_PREFIX_LEN], uint32_t length)
{
	out[0] = 0;
	out[1] = (uint8_t)(length >> 24);
	out[2] = (uint8_t)(length >> 16);
	out[3] = (uint8_t)(length >> 8);
	out[4] = (uint8_t)length;
}

/* --- percent-encoding of grpc-message --- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	return (-1);
}

char *
grpc_percent_encode(const char *s)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t len = strlen(s);
	char *out, *o;

	if (len > (SIZE_MAX - 1) / 3 || (out = malloc(len * 3 + 1)) == NULL)
		return (NULL);
	for (o = out; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= 0x20 && c <= 0x7e && c != '%') {
			*o++ = *s;
			continue;
		}
		*o++ = '%';
		*o++ = hex[c >> 4];
		*o++ = hex[c & 15];
	}
	*o = '\0';
	return (out);
}

char *
grpc_percent_decode(const char *s, size_t len)
{
	size_t i, n = 0;
	char *out;
	int hi, lo;

	if (len == SIZE_MAX || (out = malloc(len + 1)) == NULL)
		return (NULL);
	for (i = 0; i < len; i++) {
		if (s[i] == '%' && len - i > 2 && (hi = hex_digit(s[i + 1])) >= 0 &&
		    (lo = hex_digit(s[i + 2])) >= 0) {
			out[n++] = (char)(hi << 4 | lo);
			i += 2;
		} else
			out[n++] = s[i];
	}
	out[n] = '\0';
	return (out);
}

/* --- base64 of -bin metadata --- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *
grpc_base64_encode(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t bits = 0;
	unsigned int nbits = 0;
	char *out, *o;
	size_t i;

	if (len > SIZE_MAX / 2 - 4 || (out = malloc(len + len / 3 + 4)) == NULL)
		return (NULL);
	for (o = out, i = 0; i < len; i++) {
		bits = (bits << 8 | p[i]) & 0xffff;
		for (nbits += 8; nbits >= 6; nbits -= 6)
			*o++ = base64_digits[bits >> (nbits - 6) & 63];
	}
	if (nbits > 0)
		*o++ = base64_digits[bits << (6 - nbits) & 63];
	*o = '\0';
	return (out);
}

static int
base64_value(char c)
{
	const char *at;

	if (c == '\0' || (at = strchr(base64_digits, c)) == NULL)
		return (-1);
	return ((int)(at - base64_digits));
}

/* Length without padding, or -EINVAL: padding only where it belongs. */
static int
base64_strip(const char *s, size_t *len)
{
	size_t n = *len, pad = 0;

	while (pad < n && pad < 3 && s[n - pad - 1] == '=')
		pad++;
	if (pad > 2 || (pad > 0 && n % 4 != 0) || (n - pad) % 4 == 1)
		return (-EINVAL);
	*len = n - pad;
	return (0);
}

uint8_t *
grpc_base64_decode(const char *s, size_t slen, size_t *len)
{
	uint32_t bits = 0;
	unsigned int nbits = 0;
	uint8_t *out, *o;
	size_t i;
	int v;

	if (base64_strip(s, &slen) != 0) {
		errno = EINVAL;
		return (NULL);
	}
	if ((out = malloc(slen + 1)) == NULL)
		return (NULL);
	for (o = out, i = 0; i < slen; i++) {
		if ((v = base64_value(s[i])) < 0)
			goto invalid;
		bits = (bits << 6 | (uint32_t)v) & 0xffff;
		if ((nbits += 6) >= 8) {
			nbits -= 8;
			*o++ = (uint8_t)(bits >> nbits);
		}
	}
	/* Bits that no byte uses are zero, so that a value has one form. */
	if ((bits & ((1u << nbits) - 1)) != 0)
		goto invalid;
	*len = (size_t)(o - out);
	return (out);
invalid:
	free(out);
	errno = EINVAL;
	return (NULL);
}

/* --- grpc-timeout --- */

static const struct timeout_unit {
	char name;
	int64_t ns;
} timeout_units[] = {		/* the finest first */
	{ 'n', 1 },
	{ 'u', 1000 },
	{ 'm', 1000000 },
	{ 'S', 1000000000 },
	{ 'M', 60000000000 },
	{ 'H', 3600000000000 },
};

#define TIMEOUT_UNITS	(sizeof(timeout_units) / sizeof(timeout_units[0]))
#define TIMEOUT_MAX	99999999	/* 8 digits */

int
grpc_timeout_parse(const char *s, size_t len, int64_t *ns)
{
	int64_t n = 0;
	size_t i;

	if (len < 2 || len > 9)
		return (-EINVAL);
	for (i = 0; i < len - 1; i++) {
		if (s[i] < '0' || s[i] > '9')
			return (-EINVAL);
		n = n * 10 + (s[i] - '0');
	}
	for (i = 0; i < TIMEOUT_UNITS; i++) {
		if (timeout_units[i].name != s[len - 1])
			continue;
		if (n > INT64_MAX / timeout_units[i].ns)
			*ns = INT64_MAX;
		else
			*ns = n * timeout_units[i].ns;
		return (0);
	}
	return (-EINVAL);
}

void
grpc_timeout_format(int64_t ns, char *dst, size_t size)
{
	const struct timeout_unit *u;
	int64_t n = 0;
	size_t i;

	if (ns < 1)
		ns = 1;
	for (i = 0; i < TIMEOUT_UNITS; i++) {
		u = &timeout_units[i];
		n = ns / u->ns + (ns % u->ns != 0);
		if (n <= TIMEOUT_MAX)
			break;
	}
	/* INT64_MAX is some 2.6 million hours: the last unit always fits. */
	(void)snprintf(dst, size, "%lld%c", (long long)n, u->name);
}
