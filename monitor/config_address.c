/* SPDX-License-Identifier: ISC */

/*
 * ListenAddress: numeric addresses only. A name would have to be looked up, and
 * the name services' code is never loaded into the monitor.
 */

#include <sys/socket.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "common/units.h"
#include "monitor/config_table.h"
#include "monitor/listen.h"

#define DEFAULT_PORT	7443

/*
 * "HOST:PORT", "[V6]:PORT", "HOST", "V6": HOST without brackets to host, PORT to
 * *port. 0 or -1.
 */
static int
split_port(const char *word, char *host, size_t size, uint16_t *port)
{
	const char *end, *after;
	uint64_t v = DEFAULT_PORT;
	size_t len;

	if (*word == '[') {
		if ((end = strchr(++word, ']')) == NULL)
			return (-1);
		after = end + 1;
	} else if ((end = strchr(word, ':')) == NULL || strchr(end + 1, ':') != NULL)
		after = end = word + strlen(word);
	else
		after = end;
	if (*after != '\0' && (*after != ':' || parse_u64(after + 1, 1, 65535, &v) != 0))
		return (-1);
	len = (size_t)(end - word);
	if (len >= size)
		return (-1);
	memcpy(host, word, len);
	host[len] = '\0';
	*port = (uint16_t)v;
	return (0);
}

static int
fill_v4(struct config_listen *l, const char *host, uint16_t port)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)&l->addr;

	if (inet_pton(AF_INET, host, &sin->sin_addr) != 1)
		return (-1);
	sin->sin_family = AF_INET;
	sin->sin_port = htons(port);
	l->len = sizeof(*sin);
	return (0);
}

/* "fe80::1%eth0" names the interface of a link-local address. */
static int
fill_v6(struct config_listen *l, char *host, uint16_t port)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&l->addr;
	char *scope;

	if ((scope = strchr(host, '%')) != NULL) {
		*scope++ = '\0';
		if ((sin6->sin6_scope_id = if_nametoindex(scope)) == 0)
			return (-1);
	}
	if (inet_pton(AF_INET6, host, &sin6->sin6_addr) != 1)
		return (-1);
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(port);
	l->len = sizeof(*sin6);
	return (0);
}

static int
parse_address(const char *word, struct config_listen *l)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
	uint16_t port;

	memset(l, 0, sizeof(*l));
	if (split_port(word, host, sizeof(host), &port) != 0)
		return (-1);
	if (word[0] != '[' && fill_v4(l, host, port) == 0)
		return (0);
	return (fill_v6(l, host, port));
}

static int
add_listen(struct config *c, const struct config_listen *l)
{
	struct config_listen *grown;
	size_t i;

	for (i = 0; i < c->nlisten; i++)
		if (c->listen[i].len == l->len &&
		    memcmp(&c->listen[i].addr, &l->addr, l->len) == 0)
			return (0);
	grown = reallocarray(c->listen, c->nlisten + 1, sizeof(*grown));
	if (grown == NULL)
		return (-1);
	grown[c->nlisten++] = *l;
	c->listen = grown;
	return (0);
}

/* field is the array's place; its count is beside it in the same struct. */
static int
parse_listen(struct config_parser *p, const struct keyword *k, void *field,
    char *const *words, size_t n)
{
	struct config *c = (struct config *)((char *)field - k->offset);
	struct config_listen l;
	size_t i;

	if (n == 0)
		return (config_complain(p, "%s: a value is missing", k->name));
	for (i = 0; i < n; i++) {
		if (parse_address(words[i], &l) != 0)
			return (config_complain(p, "%s: %s is no numeric address, as "
			    "192.0.2.1:7443 or [2001:db8::1]:7443", k->name, words[i]));
		l.optional = p->defaults;
		if (add_listen(c, &l) != 0)
			return (config_complain(p, "%s: out of memory", k->name));
	}
	return (0);
}

static void
print_listen(FILE *f, const struct keyword *k, const void *field)
{
	const struct config *c;
	char text[ADDRESS_STRLEN];
	size_t i;

	c = (const struct config *)((const char *)field - k->offset);
	for (i = 0; i < c->nlisten; i++)
		fprintf(f, "%s %s\n", k->name,
		    address_format(&c->listen[i].addr, text, sizeof(text)));
}

static void
release_listen(void *field)
{
	free(*(struct config_listen **)field);
}

const struct config_type type_listen = { parse_listen, print_listen, release_listen };
