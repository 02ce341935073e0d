/* SPDX-License-Identifier: ISC */

/*
 * telepilotd: the monitor. The only process of TelePilot with privileges that
 * lasts, and the only one that decides. It reads its configuration, and from
 * others only bounded messages (common/buf); no TLS, X.509, HTTP/2 or protobuf
 * is parsed here.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/config.h"
#include "monitor/host.h"
#include "monitor/serve.h"

#define OPTIONS_MAX	64

enum mode { MODE_SERVE, MODE_CHECK, MODE_PRINT };

struct options {
	enum mode mode;
	bool debug;
	const char *file;
	char *options[OPTIONS_MAX];
	size_t noptions;
};

static void
usage(void)
{
	fprintf(stderr, "usage: telepilotd [-dtTV] [-f file] [-o keyword=value]...\n");
	exit(2);
}

static void
add_option(struct options *o, char *text)
{
	if (o->noptions == OPTIONS_MAX)
		fatal("more than %d -o options", OPTIONS_MAX);
	o->options[o->noptions++] = text;
}

static void
parse_arguments(int argc, char *argv[], struct options *o)
{
	int c;

	memset(o, 0, sizeof(*o));
	while ((c = getopt(argc, argv, "df:o:tTV")) != -1)
		switch (c) {
		case 'd':
			o->debug = true;
			break;
		case 'f':
			o->file = optarg;
			break;
		case 'o':
			add_option(o, optarg);
			break;
		case 't':
			o->mode = MODE_CHECK;
			break;
		case 'T':
			o->mode = MODE_PRINT;
			break;
		case 'V':
			printf("telepilotd " TELEPILOT_VERSION "\n");
			exit(0);
		default:
			usage();
		}
	if (optind != argc)
		usage();
}

static int
print(struct config *c)
{
	int r;

	if ((r = config_print(stdout, c)) == 0)
		host_print(stdout, c);
	config_free(c);
	if (r != 0 || fflush(stdout) != 0)
		fatal("cannot write the configuration");
	return (EXIT_SUCCESS);
}

int
main(int argc, char *argv[])
{
	struct config_source source;
	struct options o;
	struct config *c;

	if (sanitise_stdfd() != 0)
		return (EXIT_FAILURE);
	log_init("telepilotd", 0);
	parse_arguments(argc, argv, &o);
	source.file = o.file;
	source.options = o.options;
	source.noptions = o.noptions;
	if (config_load(&c, &source, tell_stderr, NULL) != 0)
		return (EXIT_FAILURE);
	if (o.mode == MODE_CHECK)
		return (serve_check(c, &source));
	if (o.mode == MODE_PRINT)
		return (print(c));
	log_set_max(o.debug ? LOG_DEBUG : (int)c->log_level);
	return (serve(c, &source, o.debug));
}
