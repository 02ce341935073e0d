/* SPDX-License-Identifier: ISC */

/*
 * A job's command and a server's words are chosen by others, and a terminal
 * obeys what it is shown. What is printed for people goes through here.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"
#include "common/buf.h"

#define ESCAPED_MAX	4	/* "\xHH" for one byte */

/* The length of the character at s, 0 if there is none that is valid UTF-8. */
static size_t
char_len(const unsigned char *s, size_t left)
{
	size_t n = *s < 0x80 ? 1 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;

	return (n <= left && utf8_valid(s, n) ? n : 0);
}

/* Of a valid character: C0, DEL, C1, line and direction marks. */
static int
is_control(const unsigned char *s, size_t n)
{
	uint32_t c;

	if (n == 1)
		return (*s < 0x20 || *s == 0x7f);
	if (n == 2)
		return (s[0] == 0xc2 && s[1] < 0xa0);
	if (n != 3)
		return (0);
	c = (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
	return ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069) || c == 0xfeff);
}

static char *
put_escaped(char *dst, unsigned char byte)
{
	static const struct {
		char byte, letter;
	} letters[] = { { '\n', 'n' }, { '\t', 't' }, { '\r', 'r' } };
	size_t i;

	for (i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (letters[i].byte == (char)byte) {
			*dst++ = '\\';
			*dst++ = letters[i].letter;
			return (dst);
		}
	return (dst + sprintf(dst, "\\x%02x", byte));
}

char *
text_escape(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	char *copy, *dst;
	size_t i, n;

	if (len > (SIZE_MAX - 1) / ESCAPED_MAX ||
	    (copy = malloc(len * ESCAPED_MAX + 1)) == NULL)
		return (NULL);
	dst = copy;
	while (len > 0) {
		n = *s == '\0' ? 1 : char_len(s, len);
		if (n > 0 && !is_control(s, n)) {
			memcpy(dst, s, n);
			dst += n;
		} else {
			if (n == 0)
				n = 1;
			for (i = 0; i < n; i++)
				dst = put_escaped(dst, s[i]);
		}
		s += n;
		len -= n;
	}
	*dst = '\0';
	return (copy);
}

char *
text_quote(const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789_-+=./:,@%";
	char *safe, *quoted, *dst;
	const char *s;

	if ((safe = text_escape(word, strlen(word))) == NULL ||
	    (*safe != '\0' && safe[strspn(safe, plain)] == '\0'))
		return (safe);
	if ((quoted = malloc(strlen(safe) * 4 + 3)) != NULL) {
		dst = quoted;
		*dst++ = '\'';
		for (s = safe; *s != '\0'; s++)
			if (*s == '\'')
				dst = stpcpy(dst, "'\\''");
			else
				*dst++ = *s;
		*dst++ = '\'';
		*dst = '\0';
	}
	free(safe);
	return (quoted);
}

size_t
text_width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return (n);
}

void
text_cut(char *s, size_t width)
{
	if (width == 0 || text_width(s) <= width)
		return;
	while (--width > 0)
		do
			s++;
		while (((unsigned char)*s & 0xc0) == 0x80);
	s[0] = '+';
	s[1] = '\0';
}
