/* SPDX-License-Identifier: ISC */

/*
 * netd's whole connection below TLS. The input is a script: a byte that says what
 * happens, a byte of length, and so many bytes that
 *	come from the peer (with the client's preface before the first),
 *	are the body of the monitor's reply to the oldest open request,
 *	say how far the clock goes on, or are a message of the monitor.
 * Output is taken all the time. Checked are the sanitizers' rules, and that no call
 * outlives the connection and nothing is queued without bound.
 */

#include <sys/socket.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "netd/call.h"
#include "netd/descriptors.h"
#include "netd/reflection.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct world {
	struct conn conn;
	int monitor;
	uint32_t oldest;		/* request not answered yet, or 0 */
	struct msg m;
};

static void
take_output(struct world *w)
{
	static uint8_t b[65536];
	size_t i = 0;

	while (conn_output(&w->conn, b, sizeof(b)) > 0)
		if (++i > 1000)
			abort();
}

static void
take_requests(struct world *w)
{
	while (msg_recv(w->monitor, &w->m, 0) == 0)
		if (w->m.type >= NETD_CREATE && w->m.type <= NETD_LOGS && w->oldest == 0)
			w->oldest = w->m.id;
	(void)upstream_flush(&w->conn.up);
}

static void
tell(struct world *w, uint16_t type, const uint8_t *p, size_t n)
{
	memset(&w->m, 0, offsetof(struct msg, data));
	w->m.type = type;
	w->m.id = w->oldest;
	memcpy(w->m.data, p, n);
	rbuf_init(&w->m.body, w->m.data, n);
	w->oldest = 0;
	conn_message(&w->conn, &w->m);
}

static void
step(struct world *w, uint8_t what, const uint8_t *p, size_t n)
{
	switch (what % 8) {
	case 0:
		tell(w, NETD_REPLY, p, n);
		break;
	case 1:
		w->conn.now += n * n * SECOND / 16;
		break;
	case 2:
		tell(w, n == 7 ? NETD_DRAIN : NETD_REPLY, p, n);
		break;
	default:
		conn_input(&w->conn, p, n);
		break;
	}
	(void)conn_timers(&w->conn);
	take_output(w);
	take_requests(w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reflection *reflection;
	static struct world w;
	struct netd_init init;
	int fds[2];
	size_t n;

	if (reflection == NULL) {
		log_init("fuzz", 0);
		log_set_max(-1);
		reflection = reflection_new(descriptors_pb, descriptors_pb_len);
	}
	memset(&w, 0, sizeof(w));
	memset(&init, 0, sizeof(init));
	init.max_streams = 8;
	init.max_header_bytes = 1024;
	init.max_message_bytes = 1024;
	init.idle_timeout = 600;
	if (msg_pair(fds) != 0 || conn_init(&w.conn, &init, fds[0], SECOND) != 0)
		abort();
	w.monitor = fds[1];
	w.conn.reflection = reflection;
	conn_input(&w.conn, (const uint8_t *)preface, 24);
	for (; size > 2 && !conn_done(&w.conn); data += 2 + n, size -= 2 + n) {
		n = data[1] < size - 2 ? data[1] : size - 2;
		step(&w, data[0], data + 2, n);
	}
	conn_free(&w.conn);
	if (!LIST_EMPTY(&w.conn.calls))
		abort();
	close(fds[0]);
	close(fds[1]);
	return (0);
}
