/*
 * Text of others, made safe to look at.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stddef.h>

/*
 * A new string in which control characters, characters that change the
 * direction of writing, and bytes that are no UTF-8 are written as \n, \t or
 * \xHH. NULL when out of memory.
 */
char *text_escape(const char *, size_t len);

/* The same for one word of a command line: in single quotes if a shell needs them. */
char *text_quote(const char *);

/* Characters (not bytes) in a string of valid UTF-8. */
size_t text_width(const char *);

/* Cuts it to that many characters, the last one "+" if any was lost. */
void text_cut(char *, size_t width);

#endif
