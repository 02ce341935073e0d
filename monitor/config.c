/* SPDX-License-Identifier: ISC */

/*
 * Reads the configuration: options of the command line, then the file, then
 * the defaults; the first value of a keyword wins. Errors are told and counted,
 * and reading goes on, so that one run shows them all.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/fdio.h"
#include "monitor/config_table.h"

#define CONFIG_FILE_MAX	(1024 * 1024)

int
config_complain(struct config_parser *p, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	n = snprintf(text, sizeof(text), "%s: ", p->where);
	if (n < 0 || (size_t)n >= sizeof(text))
		n = 0;
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	p->errors++;
	p->error(p->arg, text);
	return (-1);
}

static size_t
find_keyword(const char *name)
{
	size_t i;

	for (i = 0; i < config_nkeywords; i++)
		if (strcasecmp(config_keywords[i].name, name) == 0)
			break;
	return (i);
}

void
config_line(struct config_parser *p, char *const *words, size_t n)
{
	const struct keyword *k;
	struct config *into;
	size_t i;

	if ((i = find_keyword(words[0])) == config_nkeywords) {
		config_complain(p, "unknown keyword \"%s\"", words[0]);
		return;
	}
	k = &config_keywords[i];
	into = p->seen[i] && (k->flags & KW_MANY) == 0 ? p->discard : p->config;
	if (k->type->parse(p, k, (char *)into + k->offset, words + 1, n - 1) == 0)
		p->seen[i] = true;
}

static void
parse_text(struct config_parser *p, const char *name, char *text)
{
	char *words[CONFIG_WORDS_MAX], *line, *rest = text;
	unsigned int number = 0;
	int n;

	while ((line = strsep(&rest, "\n")) != NULL) {
		snprintf(p->where, sizeof(p->where), "%s:%u", name, ++number);
		if ((n = config_words(p, line, words)) > 0)
			config_line(p, words, (size_t)n);
	}
}

/* "Keyword=value" or "Keyword value". */
static void
parse_option(struct config_parser *p, const char *option)
{
	char *words[CONFIG_WORDS_MAX], *line, *s;
	int n;

	snprintf(p->where, sizeof(p->where), "-o %s", option);
	if (strchr(option, '\n') != NULL) {
		config_complain(p, "an option is one line");
		return;
	}
	if ((line = strdup(option)) == NULL) {
		config_complain(p, "out of memory");
		return;
	}
	s = line + strcspn(line, "= \t");
	if (*s == '=')
		*s = ' ';
	if ((n = config_words(p, line, words)) > 0)
		config_line(p, words, (size_t)n);
	else if (n == 0)
		config_complain(p, "expected Keyword=value");
	free(line);
}

/* The table's own values, by the same way as a user's. */
static void
parse_defaults(struct config_parser *p)
{
	char *words[CONFIG_WORDS_MAX], *line;
	const struct keyword *k;
	size_t i;
	int n;

	p->defaults = true;
	for (i = 0; i < config_nkeywords; i++) {
		k = &config_keywords[i];
		if (p->seen[i] || k->standard == NULL)
			continue;
		snprintf(p->where, sizeof(p->where), "default of %s", k->name);
		if ((line = strdup(k->standard)) == NULL) {
			config_complain(p, "out of memory");
			continue;
		}
		if ((n = config_words(p, line, words)) > 0)
			k->type->parse(p, k, (char *)p->config + k->offset, words, (size_t)n);
		free(line);
	}
}

static int
load(struct config **out, const struct config_source *source, const char *name,
    char *text, config_error *error, void *arg)
{
	struct config_parser p = { .error = error, .arg = arg };
	size_t i;
	int r = -ENOMEM;

	*out = NULL;
	if ((p.config = calloc(1, sizeof(*p.config))) == NULL ||
	    (p.discard = calloc(1, sizeof(*p.discard))) == NULL)
		goto out;
	for (i = 0; i < source->noptions; i++)
		parse_option(&p, source->options[i]);
	parse_text(&p, name, text);
	parse_defaults(&p);
	if (p.errors == 0) {
		snprintf(p.where, sizeof(p.where), "%s", name);
		config_cross_check(&p);
	}
	r = p.errors == 0 ? 0 : -EINVAL;
out:
	config_free(p.discard);
	if (r != 0)
		config_free(p.config);
	else
		*out = p.config;
	return (r);
}

static int
holds_nul(const char *name, const char *text, const char *nul, config_error *error, void *arg)
{
	char line[512];
	unsigned int number = 1;

	for (; text < nul; text++)
		number += *text == '\n';
	snprintf(line, sizeof(line), "%s:%u: a NUL byte", name, number);
	error(arg, line);
	return (-EINVAL);
}

int
config_load_text(struct config **out, const struct config_source *source, const char *name,
    const char *text, size_t len, config_error *error, void *arg)
{
	const char *nul;
	char *copy;
	int r;

	*out = NULL;
	if ((nul = memchr(text, '\0', len)) != NULL)
		return (holds_nul(name, text, nul, error, arg));
	if ((copy = malloc(len + 1)) == NULL)
		return (-ENOMEM);
	memcpy(copy, text, len);
	copy[len] = '\0';
	r = load(out, source, name, copy, error, arg);
	free(copy);
	return (r);
}

static int
cannot_read(const char *name, int r, config_error *error, void *arg)
{
	char text[512];

	snprintf(text, sizeof(text), "%s: %s", name, strerror(-r));
	error(arg, text);
	return (-EINVAL);
}

/* Only the file that nobody named may be missing: the defaults are complete. */
int
config_load(struct config **out, const struct config_source *source, config_error *error,
    void *arg)
{
	const char *name = source->file != NULL ? source->file : CONFIG_FILE;
	char *text = NULL;
	size_t len = 0;
	int fd, r;

	*out = NULL;
	if ((fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1) {
		if (errno != ENOENT || source->file != NULL)
			return (cannot_read(name, -errno, error, arg));
		return (config_load_text(out, source, name, "", 0, error, arg));
	}
	r = read_file(fd, CONFIG_FILE_MAX, &text, &len);
	close_fd(&fd);
	if (r != 0)
		return (cannot_read(name, r, error, arg));
	r = config_load_text(out, source, name, text, len, error, arg);
	free(text);
	return (r);
}

void
config_free(struct config *c)
{
	const struct keyword *k;
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < config_nkeywords; i++) {
		k = &config_keywords[i];
		if (k->type->release != NULL)
			k->type->release((char *)c + k->offset);
	}
	free(c);
}
