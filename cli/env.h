/*
 * A job's environment as -e and --env-file give it.
 */
#ifndef CLI_ENV_H
#define CLI_ENV_H

#include <stddef.h>

#define ENV_WHY_SIZE	512

struct env {
	char **v;		/* NAME=value, each name once, its own */
	size_t n;
};

/*
 * "NAME=value", or "NAME" for our own value of it, if there is one. A later one
 * takes the earlier one's place. 0, or -1 with the reason.
 */
int env_add(struct env *, const char *, char why[ENV_WHY_SIZE]);
/* Lines of the same form; empty ones and '#' comments are skipped. Pure. */
int env_add_text(struct env *, const char *file, const char *text, size_t len,
    char why[ENV_WHY_SIZE]);
int env_add_file(struct env *, const char *file, char why[ENV_WHY_SIZE]);
void env_free(struct env *);

#endif
