/* SPDX-License-Identifier: ISC */

/*
 * The parsers of texts that people and certificates bring: units, UUIDs, names
 * of users, UTF-8, and the escaping of log lines.
 */

#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/jobspec.h"
#include "common/log.h"
#include "common/status.h"
#include "common/units.h"
#include "common/utf8.h"
#include "common/uuid.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
is_result(int r)
{
	return (r == 0 || r == -EINVAL || r == -ERANGE);
}

static void
numbers(const char *s)
{
	uint64_t size = 0, rate = 0, n;
	uint32_t millis;
	char text[16];
	int r;

	r = parse_size(s, &size);
	if (!is_result(r))
		abort();
	if (r == 0 && (parse_rate(s, &rate) != 0 || rate != size))
		abort();
	if (r == 0 && strlen(format_size(size, text, sizeof(text))) >= sizeof(text) - 1)
		abort();
	if (!is_result(parse_rate(s, &rate)))
		abort();
	r = parse_cpu(s, &millis);
	if (!is_result(r) || (r == 0 && millis == 0))
		abort();
	if (!is_result(parse_duration(s, &n)))
		abort();
	r = parse_u64(s, 5, 5000, &n);
	if (!is_result(r) || (r == 0 && (n < 5 || n > 5000 || n != strtoull(s, NULL, 10))))
		abort();
	/* Plain digits are bytes and seconds alike. */
	if (parse_u64(s, 0, UINT64_MAX, &n) == 0 &&
	    (parse_size(s, &size) != 0 || size != n || parse_duration(s, &rate) != 0 || rate != n))
		abort();
}

static void
names(const char *s)
{
	struct uuid u;
	char text[UUID_STRLEN + 1];

	if (uuid_parse(s, &u) == 0) {
		uuid_format(&u, text);
		if (strcmp(text, s) != 0)
			abort();
	}
	if (user_name_valid(s) && (strlen(s) > JOB_USER_MAX || strchr(s, '/') != NULL || *s == '-'))
		abort();
}

static void
texts(const char *s, size_t max)
{
	struct status st;
	size_t n = utf8_cut(s, max);

	if (n > max || n > strlen(s) || (n + 3 < max && s[n] != '\0'))
		abort();
	if (utf8_valid(s, strlen(s)) && !utf8_valid(s, n))
		abort();
	status_set(&st, ST_INTERNAL, s, "%s", s);
	if (!utf8_valid(st.message, strlen(st.message)) || !utf8_valid(st.field, strlen(st.field)))
		abort();
}

/* The one write of log_info. */
static void
log_lines(const char *s)
{
	static int fds[2] = { -1, -1 };
	char line[PIPE_BUF + 1];
	int saved;
	ssize_t i, n;

	if (fds[0] == -1 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == -1)
		abort();
	saved = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	log_at(LOG_ERR, "%s", s);
	dup2(saved, STDERR_FILENO);
	close(saved);
	if ((n = recv(fds[0], line, sizeof(line), MSG_DONTWAIT)) <= 0 || n > PIPE_BUF ||
	    !utf8_valid(line, (size_t)n) || line[n - 1] != '\n')
		abort();
	for (i = 0; i < n - 1; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			abort();
	if (recv(fds[0], line, sizeof(line), MSG_DONTWAIT) != -1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *s;

	if (n == 0 || (s = malloc(n)) == NULL)
		return (0);
	memcpy(s, data + 1, n - 1);
	s[n - 1] = '\0';
	numbers(s);
	names(s);
	texts(s, data[0]);
	log_lines(s);
	free(s);
	return (0);
}
