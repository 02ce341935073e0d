/*
 * What the files of telepilot(1) share. One process runs one command: a
 * command's options are static variables of its file, named in its table.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "cli/telepilot.h"

#define EXIT_TELEPILOT	125	/* our own failure, so that it is not taken for the job's */

struct command {
	const char *name;		/* "create", "ca init" */
	const char *operands;		/* "ID...", for help */
	const char *summary;
	const struct opt *options[2];	/* tables; NULL where there is none */
	int min, max;			/* operands; max -1: any number */
	bool posix;			/* options end at the first operand */
	int (*run)(int argc, char **argv);	/* the exit code */
};

extern const struct command *const commands[];	/* ends with NULL */

/* Each in the file of its name. */
extern const struct command cmd_create, cmd_run, cmd_start, cmd_stop, cmd_status, cmd_logs,
    cmd_wait, cmd_ps, cmd_rm, cmd_ca_init, cmd_ca_issue;

/* help.c */
void help_overview(void);
void help_command(const struct command *);

/* say.c: "telepilot: COMMAND: ..." on stderr, with control characters escaped. */
void say_set_command(const char *);		/* NULL: none */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, and EXIT_TELEPILOT for the caller to return. */
int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Flushes stdout: 0, or what the program must exit with if that fails. */
int say_done(void);
/* The output cannot be written: a broken pipe ends us quietly, as it does cat(1). */
int output_failed(int error);

/* connect.c: the options that say where and as whom, and the client they make. */
extern const struct opt global_options[];
extern bool help_wanted;
/* 0, or EXIT_TELEPILOT after an explanation. */
int client_open(struct telepilot **);
void client_reset_timeout(struct telepilot *);	/* to that of --timeout */
/* What the client's last call said. Returns EXIT_TELEPILOT. */
int client_failed(const struct telepilot *);
int client_failed_job(const struct telepilot *, const char *job_id);

#endif
