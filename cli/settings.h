/*
 * Where to connect and as whom: flags, else the environment, else a profile,
 * which is a directory with cert.pem, key.pem, ca.pem and config.
 */
#ifndef CLI_SETTINGS_H
#define CLI_SETTINGS_H

#include <stddef.h>

#define SETTINGS_WHY_SIZE	512

/* What was given by flags; NULL where nothing was. */
struct settings_given {
	const char *server, *profile, *cert, *key, *ca, *server_name;
};

/* All strings are its own. */
struct settings {
	char *server, *cert, *key, *ca;
	char *server_name;		/* NULL: the server's host */
};

/* 0, or -1 with the reason in why. The result is freed in any case. */
int settings_find(const struct settings_given *, struct settings *,
    char why[SETTINGS_WHY_SIZE]);
void settings_free(struct settings *);

/*
 * A profile's config: lines of `server HOST:PORT` and `server-name NAME`, '#'
 * comments, values in double quotes if one likes. Each keyword once. file is
 * for messages. Pure.
 */
int settings_parse(const char *file, const char *text, size_t len, struct settings *,
    char why[SETTINGS_WHY_SIZE]);

#endif
