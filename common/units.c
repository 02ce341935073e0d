/* SPDX-License-Identifier: ISC */

/*
 * Numbers with units, from command lines and configuration files. Integers
 * only: no value depends on the locale or on rounding that nobody asked for.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/units.h"

#define MICRO		1000000u	/* six digits after the point */
#define DAY		86400u
#define HOUR		3600u
#define MINUTE		60u

static bool
is_digit(char c)
{
	return (c >= '0' && c <= '9');
}

/* Letters of ASCII, whatever the locale. */
static char
lower(char c)
{
	return (c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
}

/* Digits at *s, at least one, and steps over them. */
static int
digits(const char **s, uint64_t *v)
{
	if (!is_digit(**s))
		return (-EINVAL);
	for (*v = 0; is_digit(**s); (*s)++)
		if (__builtin_mul_overflow(*v, 10u, v) ||
		    __builtin_add_overflow(*v, (uint64_t)(**s - '0'), v))
			return (-ERANGE);
	return (0);
}

/* "1", "1.25", ".5": whole part and millionths, and steps over them. */
static int
decimal(const char **s, uint64_t *whole, uint64_t *micro)
{
	uint64_t scale = MICRO;
	int r;

	*whole = *micro = 0;
	if (**s != '.' && (r = digits(s, whole)) != 0)
		return (r);
	if (**s != '.')
		return (0);
	(*s)++;
	if (!is_digit(**s))
		return (-EINVAL);
	for (; is_digit(**s); (*s)++) {
		if ((scale /= 10) == 0)
			return (-EINVAL);
		*micro += (uint64_t)(**s - '0') * scale;
	}
	return (0);
}

int
parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *v)
{
	uint64_t n;
	int r;

	r = digits(&s, &n);
	/* Too long a number with something behind it is no number. */
	while (is_digit(*s))
		s++;
	if (*s != '\0')
		return (-EINVAL);
	if (r != 0)
		return (r);
	if (n < min || n > max)
		return (-ERANGE);
	*v = n;
	return (0);
}

/* The unit at *s, which may be none, and steps over it. */
static uint64_t
size_unit(const char **s)
{
	static const char powers[] = "kmgt";
	const char *p;
	uint64_t base, unit;

	if (**s == '\0' || (p = strchr(powers, lower(**s))) == NULL) {
		if (lower(**s) == 'b')
			(*s)++;
		return (1);
	}
	(*s)++;
	base = 1024;
	if (lower((*s)[0]) == 'i' && lower((*s)[1]) == 'b')
		*s += 2;
	else if (lower((*s)[0]) == 'b') {
		*s += 1;
		base = 1000;
	}
	for (unit = base; p > powers; p--)
		unit *= base;
	return (unit);
}

static int
size_prefix(const char **s, uint64_t *bytes)
{
	uint64_t whole, micro, unit, n;
	int r;

	if ((r = decimal(s, &whole, &micro)) != 0)
		return (r);
	unit = size_unit(s);
	if (unit == 1 && micro != 0)
		return (-EINVAL);	/* half a byte */
	/* micro * unit is below 10^6 * 2^40: it fits. */
	if (__builtin_mul_overflow(whole, unit, &n) ||
	    __builtin_add_overflow(n, micro * unit / MICRO, &n))
		return (-ERANGE);
	/* Zero often means "no limit": what is not zero must not become it. */
	if (n == 0 && micro != 0)
		return (-ERANGE);
	*bytes = n;
	return (0);
}

int
parse_size(const char *s, uint64_t *bytes)
{
	uint64_t n;
	int r;

	if ((r = size_prefix(&s, &n)) != 0)
		return (r);
	if (*s != '\0')
		return (-EINVAL);
	*bytes = n;
	return (0);
}

int
parse_rate(const char *s, uint64_t *bytes_per_second)
{
	uint64_t n;
	int r;

	if ((r = size_prefix(&s, &n)) != 0)
		return (r);
	if (*s != '\0' && strcmp(s, "/s") != 0)
		return (-EINVAL);
	*bytes_per_second = n;
	return (0);
}

int
parse_cpu(const char *s, uint32_t *millis)
{
	uint64_t whole, micro, n;
	int r;

	if ((r = decimal(&s, &whole, &micro)) != 0)
		return (r);
	if (*s != '\0' || micro % 1000 != 0)
		return (-EINVAL);
	if (__builtin_mul_overflow(whole, 1000u, &n) ||
	    __builtin_add_overflow(n, micro / 1000, &n) || n == 0 || n > UINT32_MAX)
		return (-ERANGE);
	*millis = (uint32_t)n;
	return (0);
}

static uint64_t
duration_unit(char c)
{
	switch (c) {
	case 'd':
		return (DAY);
	case 'h':
		return (HOUR);
	case 'm':
		return (MINUTE);
	case 's':
		return (1);
	}
	return (0);
}

int
parse_duration(const char *s, uint64_t *seconds)
{
	uint64_t n, unit, total = 0, last = UINT64_MAX;
	bool first = true;
	int r;

	do {
		if ((r = digits(&s, &n)) != 0)
			return (r);
		/* Only a number that stands alone may go without its unit. */
		if (*s == '\0' && first)
			unit = 1;
		else if ((unit = duration_unit(lower(*s++))) == 0 || unit >= last)
			return (-EINVAL);
		if (__builtin_mul_overflow(n, unit, &n) ||
		    __builtin_add_overflow(total, n, &total))
			return (-ERANGE);
		last = unit;
		first = false;
	} while (*s != '\0');
	*seconds = total;
	return (0);
}

char *
format_size(uint64_t n, char *dst, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned int i = 0, shift;
	uint64_t whole, tenths = 0, rest;

	while (i + 1 < sizeof(units) / sizeof(units[0]) && n >> (10 * (i + 1)) != 0)
		i++;
	shift = 10 * i;
	whole = n >> shift;
	if (shift > 0) {
		/* Rounded; the rest is below 2^60, so ten times it fits. */
		rest = n & ((UINT64_C(1) << shift) - 1);
		tenths = (rest * 10 + (UINT64_C(1) << (shift - 1))) >> shift;
	}
	if (tenths == 10) {
		tenths = 0;
		if (++whole == 1024 && i + 1 < sizeof(units) / sizeof(units[0])) {
			whole = 1;
			i++;
		}
	}
	if (tenths == 0)
		snprintf(dst, size, "%ju%s", (uintmax_t)whole, units[i]);
	else
		snprintf(dst, size, "%ju.%u%s", (uintmax_t)whole, (unsigned int)tenths, units[i]);
	return (dst);
}
