/* SPDX-License-Identifier: ISC */

/*
 * telepilot(1): finds the command in one table, takes the options apart by the
 * command's own tables, and runs it. Whatever fails on our side exits with 125,
 * so that it is never taken for a job's exit code.
 */

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "common/fdio.h"

#define KEPT_MEMORY	(4 << 20)

static int run_help(int, char **);
static int run_version(int, char **);

static const struct command cmd_version = {
	.name = "version",
	.operands = "",
	.summary = "say which version this is",
	.min = 0,
	.max = 0,
	.run = run_version,
};

static const struct command cmd_help = {
	.name = "help",
	.operands = "[COMMAND]",
	.summary = "say how a command is used",
	.min = 0,
	.max = 2,
	.run = run_help,
};

const struct command *const commands[] = {
	&cmd_run, &cmd_create, &cmd_start, &cmd_stop, &cmd_status, &cmd_logs, &cmd_wait, &cmd_ps,
	&cmd_rm, &cmd_ca_init, &cmd_ca_issue, &cmd_version, &cmd_help, NULL,
};

static const struct {
	const char *name;
	const struct command *command;
} aliases[] = {
	{ "list", &cmd_ps },
	{ "ls", &cmd_ps },
};

static bool version_wanted;

static const struct opt main_options[] = {
	{ 0, OPT_FLAG, "version", &version_wanted, NULL, "say which version this is" },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

/* How many words of argv the command's name takes; 0 if that is not it. */
static int
name_matches(const char *name, int argc, char **argv)
{
	const char *second = strchr(name, ' ');
	size_t first_len = second != NULL ? (size_t)(second - name) : strlen(name);

	if (argc < 1 || strlen(argv[0]) != first_len || memcmp(argv[0], name, first_len) != 0)
		return (0);
	if (second == NULL)
		return (1);
	return (argc >= 2 && strcmp(argv[1], second + 1) == 0 ? 2 : 0);
}

/* The command that argv begins with, and how many words name it. */
static const struct command *
command_find(int argc, char **argv, int *words)
{
	size_t i;

	for (i = 0; commands[i] != NULL; i++)
		if ((*words = name_matches(commands[i]->name, argc, argv)) != 0)
			return (commands[i]);
	for (i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if ((*words = name_matches(aliases[i].name, argc, argv)) != 0)
			return (aliases[i].command);
	return (NULL);
}

static int
unknown_command(char **argv)
{
	if (strcmp(argv[0], "ca") == 0)
		return (complain("ca: there are ca init and ca issue"));
	return (complain("there is no command \"%s\"; \"telepilot help\" lists them", argv[0]));
}

static int
run_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("telepilot " TELEPILOT_VERSION);
	return (0);
}

static int
run_help(int argc, char **argv)
{
	const struct command *cmd;
	int words;

	if (argc == 0) {
		help_overview();
		return (0);
	}
	if ((cmd = command_find(argc, argv, &words)) == NULL || words != argc)
		return (unknown_command(argv));
	help_command(cmd);
	return (0);
}

static int
run_command(const struct command *cmd, int argc, char **argv)
{
	const struct opt *tables[4];
	char why[OPT_WHY_SIZE];
	size_t n = 0, i;

	for (i = 0; i < 2; i++)
		if (cmd->options[i] != NULL)
			tables[n++] = cmd->options[i];
	tables[n++] = global_options;
	tables[n] = NULL;
	argc = options_parse(tables, cmd->posix, argc, argv, why);
	if (argc == -1)
		return (complain("%s", why));
	say_set_command(cmd->name);
	if (help_wanted) {
		help_command(cmd);
		return (0);
	}
	if (argc < cmd->min)
		return (complain("%s is missing", cmd->operands));
	if (cmd->max != -1 && argc > cmd->max)
		return (complain("\"%s\" is too much; it takes %s", argv[cmd->max],
		    cmd->operands[0] != '\0' ? cmd->operands : "no argument"));
	return (cmd->run(argc, argv));
}

static int
dispatch(int argc, char **argv)
{
	const struct opt *const tables[] = { main_options, global_options, NULL };
	const struct command *cmd;
	char why[OPT_WHY_SIZE];
	int words;

	if ((argc = options_parse(tables, true, argc, argv, why)) == -1)
		return (complain("%s", why));
	if (version_wanted)
		return (run_version(0, NULL));
	if (help_wanted)
		return (run_help(argc, argv));
	if (argc == 0)
		return (complain("a command is missing; \"telepilot help\" lists them"));
	if ((cmd = command_find(argc, argv, &words)) == NULL)
		return (unknown_command(argv));
	return (run_command(cmd, argc - words, argv + words));
}

int
main(int argc, char **argv)
{
	int done, r;

	if (sanitise_stdfd() != 0)
		return (EXIT_TELEPILOT);
	/* A closed pipe is an error of write(2), seen where the write is. */
	signal(SIGPIPE, SIG_IGN);
	/* A log's messages come and go: without this, each one's pages do so too. */
	mallopt(M_MMAP_THRESHOLD, KEPT_MEMORY);
	mallopt(M_TRIM_THRESHOLD, KEPT_MEMORY);
	r = dispatch(argc > 0 ? argc - 1 : 0, argv + 1);
	done = say_done();
	return (done != 0 ? done : r);
}
