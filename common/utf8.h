/*
 * UTF-8 (RFC 3629) as far as we need it: is it, and where may it be cut.
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stddef.h>

/* 1 if the bytes are valid UTF-8 without NUL. */
int utf8_valid(const void *, size_t);

/* Bytes of the character at the start, 1 to 4; 0 if there is no valid one. NUL is none. */
size_t utf8_char(const void *, size_t);

/*
 * The length of s, at most max, less a character that is incomplete at max.
 * It reads no byte from max on, so s may have been cut there already.
 */
size_t utf8_cut(const char *s, size_t max);

#endif
