/* SPDX-License-Identifier: ISC */

/*
 * Lines of telepilotd.conf to words. Knows nothing of keywords. The text may be
 * anything; the file's owner is trusted, their typing is not.
 */

#include <string.h>

#include "common/buf.h"
#include "monitor/config_table.h"

static int
is_blank(char c)
{
	return (c == ' ' || c == '\t' || c == '\r');
}

static int
check_bytes(struct config_parser *p, const char *line)
{
	const char *s;

	if (!utf8_valid(line, strlen(line)))
		return (config_complain(p, "the line is not UTF-8"));
	for (s = line; *s != '\0'; s++)
		if ((unsigned char)*s == 0x7f || ((unsigned char)*s < 0x20 && !is_blank(*s)))
			return (config_complain(p, "control character 0x%02x",
			    (unsigned int)(unsigned char)*s));
	return (0);
}

/* Ends the word that begins at s; returns what follows it, or NULL. */
static char *
cut_quoted(struct config_parser *p, char *s)
{
	char *end;

	if ((end = strchr(s, '"')) == NULL) {
		config_complain(p, "a quote is not closed");
		return (NULL);
	}
	if (end[1] != '\0' && !is_blank(end[1])) {
		config_complain(p, "text follows a closing quote");
		return (NULL);
	}
	*end = '\0';
	return (end + 1);
}

static char *
cut_plain(struct config_parser *p, char *s)
{
	for (; *s != '\0' && !is_blank(*s); s++)
		if (*s == '"') {
			config_complain(p, "a quote in the middle of a word");
			return (NULL);
		}
	if (*s == '\0')
		return (s);
	*s = '\0';
	return (s + 1);
}

int
config_words(struct config_parser *p, char *line, char *words[CONFIG_WORDS_MAX])
{
	char *s = line;
	int n = 0;

	if (check_bytes(p, line) != 0)
		return (-1);
	for (;;) {
		while (is_blank(*s))
			s++;
		if (*s == '\0' || *s == '#')
			return (n);
		if (n == CONFIG_WORDS_MAX)
			return (config_complain(p, "more than %d words", CONFIG_WORDS_MAX));
		if (*s == '"') {
			words[n++] = ++s;
			s = cut_quoted(p, s);
		} else {
			words[n++] = s;
			s = cut_plain(p, s);
		}
		if (s == NULL)
			return (-1);
	}
}
