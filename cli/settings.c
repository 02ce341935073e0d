/* SPDX-License-Identifier: ISC */

/*
 * Finds the settings of a connection. A profile is only looked at for what
 * nothing else says, so that flags alone are enough where there is no home
 * directory.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/settings.h"
#include "common/buf.h"
#include "common/fdio.h"

#define CONFIG_MAX	(64 * 1024)
#define SPACE		" \t\r"

static int __attribute__((format(printf, 2, 3)))
wrong(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, SETTINGS_WHY_SIZE, fmt, ap);
	va_end(ap);
	return (-1);
}

/* --- a profile's config ------------------------------------------------------ */

/* The rest of a line as a value: its quotes off, nothing behind it. NULL: bad. */
static char *
take_value(char *s)
{
	char *end, *after;

	s += strspn(s, SPACE);
	if (*s == '"') {
		if ((end = strchr(++s, '"')) == NULL)
			return (NULL);
		after = end + 1;
	} else
		after = end = s + strcspn(s, SPACE "#\"");
	if (strchr(SPACE "#", *after) == NULL)		/* the NUL is among them */
		return (NULL);
	after += strspn(after, SPACE);
	if (end == s || (*after != '\0' && *after != '#'))
		return (NULL);
	*end = '\0';
	return (s);
}

static int
parse_line(const char *file, unsigned int number, char *line, struct settings *s, char *why)
{
	const struct {
		const char *name;
		char **to;
	} keywords[] = { { "server", &s->server }, { "server-name", &s->server_name } };
	char *value;
	size_t i, len;

	line += strspn(line, SPACE);
	if (*line == '\0' || *line == '#')
		return (0);
	len = strcspn(line, SPACE);
	for (i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (strlen(keywords[i].name) == len && strncasecmp(keywords[i].name, line,
		    len) == 0)
			break;
	if (i == sizeof(keywords) / sizeof(keywords[0]))
		return (wrong(why, "%s:%u: unknown keyword \"%.*s\"; there are server and "
		    "server-name", file, number, (int)(len < 64 ? len : 64), line));
	if (*keywords[i].to != NULL)
		return (wrong(why, "%s:%u: %s is there twice", file, number, keywords[i].name));
	if ((value = take_value(line + len)) == NULL)
		return (wrong(why, "%s:%u: %s needs one value", file, number,
		    keywords[i].name));
	if ((*keywords[i].to = strdup(value)) == NULL)
		return (wrong(why, "out of memory"));
	return (0);
}

int
settings_parse(const char *file, const char *text, size_t len, struct settings *s,
    char why[SETTINGS_WHY_SIZE])
{
	char *copy, *line, *rest;
	unsigned int number = 0;
	int r = 0;

	if (!utf8_valid(text, len))
		return (wrong(why, "%s: is not text", file));
	if ((copy = strndup(text, len)) == NULL)
		return (wrong(why, "out of memory"));
	rest = copy;
	while (r == 0 && (line = strsep(&rest, "\n")) != NULL)
		r = parse_line(file, ++number, line, s, why);
	free(copy);
	return (r);
}

/* --- a profile --------------------------------------------------------------- */

static char *
join(const char *dir, const char *name)
{
	char *path;

	return (asprintf(&path, "%s/%s", dir, name) == -1 ? NULL : path);
}

/* A name with a slash is a path. NULL with the reason. */
static char *
profile_dir(const char *name, char *why)
{
	const char *base, *below = "telepilot";
	size_t len = strlen(name);
	char *dir;

	if (strchr(name, '/') != NULL) {
		while (len > 1 && name[len - 1] == '/')
			len--;
		if ((dir = strndup(name, len)) == NULL)
			wrong(why, "out of memory");
		return (dir);
	}
	if ((base = getenv("XDG_CONFIG_HOME")) == NULL || base[0] != '/') {
		below = ".config/telepilot";
		if ((base = getenv("HOME")) == NULL || base[0] != '/') {
			wrong(why, "there is no HOME to look for the profile \"%s\" in", name);
			return (NULL);
		}
	}
	if (asprintf(&dir, "%s/%s/%s", base, below, name) == -1) {
		wrong(why, "out of memory");
		return (NULL);
	}
	return (dir);
}

static int
read_config(const char *dir, struct settings *s, char *why)
{
	char *path, *text;
	size_t len;
	int fd, r;

	if ((path = join(dir, "config")) == NULL)
		return (wrong(why, "out of memory"));
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		r = wrong(why, "%s: %s", path, strerror(errno));
	else {
		r = read_file(fd, CONFIG_MAX, &text, &len);
		close(fd);
		if (r != 0)
			r = wrong(why, "%s: %s", path, strerror(-r));
		else {
			r = settings_parse(path, text, len, s, why);
			free(text);
		}
	}
	free(path);
	return (r);
}

static int
read_profile(const char *name, struct settings *s, char *why)
{
	const struct {
		const char *name;
		char **to;
	} files[] = { { "cert.pem", &s->cert }, { "key.pem", &s->key }, { "ca.pem", &s->ca } };
	char *dir;
	size_t i;
	int r;

	if ((dir = profile_dir(name, why)) == NULL)
		return (-1);
	if (access(dir, F_OK) == -1)
		r = wrong(why, "there is no profile \"%s\" (%s: %s); telepilot ca issue makes "
		    "one, --profile names another, or give --server, --cert, --key and --ca",
		    name, dir, strerror(errno));
	else
		r = read_config(dir, s, why);
	for (i = 0; r == 0 && i < sizeof(files) / sizeof(files[0]); i++)
		if ((*files[i].to = join(dir, files[i].name)) == NULL)
			r = wrong(why, "out of memory");
	free(dir);
	return (r);
}

/* --- all of it ---------------------------------------------------------------- */

static const char *
given(const char *flag, const char *variable)
{
	const char *value;

	if (flag != NULL || variable == NULL)
		return (flag);
	value = getenv(variable);
	return (value != NULL && value[0] != '\0' ? value : NULL);
}

/* A flag or variable takes the place of what the profile says. */
static int
override(char **to, const char *value, char *why)
{
	char *copy;

	if (value == NULL)
		return (0);
	if ((copy = strdup(value)) == NULL)
		return (wrong(why, "out of memory"));
	free(*to);
	*to = copy;
	return (0);
}

int
settings_find(const struct settings_given *g, struct settings *s, char why[SETTINGS_WHY_SIZE])
{
	const char *profile = given(g->profile, "TELEPILOT_PROFILE");
	const char *server = given(g->server, "TELEPILOT_SERVER");
	const char *cert = given(g->cert, "TELEPILOT_CERT");
	const char *key = given(g->key, "TELEPILOT_KEY");
	const char *ca = given(g->ca, "TELEPILOT_CA");

	memset(s, 0, sizeof(*s));
	if (g->profile != NULL || server == NULL || cert == NULL || key == NULL || ca == NULL)
		if (read_profile(profile != NULL ? profile : "default", s, why) != 0)
			return (-1);
	/* A profile's server-name belongs to its server. */
	if (server != NULL) {
		free(s->server_name);
		s->server_name = NULL;
	}
	if (override(&s->server, server, why) != 0 ||
	    override(&s->cert, cert, why) != 0 ||
	    override(&s->key, key, why) != 0 ||
	    override(&s->ca, ca, why) != 0 ||
	    override(&s->server_name, g->server_name, why) != 0)
		return (-1);
	if (s->server == NULL)
		return (wrong(why, "the profile \"%s\" names no server; give --server",
		    profile != NULL ? profile : "default"));
	return (0);
}

void
settings_free(struct settings *s)
{
	free(s->server);
	free(s->cert);
	free(s->key);
	free(s->ca);
	free(s->server_name);
	memset(s, 0, sizeof(*s));
}
