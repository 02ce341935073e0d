/* SPDX-License-Identifier: ISC */

/*
 * A client's life: from its settings to a server that let us in, and its end.
 */

#include <sys/eventfd.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/lib/internal.h"
#include "common/fdio.h"

#define GOODBYE_MS	100

static bool
let_in(const struct telepilot *c)
{
	return (c->settings_seen);
}

static int
open_client(struct telepilot *c, const struct telepilot_settings *set)
{
	char host[HOST_SIZE], port[PORT_SIZE];
	int64_t deadline;
	int r;

	if (address_parse(set->server, host, port) != 0)
		return (status_set(&c->status, ST_INVALID_ARGUMENT, NULL, "\"%s\" is no server; "
		    "give HOST, HOST:PORT or [IPV6]:PORT", set->server));
	address_format(host, port, c->peer);
	if ((c->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) == -1)
		return (status_set(&c->status, ST_INTERNAL, NULL, "eventfd: %s",
		    strerror(errno)));
	deadline = deadline_after_ms(set->connect_timeout_ms != 0 ? set->connect_timeout_ms :
	    CONNECT_TIMEOUT_MS);
	if ((r = tls_context(c)) != 0 ||
	    (r = credentials_load(c, set)) != 0 ||
	    (r = connect_tcp(c, host, port, deadline)) != 0 ||
	    (r = tls_open(c, set, host, deadline)) != 0 ||
	    (r = http2_open(c)) != 0)
		return (r);
	/* In TLS 1.3 our certificate is refused only after our handshake is done. */
	if ((r = io_run(c, let_in, deadline)) == ST_CANCELLED)
		status_set(&c->status, ST_CANCELLED, NULL, "interrupted");
	else if (r == ST_DEADLINE_EXCEEDED)
		r = status_set(&c->status, ST_UNAVAILABLE, NULL,
		    "%s accepted the connection but says nothing", c->peer);
	return (r);
}

int
telepilot_open(struct telepilot **client, const struct telepilot_settings *set)
{
	struct telepilot *c;
	int r;

	*client = NULL;
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (ST_RESOURCE_EXHAUSTED);
	c->fd = c->wake_fd = -1;
	status_ok(&c->status);
	*client = c;
	if ((r = open_client(c, set)) != 0)
		c->dead = true;
	return (r);
}

/* Tells the server that this is an end and no loss, if that takes no time. */
static void
say_goodbye(struct telepilot *c)
{
	if (c->dead || nghttp2_session_terminate_session(c->h2, NGHTTP2_NO_ERROR) != 0)
		return;
	io_flush_all(c, deadline_after_ms(GOODBYE_MS));
	(void)SSL_shutdown(c->ssl);
}

void
telepilot_close(struct telepilot *c)
{
	if (c == NULL)
		return;
	say_goodbye(c);
	nghttp2_session_del(c->h2);
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	X509_free(c->verify_cert);
	close_fd(&c->fd);
	close_fd(&c->wake_fd);
	free(c);
}

const char *
telepilot_error(const struct telepilot *c)
{
	return (c == NULL ? "out of memory" : c->status.message);
}

const char *
telepilot_error_field(const struct telepilot *c)
{
	return (c == NULL ? "" : c->status.field);
}

void
telepilot_set_timeout(struct telepilot *c, uint64_t ms)
{
	c->timeout_ms = ms;
}

void
telepilot_interrupt(struct telepilot *c)
{
	static const uint64_t one = 1;
	int saved = errno;
	ssize_t n;

	/* Fails only when it is raised already; eventfd_write(3) is not async-signal-safe. */
	n = write(c->wake_fd, &one, sizeof(one));
	(void)n;
	errno = saved;
}
