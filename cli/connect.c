/* SPDX-License-Identifier: ISC */

/*
 * The options that every command takes, and the connection that they describe.
 */

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/settings.h"

#define MS_PER_S	1000
#define TIMEOUT_MAX	(UINT32_MAX / MS_PER_S)

static struct settings_given flags;
static uint64_t timeout = NOT_GIVEN;
bool help_wanted;

const struct opt global_options[] = {
	{ 0, OPT_TEXT, "profile", &flags.profile, "NAME",
	    "connection settings below ~/.config/telepilot, or a directory's path" },
	{ 0, OPT_TEXT, "server", &flags.server, "HOST:PORT", "the server" },
	{ 0, OPT_TEXT, "cert", &flags.cert, "FILE", "own certificate" },
	{ 0, OPT_TEXT, "key", &flags.key, "FILE", "its key" },
	{ 0, OPT_TEXT, "ca", &flags.ca, "FILE", "the CA of the server's certificate" },
	{ 0, OPT_TEXT, "server-name", &flags.server_name, "NAME",
	    "expect this name in the server's certificate" },
	{ 0, OPT_TIME, "timeout", &timeout, "TIME", "how long to wait for each answer" },
	{ 'h', OPT_FLAG, "help", &help_wanted, NULL, "say how the command is used" },
	{ 0, OPT_FLAG, NULL, NULL, NULL, NULL },
};

int
client_open(struct telepilot **c)
{
	struct telepilot_settings set = { 0 };
	struct settings found;
	char why[SETTINGS_WHY_SIZE];
	int r = 0;

	*c = NULL;
	if (timeout != NOT_GIVEN && (timeout == 0 || timeout > TIMEOUT_MAX))
		return (complain("--timeout: give a time from 1s to 49d"));
	if (settings_find(&flags, &found, why) != 0)
		r = complain("%s", why);
	else {
		set.server = found.server;
		set.cert_file = found.cert;
		set.key_file = found.key;
		set.ca_file = found.ca;
		set.server_name = found.server_name;
		if (timeout != NOT_GIVEN)
			set.connect_timeout_ms = (uint32_t)(timeout * MS_PER_S);
		if (telepilot_open(c, &set) != 0)
			r = client_failed(*c);
	}
	settings_free(&found);
	if (r != 0) {
		telepilot_close(*c);
		*c = NULL;
	} else
		client_reset_timeout(*c);
	return (r);
}

void
client_reset_timeout(struct telepilot *c)
{
	telepilot_set_timeout(c, timeout != NOT_GIVEN ? timeout * MS_PER_S : 0);
}

int
client_failed(const struct telepilot *c)
{
	const char *field = telepilot_error_field(c), *words = telepilot_error(c);

	if (field[0] != '\0' && strstr(words, field) == NULL)
		return (complain("%s: %s", field, words));
	return (complain("%s", words));
}

int
client_failed_job(const struct telepilot *c, const char *job_id)
{
	return (complain("%s: %s", job_id, telepilot_error(c)));
}
