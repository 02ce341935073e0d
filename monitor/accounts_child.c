/* SPDX-License-Identifier: ISC */

/*
 * The child that asks the name services. It has no descriptor but its pipe and
 * stderr, lives for one question, and its answer is of a fixed form. Which
 * accounts may be used is decided here, by what the host says of them.
 */

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/units.h"
#include "monitor/accounts.h"
#include "monitor/ids.h"

#define NOBODY_ID	65534
#define UID_MIN_DEFAULT	1000

/* UID_MIN of login.defs(5): ids below it belong to the system. */
static uint32_t
uid_min(void)
{
	char *text, *line, *rest, *word;
	uint32_t min = UID_MIN_DEFAULT;
	uint64_t v;
	size_t len;
	int fd, r;

	if ((fd = open("/etc/login.defs", O_RDONLY | O_CLOEXEC)) == -1)
		return (min);
	r = read_file(fd, 1024 * 1024, &text, &len);
	close(fd);
	if (r != 0)
		return (min);
	for (rest = text; (line = strsep(&rest, "\n")) != NULL;) {
		if ((word = strtok(line, " \t")) == NULL || strcmp(word, "UID_MIN") != 0)
			continue;
		if ((word = strtok(NULL, " \t")) != NULL &&
		    parse_u64(word, 1, UINT32_MAX - 1, &v) == 0)
			min = (uint32_t)v;
	}
	free(text);
	return (min);
}

static const struct passwd *
find_account(const char *name, struct account_record *rec)
{
	const struct passwd *pw;

	errno = 0;
	if ((pw = getpwnam(name)) != NULL)
		return (pw);
	if (errno == 0 || errno == ENOENT || errno == ESRCH)
		snprintf(rec->why, sizeof(rec->why), "there is no account %s on this host", name);
	else
		snprintf(rec->why, sizeof(rec->why), "account %s cannot be looked up: %s", name,
		    strerror(errno));
	return (NULL);
}

static void
look_up_net_user(const struct config *c, struct account_record *rec)
{
	const struct passwd *pw;

	if (c->net_user.name == NULL) {
		rec->uid = c->net_user.uid;
		rec->gid = c->net_user.gid;
		return;
	}
	if ((pw = find_account(c->net_user.name, rec)) == NULL) {
		snprintf(rec->why, sizeof(rec->why), "NetUser: there is no account %s on this "
		    "host; `useradd --system --user-group --no-create-home --shell "
		    "/usr/sbin/nologin %s` makes one", c->net_user.name, c->net_user.name);
		return;
	}
	rec->uid = pw->pw_uid;
	rec->gid = pw->pw_gid;
	if (rec->uid == 0 || rec->gid == 0)
		snprintf(rec->why, sizeof(rec->why), "NetUser: %s is root", c->net_user.name);
}

/* Why jobs may not run as this account, or NULL. */
static const char *
refuse(const struct config *c, const struct passwd *pw, uint32_t min, uint32_t net_uid)
{
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		return ("is root, or in root's group");
	if (pw->pw_uid == NOBODY_ID || pw->pw_gid == NOBODY_ID ||
	    strcmp(pw->pw_name, "nobody") == 0)
		return ("is nobody's");
	if (pw->pw_uid == net_uid || strncmp(pw->pw_name, "_telepilot", 10) == 0)
		return ("is TelePilot's own");
	if (pw->pw_uid < min)
		return ("is the system's (its uid is below UID_MIN of /etc/login.defs)");
	if ((pw->pw_uid >= c->ids.first && pw->pw_uid <= c->ids.last) ||
	    (pw->pw_gid >= c->ids.first && pw->pw_gid <= c->ids.last))
		return ("has an id of IdRange");
	if (pw->pw_dir == NULL || pw->pw_dir[0] != '/' || strlen(pw->pw_dir) > ACCOUNT_HOME_MAX)
		return ("has no home directory that can be used");
	return (NULL);
}

static void
look_up_user(const struct config *c, const struct config_user *u, uint32_t min,
    uint32_t net_uid, struct account_record *rec)
{
	const struct passwd *pw;
	const char *why;

	if ((pw = find_account(u->account, rec)) == NULL)
		return;
	if ((why = refuse(c, pw, min, net_uid)) != NULL) {
		snprintf(rec->why, sizeof(rec->why), "account %s %s", u->account, why);
		return;
	}
	rec->uid = pw->pw_uid;
	rec->gid = pw->pw_gid;
	snprintf(rec->home, sizeof(rec->home), "%s", pw->pw_dir);
}

int
lookup_child(const struct config *c, int fd)
{
	struct account_record rec;
	uint32_t min, net_uid;
	size_t i;
	int r;

	memset(&rec, 0, sizeof(rec));
	look_up_net_user(c, &rec);
	net_uid = rec.uid;
	if ((r = write_full(fd, &rec, sizeof(rec))) != 0)
		return (r);
	memset(&rec, 0, sizeof(rec));
	if (ids_check_host(&c->ids, rec.why, sizeof(rec.why)) == 0 &&
	    net_uid >= c->ids.first && net_uid <= c->ids.last)
		snprintf(rec.why, sizeof(rec.why), "IdRange holds the uid of NetUser");
	if ((r = write_full(fd, &rec, sizeof(rec))) != 0)
		return (r);
	min = uid_min();
	for (i = 0; i < c->nusers; i++) {
		memset(&rec, 0, sizeof(rec));
		look_up_user(c, &c->users[i], min, net_uid, &rec);
		if ((r = write_full(fd, &rec, sizeof(rec))) != 0)
			return (r);
	}
	return (0);
}
