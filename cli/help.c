/* SPDX-License-Identifier: ISC */

/*
 * Help, made from the tables that the options are parsed by.
 */

#include <stdio.h>

#include "cli/cli.h"

#define NAME_WIDTH	10
#define OPTION_WIDTH	26

static void
print_options(const struct opt *o)
{
	char name[64];

	for (; o != NULL && o->name != NULL; o++) {
		snprintf(name, sizeof(name), "--%s%s%s", o->name, o->arg != NULL ? " " : "",
		    o->arg != NULL ? o->arg : "");
		if (o->letter != 0)
			printf("  -%c, %-*s %s\n", o->letter, OPTION_WIDTH, name, o->help);
		else
			printf("      %-*s %s\n", OPTION_WIDTH, name, o->help);
	}
}

void
help_overview(void)
{
	size_t i;

	puts("usage: telepilot COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:");
	for (i = 0; commands[i] != NULL; i++)
		printf("  %-*s %s\n", NAME_WIDTH, commands[i]->name, commands[i]->summary);
	puts("\nOptions of all commands:");
	print_options(global_options);
	puts("\n\"telepilot help COMMAND\" tells more, and so does the manual, telepilot(1).");
}

void
help_command(const struct command *cmd)
{
	printf("usage: telepilot %s [OPTION...]%s%s\n\n%s\n", cmd->name,
	    cmd->operands[0] != '\0' ? " " : "", cmd->operands, cmd->summary);
	if (cmd->options[0] != NULL)
		puts("\nOptions:");
	print_options(cmd->options[0]);
	print_options(cmd->options[1]);
	puts("\nOptions of all commands:");
	print_options(global_options);
}
