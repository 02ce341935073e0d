/* SPDX-License-Identifier: ISC */

/*
 * telepilot-netd: serves one connection, and ends with it. telepilotd starts it
 * as root with a channel as descriptor 3, stderr, and an empty directory as cwd.
 * In this order:
 *
 *  1. what needs the host's files or nothing at all: OpenSSL, its random numbers
 *     (no configuration file of OpenSSL is read, and no engine is loaded)
 *  2. NETD_INIT: limits, and the key files as open descriptors, not yet read
 *  3. chroot into the cwd, resource limits, uid and gid of nobody, no capability,
 *     no new privileges, not dumpable, dies with telepilotd; the filter by which
 *     no descriptor leaves this process
 *  4. the keys are parsed; NETD_READY; some processes wait like this, so that no
 *     client waits for an exec
 *  5. NETD_CONN: the accepted socket. Only now a stranger's bytes are read, by a
 *     process that can open nothing, start nothing and become nobody else
 *  6. handshake, NETD_AUTH; after NETD_AUTH_OK, HTTP/2 and gRPC until the end
 *
 * It must never be trusted: all that it asks for is decided by the monitor.
 */

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "netd/descriptors.h"
#include "netd/login.h"
#include "netd/reflection.h"
#include "netd/serve.h"
#include "netd/startup.h"

#define PEER_MAX	128
#define NAME		"netd"

struct netd {
	struct netd_init init;
	struct reflection *reflection;
	SSL_CTX *ctx;
	struct msg msg;
	struct tls tls;
	struct conn conn;
};

static void
check_channel(void)
{
	if (channel_valid(IPC_FD))
		return;
	fprintf(stderr, "telepilot-netd is started by telepilotd only\n");
	exit(2);
}

/*
 * What a terminal or a service manager sends to the whole group is for
 * telepilotd, which then ends us in good order, by a message or by SIGKILL.
 */
static void
ignore_signals(void)
{
	static const int signals[] = { SIGPIPE, SIGXFSZ, SIGHUP, SIGINT, SIGQUIT,
	    SIGTERM };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (signal(signals[i], SIG_IGN) == SIG_ERR)
			fatal("signal: %s", strerror(errno));
}

static void
start_openssl(void)
{
	unsigned char b[16];

	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1 ||
	    RAND_bytes(b, sizeof(b)) != 1)
		fatal("OpenSSL cannot be set up");
}

/* False: telepilotd is gone, or does not need us any more. */
static bool
tell_ready(void)
{
	struct buf *b;
	int r = -ENOMEM;

	if ((b = buf_new(MSG_BODY_MAX)) != NULL &&
	    (r = buf_put_u32(b, IPC_VERSION)) == 0)
		r = msg_send(IPC_FD, NETD_READY, 0, b);
	if (r != 0 && r != -EPIPE && r != -ECONNRESET)
		fatal("telling telepilotd: %s", strerror(-r));
	buf_free(b);
	return (r == 0);
}

/* To NETD_READY. False: telepilotd is gone. */
static bool
start(struct netd *n)
{
	struct tls_files files;
	int r;

	if ((n->reflection = reflection_new(descriptors_pb, descriptors_pb_len)) == NULL)
		fatal("the descriptors of the API cannot be read");
	if ((r = startup_receive(IPC_FD, &n->msg, &n->init, &files)) == -EPIPE)
		return (false);
	if (r != 0)
		fatal("receiving the settings: %s", strerror(-r));
	if ((r = startup_confine(&n->init)) != 0)
		fatal("giving up privileges: %s", strerror(-r));
	if ((n->ctx = tls_context(&files)) == NULL)
		fatal("the server's certificate, key or client CA cannot be used");
	startup_close(&files);
	return (tell_ready());
}

static void
run(struct netd *n, int tcp)
{
	if (tls_init(&n->tls, n->ctx, tcp) != 0)
		fatal("out of memory");
	if (login(&n->tls, &n->init, tcp, IPC_FD, &n->msg) != 0)
		return;
	if (conn_init(&n->conn, &n->init, IPC_FD, clock_now()) != 0)
		fatal("out of memory");
	n->conn.reflection = n->reflection;
	serve(&n->conn, &n->tls, tcp, IPC_FD, &n->msg);
}

int
main(int argc, char **argv)
{
	static char name[sizeof(NAME) + PEER_MAX + 1], peer[PEER_MAX];
	struct netd *n;
	int tcp, debug;

	check_channel();
	debug = argc > 1 && strcmp(argv[1], "-d") == 0;
	log_init(NAME, debug);
	ignore_signals();
	start_openssl();
	if ((n = calloc(1, sizeof(*n))) == NULL)
		fatal("out of memory");
	if (!start(n))
		return (0);
	tcp = startup_connection(IPC_FD, &n->msg, peer, sizeof(peer));
	if (tcp == -EPIPE)
		_exit(0);
	if (tcp < 0)
		fatal("receiving a connection: %s", strerror(-tcp));
	(void)snprintf(name, sizeof(name), NAME " %s", peer);
	log_init(name, debug);
	run(n, tcp);
	/* The kernel frees it all; nothing is left to be done at exit. */
	_exit(0);
}
