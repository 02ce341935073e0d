/* SPDX-License-Identifier: ISC */

/*
 * ps: one's own jobs, the newest first, ended ones included.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/jobtext.h"
#include "cli/json.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/units.h"

#define COMMAND_WIDTH	40
#define STATUS_WIDTH	32

static bool quiet, whole;
static uint64_t last = NOT_GIVEN;
static const char *format;

static const struct opt ps_options[] = {
	{ 'q', OPT_FLAG, "quiet", &quiet, NULL, "only the ids" },
	{ 'n', OPT_COUNT, "last", &last, "N", "only the N newest" },
	{ 0, OPT_TEXT, "format", &format, "FORMAT", "json: an array" },
	{ 0, OPT_FLAG, "no-trunc", &whole, NULL, "cut nothing short" },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

static const char *const headings[] = { "JOB ID", "STATUS", "CREATED", "CPU", "MEMORY", "COMMAND" };
#define COLUMNS	(sizeof(headings) / sizeof(headings[0]))

/* Where the jobs go: one of these is set. */
struct sink {
	struct table *table;
	json_t *array;
};

static char *
cut(char *text, size_t width)
{
	if (text != NULL && !whole)
		text_cut(text, width);
	return (text);
}

static int
add_row(struct table *t, const Telepilot__V1__Job *job)
{
	const Telepilot__V1__Usage *u = job->usage;
	char ago[40] = "-", cpu[32] = "-", memory[16] = "-";
	char *row[COLUMNS];

	if (job->create_time != NULL)
		format_ago(job->create_time, time(NULL), ago, sizeof(ago));
	if (u != NULL && u->cpu_case == TELEPILOT__V1__USAGE__CPU_CPU_USEC)
		format_usec(u->cpu_usec, cpu, sizeof(cpu));
	if (u != NULL && !job_ended(job) &&
	    u->memory_case == TELEPILOT__V1__USAGE__MEMORY_MEMORY_BYTES)
		format_size(u->memory_bytes, memory, sizeof(memory));
	row[0] = text_escape(job->id, strlen(job->id));
	row[1] = cut(job_outcome(job), STATUS_WIDTH);
	row[2] = strdup(ago);
	row[3] = strdup(cpu);
	row[4] = strdup(memory);
	row[5] = cut(job_command(job), COMMAND_WIDTH);
	return (table_add(t, row));
}

static int
add_job(struct sink *sink, const Telepilot__V1__Job *job)
{
	char *id;

	if (sink->array != NULL)
		return (json_array_append_new(sink->array, json_job(job)));
	if (sink->table != NULL)
		return (add_row(sink->table, job));
	if ((id = text_escape(job->id, strlen(job->id))) == NULL)
		return (-1);
	puts(id);
	free(id);
	return (0);
}

/* 0, or EXIT_TELEPILOT after an explanation. */
static int
list_all(struct telepilot *c, struct sink *sink)
{
	Telepilot__V1__ListJobsResponse *page;
	uint64_t left = last;
	char *token = NULL;
	bool more = true;
	size_t i;
	int r = 0;

	while (r == 0 && more) {
		if (telepilot_list(c, left < UINT32_MAX ? (uint32_t)left : 0, token, &page) != 0) {
			r = client_failed(c);
			break;
		}
		for (i = 0; r == 0 && i < page->n_jobs && left > 0; i++, left--)
			if (add_job(sink, page->jobs[i]) != 0)
				r = complain("out of memory");
		more = left > 0 && page->next_page_token[0] != '\0';
		free(token);
		token = strdup(page->next_page_token);
		telepilot_list_free(page);
		if (token == NULL)
			r = complain("out of memory");
	}
	free(token);
	return (r);
}

static int
print(struct sink *sink)
{
	int r = 0;

	if (sink->array != NULL) {
		r = json_print(sink->array);
		sink->array = NULL;
	} else if (sink->table != NULL)
		r = table_print(sink->table, stdout);
	return (r == 0 ? 0 : complain("out of memory"));
}

static int
run_ps(int argc, char **argv)
{
	struct sink sink = { NULL, NULL };
	struct telepilot *c;
	int r;

	(void)argc;
	(void)argv;
	if (format != NULL && (quiet || strcmp(format, "json") != 0))
		return (complain(quiet ? "--quiet and --format do not go together" :
		    "--format: \"%s\" is no format; there is json", format));
	if ((r = client_open(&c)) != 0)
		return (r);
	if (format != NULL)
		sink.array = json_array();
	else if (!quiet)
		sink.table = table_new(headings, COLUMNS);
	if (!quiet && sink.array == NULL && sink.table == NULL)
		r = complain("out of memory");
	else if ((r = list_all(c, &sink)) == 0)
		r = print(&sink);
	json_decref(sink.array);
	table_free(sink.table);
	telepilot_close(c);
	return (r);
}

const struct command cmd_ps = {
	.name = "ps",
	.operands = "",
	.summary = "list your jobs, the newest first (also: list, ls)",
	.options = { ps_options },
	.min = 0,
	.max = 0,
	.run = run_ps,
};
