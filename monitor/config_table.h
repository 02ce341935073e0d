/*
 * Between the files of the configuration's reader: the keyword table and what
 * its rows' functions get.
 */
#ifndef MONITOR_CONFIG_TABLE_H
#define MONITOR_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "monitor/config.h"

#define CONFIG_WORDS_MAX	32	/* on one line, keyword included */
#define CONFIG_KEYWORDS_MAX	64

struct config_parser {
	struct config *config;
	struct config *discard;		/* takes values that came too late */
	bool seen[CONFIG_KEYWORDS_MAX];
	bool defaults;			/* reading the table's own values */
	char where[512];		/* "file:line" */
	unsigned int errors;
	config_error *error;
	void *arg;
};

struct keyword;

/* A kind of value. field points into the struct config that takes it. */
struct config_type {
	/* 0, or -1 having complained; leaves *field valid for config_free. */
	int (*parse)(struct config_parser *, const struct keyword *, void *field,
	    char *const *words, size_t n);
	void (*print)(FILE *, const struct keyword *, const void *field);
	void (*release)(void *field);	/* or NULL */
};

#define KW_MANY		0x01	/* each line adds */
#define KW_FIXED	0x02	/* only a restart changes it */
#define KW_NONE		0x04	/* "none" is a value */

struct choice {
	const char *word;
	uint32_t value;
};

struct keyword {
	const char *name;
	const struct config_type *type;
	size_t offset;			/* in struct config */
	const char *standard;		/* default, as one would write it */
	uint64_t min, max;		/* of numbers, sizes and durations */
	const struct choice *choices;
	unsigned int flags;
};

extern const struct keyword config_keywords[];
extern const size_t config_nkeywords;

extern const struct config_type type_listen, type_path, type_domain, type_choice,
    type_number, type_size32, type_size64, type_duration, type_net_user, type_user,
    type_id_range;

/* Tells one error at the parser's place. Returns -1. */
int config_complain(struct config_parser *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Cuts a line into words, in place: blanks between words, "..." for what holds
 * blanks, # begins a comment. Count, or -1 having complained.
 */
int config_words(struct config_parser *, char *line, char *words[CONFIG_WORDS_MAX]);

/* Hands the words of one line, the keyword first, to its row. */
void config_line(struct config_parser *, char *const *words, size_t n);

/* What no single line can show. */
void config_cross_check(struct config_parser *);

#endif
