/* SPDX-License-Identifier: ISC */

/* common/msg: whole messages, their descriptors, and what a bad peer may try. */

#include <sys/socket.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/msg.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS	83
#endif

#define RAW_FDS_MAX	64

static struct msg m;		/* 64 KiB */
static int here, there;		/* the two ends */

static int
open_pair(void **state)
{
	int fds[2];

	(void)state;
	if (msg_pair(fds) != 0)
		return (-1);
	here = fds[0];
	there = fds[1];
	return (0);
}

static int
close_pair(void **state)
{
	(void)state;
	close(here);
	if (there != -1)
		close(there);
	return (0);
}

static int
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return (n);
}

/* What a bad peer can do with sendmsg(2). */
static void
send_raw(int fd, const void *data, size_t len, const int *fds, size_t nfds)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int) * RAW_FDS_MAX)];
	} control;
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	memset(&control, 0, sizeof(control));
	if (nfds > 0) {
		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	assert_int_equal(sendmsg(fd, &mh, 0), len);
}

static void
test_pair(void **state)
{
	int fds[2], i, type;
	socklen_t len = sizeof(type);

	(void)state;
	assert_int_equal(msg_pair(fds), 0);
	for (i = 0; i < 2; i++) {
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		assert_int_equal(getsockopt(fds[i], SOL_SOCKET, SO_TYPE, &type, &len), 0);
		assert_int_equal(type, SOCK_SEQPACKET);
		close(fds[i]);
	}
}

static void
test_wire_form(void **state)
{
	static const uint8_t want[] = { 0x12, 0x34, 0, 0, 0xaa, 0xbb, 0xcc, 0xdd, 7 };
	struct buf *b = buf_new(10);
	uint8_t got[32];

	(void)state;
	assert_int_equal(buf_put_u8(b, 7), 0);
	assert_int_equal(msg_send(here, 0x1234, 0xaabbccdd, b), 0);
	assert_int_equal(recv(there, got, sizeof(got), MSG_DONTWAIT), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
	buf_free(b);
}

static void
test_round_trip(void **state)
{
	struct buf *b = buf_new(100);
	char s[16];

	(void)state;
	assert_int_equal(buf_put_str(b, "hello"), 0);
	assert_int_equal(msg_send(here, 3, 9, b), 0);
	assert_int_equal(msg_send(here, 4, 0, NULL), 0);
	assert_int_equal(msg_recv(there, &m, 0), 0);
	assert_int_equal(m.type, 3);
	assert_int_equal(m.id, 9);
	assert_int_equal(m.nfds, 0);
	assert_int_equal(rbuf_get_strbuf(&m.body, s, sizeof(s)), 0);
	assert_string_equal(s, "hello");
	assert_int_equal(rbuf_end(&m.body), 0);
	assert_int_equal(msg_recv(there, &m, MSG_FDS_MAX), 0);
	assert_int_equal(m.type, 4);
	assert_int_equal(rbuf_end(&m.body), 0);
	buf_free(b);
}

static void
test_largest(void **state)
{
	struct buf *b = buf_new(MSG_MAX);
	uint8_t *fill = malloc(MSG_MAX);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	memset(fill, 'x', MSG_MAX);
	assert_int_equal(buf_put_raw(b, fill, MSG_BODY_MAX), 0);
	assert_int_equal(msg_send(here, 1, 1, b), 0);
	assert_int_equal(msg_recv(there, &m, 0), 0);
	assert_int_equal(m.body.left, MSG_BODY_MAX);
	assert_memory_equal(m.body.p, fill, MSG_BODY_MAX);
	assert_int_equal(msg_send_fds(here, 1, 1, b, &fd, 1), 0);
	assert_int_equal(msg_recv(there, &m, 1), 0);
	assert_int_equal(m.body.left, MSG_BODY_MAX);
	msg_close_fds(&m);
	assert_int_equal(buf_put_u8(b, 0), 0);
	assert_int_equal(msg_send(here, 1, 1, b), -EMSGSIZE);
	assert_int_equal(msg_send_fds(here, 1, 1, b, &fd, 1), -EMSGSIZE);
	assert_int_equal(msg_recv(there, &m, 0), -EAGAIN);
	close(fd);
	free(fill);
	buf_free(b);
}

static void
test_nothing_blocks(void **state)
{
	int n, r;

	(void)state;
	/* Not even on a descriptor that somebody made blocking. */
	assert_int_equal(fcntl(here, F_SETFL, 0), 0);
	assert_int_equal(fcntl(there, F_SETFL, 0), 0);
	alarm(20);
	assert_int_equal(msg_recv(there, &m, 0), -EAGAIN);
	assert_int_equal(msg_recv(there, &m, 1), -EAGAIN);
	for (n = 0; (r = msg_send(here, 1, 0, NULL)) == 0; n++)
		continue;
	assert_int_equal(r, -EAGAIN);
	assert_true(n > 0);
	assert_int_equal(msg_send_fds(here, 1, 0, NULL, &here, 1), -EAGAIN);
	alarm(0);
}

/* SIGPIPE would end this program. */
static void
test_peer_is_gone(void **state)
{
	int r;

	(void)state;
	close(there);
	there = -1;
	assert_int_equal(msg_recv(here, &m, 0), -EPIPE);
	assert_int_equal(msg_recv(here, &m, 3), -EPIPE);
	assert_int_equal(m.nfds, 0);
	r = msg_send(here, 1, 0, NULL);
	assert_true(r == -EPIPE || r == -ECONNRESET);
	r = msg_send_fds(here, 1, 0, NULL, &here, 1);
	assert_true(r == -EPIPE || r == -ECONNRESET);
}

/* A supervisor tells its job's end and exits, with a message of ours unread. */
static void
test_last_words_are_heard(void **state)
{
	(void)state;
	assert_int_equal(msg_send(here, 1, 0, NULL), 0);
	assert_int_equal(msg_send(there, 35, 0, NULL), 0);
	close(there);
	there = -1;
	assert_int_equal(msg_recv(here, &m, 0), 0);
	assert_int_equal(m.type, 35);
	assert_int_equal(msg_recv(here, &m, 0), -EPIPE);
}

static void
test_malformed(void **state)
{
	static const uint8_t zero_not_zero[] = { 0, 1, 0, 1, 0, 0, 0, 1 };
	uint8_t *big = calloc(1, MSG_MAX + 1);
	size_t n;

	(void)state;
	for (n = 1; n < MSG_HEADER; n++) {
		send_raw(there, big, n, NULL, 0);
		assert_int_equal(msg_recv(here, &m, 0), -EBADMSG);
	}
	send_raw(there, zero_not_zero, sizeof(zero_not_zero), NULL, 0);
	assert_int_equal(msg_recv(here, &m, 0), -EBADMSG);
	send_raw(there, big, MSG_MAX + 1, NULL, 0);
	assert_int_equal(msg_recv(here, &m, 0), -EBADMSG);
	send_raw(there, big, MSG_MAX, NULL, 0);
	assert_int_equal(msg_recv(here, &m, 0), 0);
	free(big);
}

static void
test_descriptors(void **state)
{
	int pipes[2], fds[3], before, taken, i;
	struct stat a, b;

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	fds[0] = pipes[0];
	fds[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[2] = pipes[1];
	before = count_fds();
	assert_int_equal(msg_send_fds(here, 1, 2, NULL, fds, 3), 0);
	assert_int_equal(msg_recv(there, &m, 3), 0);
	assert_int_equal(m.nfds, 3);
	for (i = 0; i < 3; i++) {
		assert_true(fcntl(m.fds[i], F_GETFD) & FD_CLOEXEC);
		assert_int_not_equal(m.fds[i], fds[i]);
		assert_int_equal(fstat(fds[i], &a), 0);
		assert_int_equal(fstat(m.fds[i], &b), 0);
		assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	}
	taken = msg_take_fd(&m, 1);
	assert_true(taken >= 0);
	assert_int_equal(msg_take_fd(&m, 1), -1);
	assert_int_equal(msg_take_fd(&m, 3), -1);
	msg_close_fds(&m);
	msg_close_fds(&m);
	assert_int_equal(count_fds(), before + 1);
	assert_int_not_equal(fcntl(taken, F_GETFD), -1);
	close(taken);
	for (i = 0; i < 3; i++)
		assert_int_equal(close(fds[i]), 0);
}

static void
test_most_descriptors(void **state)
{
	int fds[MSG_FDS_MAX + 1], before, i;

	(void)state;
	for (i = 0; i <= MSG_FDS_MAX; i++)
		fds[i] = here;
	before = count_fds();
	assert_int_equal(msg_send_fds(here, 1, 0, NULL, fds, MSG_FDS_MAX), 0);
	assert_int_equal(msg_recv(there, &m, MSG_FDS_MAX), 0);
	assert_int_equal(m.nfds, MSG_FDS_MAX);
	msg_close_fds(&m);
	assert_int_equal(count_fds(), before);
	assert_int_equal(msg_send_fds(here, 1, 0, NULL, fds, MSG_FDS_MAX + 1), -EINVAL);
	assert_int_equal(msg_recv(there, &m, MSG_FDS_MAX + 1), -EINVAL);
}

/* None of those that came with a refused message stays open. */
static void
test_too_many_descriptors(void **state)
{
	static const uint8_t header[MSG_HEADER] = { 0, 1 };
	int fds[RAW_FDS_MAX], before;
	size_t max, n;

	(void)state;
	for (n = 0; n < RAW_FDS_MAX; n++)
		fds[n] = STDIN_FILENO;
	before = count_fds();
	for (max = 0; max <= MSG_FDS_MAX; max++)
		for (n = max + 1; n <= RAW_FDS_MAX; n = n * 2 + 1) {
			send_raw(there, header, sizeof(header), fds, n);
			assert_int_equal(msg_recv(here, &m, max), -EBADMSG);
			assert_int_equal(m.nfds, 0);
			assert_int_equal(count_fds(), before);
			/* The next message is not affected. */
			assert_int_equal(msg_send(there, 5, 0, NULL), 0);
			assert_int_equal(msg_recv(here, &m, max), 0);
			assert_int_equal(m.type, 5);
		}
}

static void
test_malformed_with_descriptors(void **state)
{
	static const uint8_t bytes[MSG_HEADER] = { 0, 1, 1 };
	int fds[2] = { STDIN_FILENO, STDIN_FILENO }, before = count_fds();

	(void)state;
	send_raw(there, bytes, 3, fds, 2);
	assert_int_equal(msg_recv(here, &m, 2), -EBADMSG);
	send_raw(there, bytes, sizeof(bytes), fds, 2);
	assert_int_equal(msg_recv(here, &m, 2), -EBADMSG);
	send_raw(there, bytes, 0, fds, 2);
	assert_int_equal(msg_recv(here, &m, 2), -EBADMSG);
	assert_int_equal(m.nfds, 0);
	assert_int_equal(count_fds(), before);
}

static void
test_other_control_data(void **state)
{
	int on = 1, before = count_fds();

	(void)state;
	assert_int_equal(setsockopt(here, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	assert_int_equal(msg_send(there, 1, 0, NULL), 0);
	assert_int_equal(msg_recv(here, &m, 8), -EBADMSG);
	assert_int_equal(msg_send_fds(there, 1, 0, NULL, &on, 1), 0);
	assert_int_equal(msg_recv(here, &m, 8), -EBADMSG);
	assert_int_equal(count_fds(), before);
}

static void
test_unread(void **state)
{
	(void)state;
	assert_int_equal(msg_unread(here), 0);
	assert_int_equal(msg_send(here, 1, 0, NULL), 0);
	assert_true(msg_unread(here) > 0);
	assert_int_equal(msg_unread(there), 0);
	assert_int_equal(msg_recv(there, &m, 0), 0);
	assert_int_equal(msg_unread(here), 0);
	assert_int_equal(msg_unread(-1), -EBADF);
}

static void
test_refuse_fds(void **state)
{
	int on;
	socklen_t len = sizeof(on);

	(void)state;
	assert_int_equal(msg_refuse_fds(here), 0);
	assert_int_equal(msg_refuse_fds(-1), -EBADF);
	if (getsockopt(here, SOL_SOCKET, SO_PASSRIGHTS, &on, &len) == -1)
		skip();		/* before Linux 6.16 */
	assert_int_equal(msg_send_fds(there, 1, 0, NULL, &there, 1), -EPERM);
	assert_int_equal(msg_send(there, 1, 0, NULL), 0);
	/* The other direction is open. */
	assert_int_equal(msg_send_fds(here, 1, 0, NULL, &there, 1), 0);
	assert_int_equal(msg_recv(there, &m, 1), 0);
	msg_close_fds(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pair),
		cmocka_unit_test_setup_teardown(test_wire_form, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_round_trip, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_largest, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_nothing_blocks, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_peer_is_gone, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_last_words_are_heard, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_malformed, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_descriptors, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_most_descriptors, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_too_many_descriptors, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_malformed_with_descriptors,
		    open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_other_control_data, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_unread, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_refuse_fds, open_pair, close_pair),
	};

	return (cmocka_run_group_tests_name("msg", tests, NULL, NULL));
}
