/* SPDX-License-Identifier: ISC */

/*
 * What no single line of the configuration can show: values that do not fit
 * together, and the one default that depends on where telepilotd lies.
 */

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/config_table.h"

/* The directory of this program if telepilot-netd is in it, too. */
static char *
own_directory(void)
{
	char path[PATH_MAX], netd[PATH_MAX];
	char *slash;
	ssize_t n;

	if ((n = readlink("/proc/self/exe", path, sizeof(path) - 1)) <= 0)
		return (NULL);
	path[n] = '\0';
	if ((slash = strrchr(path, '/')) == NULL)
		return (NULL);
	*slash = '\0';
	if ((size_t)snprintf(netd, sizeof(netd), "%s/telepilot-netd", path) >= sizeof(netd) ||
	    access(netd, F_OK) != 0)
		return (NULL);
	return (strdup(path));
}

static void
choose_libexec(struct config_parser *p)
{
	struct config *c = p->config;

	if (c->libexec_directory == NULL)
		c->libexec_directory = own_directory();
	if (c->libexec_directory == NULL)
		c->libexec_directory = strdup(TELEPILOT_LIBEXECDIR);
	if (c->libexec_directory == NULL)
		config_complain(p, "out of memory");
}

void
config_cross_check(struct config_parser *p)
{
	const struct config *c = p->config;

	if (c->net_user.name == NULL && c->net_user.uid >= c->ids.first &&
	    c->net_user.uid <= c->ids.last)
		config_complain(p, "NetUser %u lies in IdRange", c->net_user.uid);
	choose_libexec(p);
}
