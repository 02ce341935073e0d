/* SPDX-License-Identifier: ISC */

/*
 * Keywords that name users and ids: User, NetUser, IdRange. Nothing is looked up
 * here; monitor/accounts does that in a child.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/units.h"
#include "monitor/config_table.h"
#include "monitor/ids.h"

#define ACCOUNT_MAX	255
#define ID_MAX		(UINT32_MAX - 1)	/* (uid_t)-1 is no id */

static int
account_name_valid(const char *s)
{
	size_t len = strlen(s);

	return (len > 0 && len <= ACCOUNT_MAX && s[0] != '-' &&
	    strpbrk(s, ":/ \t") == NULL && strspn(s, "0123456789") != len);
}

/* "FIRST<sep>LAST", both decimal. 0 or -1. */
static int
parse_pair(const char *word, char sep, uint64_t min, uint32_t *a, uint32_t *b)
{
	char first[16];
	const char *s;
	uint64_t x, y;

	if ((s = strchr(word, sep)) == NULL || (size_t)(s - word) >= sizeof(first))
		return (-1);
	memcpy(first, word, (size_t)(s - word));
	first[s - word] = '\0';
	if (parse_u64(first, min, ID_MAX, &x) != 0 || parse_u64(s + 1, min, ID_MAX, &y) != 0)
		return (-1);
	*a = (uint32_t)x;
	*b = (uint32_t)y;
	return (0);
}

/* --- User NAME account=ACCOUNT --- */

static const struct config_user *
find_user(const struct config *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->nusers; i++)
		if (strcmp(c->users[i].name, name) == 0)
			return (&c->users[i]);
	return (NULL);
}

static int
add_user(struct config *c, const char *where, const char *name, const char *account)
{
	struct config_user *grown, *u;

	grown = reallocarray(c->users, c->nusers + 1, sizeof(*grown));
	if (grown == NULL)
		return (-1);
	c->users = grown;
	u = &grown[c->nusers];
	memset(u, 0, sizeof(*u));
	snprintf(u->name, sizeof(u->name), "%s", name);
	u->account = strdup(account);
	u->where = strdup(where);
	if (u->account == NULL || u->where == NULL) {
		free(u->account);
		free(u->where);
		return (-1);
	}
	c->nusers++;
	return (0);
}

static int
parse_user(struct config_parser *p, const struct keyword *k, void *field,
    char *const *words, size_t n)
{
	static const char prefix[] = "account=";
	struct config *c = (struct config *)((char *)field - k->offset);
	const char *account;

	if (n != 2 || strncmp(words[1], prefix, sizeof(prefix) - 1) != 0)
		return (config_complain(p, "%s: expected NAME account=ACCOUNT", k->name));
	account = words[1] + sizeof(prefix) - 1;
	if (!user_name_valid(words[0]))
		return (config_complain(p, "%s: \"%s\" is no user's name "
		    "([a-z_][a-z0-9_-]{0,31})", k->name, words[0]));
	if (!account_name_valid(account))
		return (config_complain(p, "%s %s: \"%s\" is no account's name",
		    k->name, words[0], account));
	if (find_user(c, words[0]) != NULL)
		return (0);
	if (add_user(c, p->where, words[0], account) != 0)
		return (config_complain(p, "%s: out of memory", k->name));
	return (0);
}

static void
print_user(FILE *f, const struct keyword *k, const void *field)
{
	const struct config *c;
	size_t i;

	c = (const struct config *)((const char *)field - k->offset);
	for (i = 0; i < c->nusers; i++)
		fprintf(f, "%s %s account=%s\n", k->name, c->users[i].name,
		    c->users[i].account);
}

static void
release_user(void *field)
{
	struct config *c;
	size_t i;

	c = (struct config *)((char *)field - offsetof(struct config, users));
	for (i = 0; i < c->nusers; i++) {
		free(c->users[i].account);
		free(c->users[i].where);
	}
	free(c->users);
}

const struct config_type type_user = { parse_user, print_user, release_user };

/* --- NetUser NAME or UID:GID --- */

static int
parse_net_user(struct config_parser *p, const struct keyword *k, void *field,
    char *const *words, size_t n)
{
	struct net_user *u = field;
	char *name = NULL;
	uint32_t uid = 0, gid = 0;

	if (n != 1)
		return (config_complain(p, "%s: expected NAME or UID:GID", k->name));
	if (parse_pair(words[0], ':', 1, &uid, &gid) != 0) {
		if (!account_name_valid(words[0]) || strcmp(words[0], "root") == 0)
			return (config_complain(p, "%s: \"%s\" is no NAME or UID:GID "
			    "other than root's", k->name, words[0]));
		if ((name = strdup(words[0])) == NULL)
			return (config_complain(p, "%s: out of memory", k->name));
	}
	free(u->name);
	u->name = name;
	u->uid = uid;
	u->gid = gid;
	return (0);
}

static void
print_net_user(FILE *f, const struct keyword *k, const void *field)
{
	const struct net_user *u = field;

	if (u->name != NULL)
		fprintf(f, "%s %s\n", k->name, u->name);
	else
		fprintf(f, "%s %" PRIu32 ":%" PRIu32 "\n", k->name, u->uid, u->gid);
}

static void
release_net_user(void *field)
{
	free(((struct net_user *)field)->name);
}

const struct config_type type_net_user = {
	parse_net_user, print_net_user, release_net_user
};

/* --- IdRange FIRST-LAST --- */

static int
parse_id_range(struct config_parser *p, const struct keyword *k, void *field,
    char *const *words, size_t n)
{
	struct id_range *range = field, got;

	if (n != 1 || parse_pair(words[0], '-', 65536, &got.first, &got.last) != 0)
		return (config_complain(p, "%s: expected FIRST-LAST, from 65536 on", k->name));
	if (got.last < got.first || (got.last - got.first + 1) % IDS_BLOCK != 0)
		return (config_complain(p, "%s: %s does not hold a whole number of blocks "
		    "of %u ids", k->name, words[0], IDS_BLOCK));
	*range = got;
	return (0);
}

static void
print_id_range(FILE *f, const struct keyword *k, const void *field)
{
	const struct id_range *range = field;

	fprintf(f, "%s %" PRIu32 "-%" PRIu32 "\n", k->name, range->first, range->last);
}

const struct config_type type_id_range = { parse_id_range, print_id_range, NULL };
