/*
 * Options of a command line, described by tables: getopt_long(3) neither knows
 * types nor says what is wrong with a value.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOT_GIVEN	UINT64_MAX	/* what a number's variable must start with */
#define OPT_WHY_SIZE	512

struct strlist {
	const char **v;
	size_t n;
};

enum opt_type {
	OPT_FLAG,	/* bool */
	OPT_TEXT,	/* const char * */
	OPT_LIST,	/* struct strlist: each use adds one */
	OPT_CPU,	/* uint64_t, thousandths of a core */
	OPT_SIZE,	/* uint64_t, bytes */
	OPT_SIZE0,	/* the same, may be 0 */
	OPT_RATE,	/* uint64_t, bytes a second */
	OPT_COUNT,	/* uint64_t, at least 1 */
	OPT_OFFSET,	/* uint64_t */
	OPT_TIME,	/* uint64_t, seconds */
};

struct opt {
	char letter;		/* or 0 */
	enum opt_type type;
	const char *name;	/* or NULL in a table's last row */
	void *to;
	const char *arg;	/* its name in the help; NULL for a flag */
	const char *help;
};

/*
 * Takes the options out of argv[0..argc) and moves what is left to its front.
 * Returns how many are left, or -1 with the reason in why. tables ends with
 * NULL; earlier ones win. posix: the first operand ends the options.
 */
int options_parse(const struct opt *const *tables, bool posix, int argc, char **argv,
    char why[OPT_WHY_SIZE]);

int strlist_add(struct strlist *, const char *);	/* 0 or -ENOMEM */

#endif
