/* SPDX-License-Identifier: ISC */

/*
 * The server's address as people write it. Pure: no name is looked up here.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/lib/address.h"
#include "common/units.h"

#define DEFAULT_PORT	"7443"

static int
copy_host(const char *s, size_t len, char host[HOST_SIZE])
{
	size_t i;

	if (len == 0 || len >= HOST_SIZE)
		return (-EINVAL);
	for (i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] == 0x7f || strchr("[]/@\"", s[i]) != NULL)
			return (-EINVAL);
	memcpy(host, s, len);
	host[len] = '\0';
	return (0);
}

static int
copy_port(const char *s, char port[PORT_SIZE])
{
	uint64_t n;

	if (parse_u64(s, 1, 65535, &n) != 0)
		return (-EINVAL);
	snprintf(port, PORT_SIZE, "%u", (unsigned int)n);
	return (0);
}

int
address_parse(const char *s, char host[HOST_SIZE], char port[PORT_SIZE])
{
	const char *end, *after;

	if (s[0] == '[') {
		if ((end = strchr(++s, ']')) == NULL)
			return (-EINVAL);
		after = end + 1;
		if (*after != '\0' && *after != ':')
			return (-EINVAL);
	} else if ((after = strchr(s, ':')) == NULL || strchr(after + 1, ':') != NULL) {
		/* No port: a name, or an IPv6 address without brackets. */
		after = s + strlen(s);
		end = after;
	} else
		end = after;
	if (copy_host(s, (size_t)(end - s), host) != 0)
		return (-EINVAL);
	return (copy_port(*after == ':' ? after + 1 : DEFAULT_PORT, port));
}

void
address_format(const char *host, const char *port, char peer[PEER_SIZE])
{
	int v6 = strchr(host, ':') != NULL;

	snprintf(peer, PEER_SIZE, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

int
address_is_ip(const char *host)
{
	unsigned char a[sizeof(struct in6_addr)];

	return (inet_pton(AF_INET, host, a) == 1 || inet_pton(AF_INET6, host, a) == 1);
}
