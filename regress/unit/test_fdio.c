/* SPDX-License-Identifier: ISC */

/* common/fdio: short counts, interruptions, and errors. */

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fdio.h"

/* The last 64 of them are scarce, or a quarter of few; and they can be had again. */
static void
test_fds_scarce(void **state)
{
	static const struct {
		rlim_t limit;
		int last;		/* the last descriptor before they are scarce */
	} cases[] = { { 1024, 959 }, { 256, 191 }, { 100, 74 } };
	struct rlimit old, l;
	size_t i;
	int fd;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	assert_false(fds_scarce());
	l = old;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		l.rlim_cur = cases[i].limit;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
		while ((fd = dup(STDERR_FILENO)) < cases[i].last - 1)
			assert_int_not_equal(fd, -1);
		assert_false(fds_scarce());
		assert_int_equal(dup(STDERR_FILENO), cases[i].last);
		assert_true(fds_scarce());
		assert_int_equal(close(cases[i].last), 0);
		assert_false(fds_scarce());
		while (dup(STDERR_FILENO) != -1)
			;
		assert_int_equal(errno, EMFILE);
		assert_true(fds_scarce());
		assert_int_equal(close_from(STDERR_FILENO + 1), 0);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static int
temp_file(void)
{
	char path[] = "/tmp/telepilot-fdio-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	assert_int_not_equal(fd, -1);
	unlink(path);
	return (fd);
}

/* The exit status of a child that runs fn. */
static int
in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return (WEXITSTATUS(status));
}

/* A child that writes "abc" in three pieces into the pipe. */
static pid_t
slow_writer(const int p[2])
{
	pid_t pid = fork();
	int i;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		for (i = 0; i < 3; i++) {
			usleep(20000);
			if (write(p[1], &"abc"[i], 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	return (pid);
}

static void
on_alarm(int sig)
{
	(void)sig;
}

/* Signals without SA_RESTART, every 5 ms. */
static void
interruptions(int on)
{
	struct sigaction sa = { .sa_handler = on ? on_alarm : SIG_DFL };
	struct itimerval it = { { 0, on ? 5000 : 0 }, { 0, on ? 5000 : 0 } };

	if (on)
		sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	if (!on)
		sigaction(SIGALRM, &sa, NULL);
}

static void
test_read_full(void **state)
{
	int p[2], status;
	char got[8];
	pid_t pid;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = slow_writer(p);
	close(p[1]);
	interruptions(1);
	n = read_full(p[0], got, sizeof(got));
	while (waitpid(pid, &status, 0) == -1)
		continue;
	interruptions(0);
	assert_int_equal(n, 3);
	assert_memory_equal(got, "abc", 3);
	assert_int_equal(status, 0);
	assert_int_equal(read_full(p[0], got, sizeof(got)), 0);
	close(p[0]);
	assert_int_equal(read_full(p[0], got, 1), -EBADF);
	assert_int_equal(read_full(p[0], got, 0), 0);
}

static void
test_write_full(void **state)
{
	enum { SIZE = 300000 };		/* more than a pipe holds */
	char *data = malloc(SIZE), *got = malloc(SIZE);
	int p[2], status, r, fd;
	pid_t pid;

	(void)state;
	memset(data, 'w', SIZE);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	if ((pid = fork()) == 0) {
		close(p[1]);
		usleep(50000);
		_exit(read_full(p[0], got, SIZE) == SIZE && memcmp(got, data, SIZE) == 0 ? 0 : 1);
	}
	interruptions(1);
	r = write_full(p[1], data, SIZE);
	close(p[1]);
	while (waitpid(pid, &status, 0) == -1)
		continue;
	interruptions(0);
	assert_int_equal(r, 0);
	assert_int_equal(status, 0);
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_equal(write_full(fd, "x", 1), -ENOSPC);
	assert_int_equal(pwrite_full(fd, "x", 1, 0), -ENOSPC);
	close(fd);
	close(p[0]);
	free(data);
	free(got);
}

static void
test_pread_pwrite(void **state)
{
	int fd = temp_file();
	char got[16];

	(void)state;
	assert_int_equal(pwrite_full(fd, "hello", 5, 3), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(pread_full(fd, got, sizeof(got), 0), 8);
	assert_memory_equal(got, "\0\0\0hello", 8);
	assert_int_equal(pread_full(fd, got, 2, 4), 2);
	assert_memory_equal(got, "el", 2);
	assert_int_equal(pread_full(fd, got, 2, 100), 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	close(fd);
	assert_int_equal(pread_full(fd, got, 1, 0), -EBADF);
	assert_int_equal(pwrite_full(fd, got, 1, 0), -EBADF);
}

static void
test_close_fd(void **state)
{
	int fd = temp_file(), copy = fd;

	(void)state;
	errno = EXDEV;
	close_fd(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(fcntl(copy, F_GETFD), -1);
	errno = EXDEV;
	close_fd(&fd);
	assert_int_equal(errno, EXDEV);
	fd = copy;		/* closed: close(2) fails */
	errno = EXDEV;
	close_fd(&fd);
	assert_int_equal(errno, EXDEV);
}

static void
test_read_file_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 9000, 100000 };
	char *data = malloc(100000), *got;
	size_t i, n, len;
	int fd;

	(void)state;
	memset(data, 'd', 100000);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		n = sizes[i];
		fd = temp_file();
		assert_int_equal(write_full(fd, data, n), 0);
		lseek(fd, 0, SEEK_SET);
		assert_int_equal(read_file(fd, n, &got, &len), 0);
		assert_int_equal(len, n);
		assert_memory_equal(got, data, n);
		assert_int_equal(got[n], '\0');
		free(got);
		lseek(fd, 0, SEEK_SET);
		assert_int_equal(read_file(fd, 1000000, &got, &len), 0);
		assert_int_equal(len, n);
		free(got);
		if (n > 0) {
			lseek(fd, 0, SEEK_SET);
			assert_int_equal(read_file(fd, n - 1, &got, &len), -EFBIG);
		}
		close(fd);
	}
	free(data);
}

/* Files that do not tell their size: a pipe in pieces, and /proc. */
static void
test_read_file_streams(void **state)
{
	int p[2], fd, status;
	char *got;
	size_t len;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = slow_writer(p);
	close(p[1]);
	assert_int_equal(read_file(p[0], 3, &got, &len), 0);
	assert_string_equal(got, "abc");
	free(got);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(p[0]);
	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read_file(fd, 100, &got, &len), -EFBIG);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(read_file(fd, 65536, &got, &len), 0);
	assert_true(len > 100 && strncmp(got, "Name:", 5) == 0);
	free(got);
	close(fd);
	assert_int_equal(read_file(fd, 100, &got, &len), -EBADF);
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(read_file(fd, 100, &got, &len), -EISDIR);
	close(fd);
}

static int
child_close_from(void)
{
	int a = fcntl(STDIN_FILENO, F_DUPFD, 50), b = fcntl(STDIN_FILENO, F_DUPFD, 900);

	if (a != 50 || b != 900 || close_from(51) != 0)
		return (1);
	if (fcntl(50, F_GETFD) == -1 || fcntl(900, F_GETFD) != -1)
		return (2);
	if (close_from(3) != 0 || fcntl(50, F_GETFD) != -1 || fcntl(2, F_GETFD) == -1)
		return (3);
	return (0);
}

static void
test_close_from(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_close_from), 0);
	assert_int_equal(close_from(-1), -EBADF);
}

/* Each of the eight ways in which 0, 1, 2 may be closed. */
static int
child_sanitise(void)
{
	struct stat null, st;
	int mask, fd;

	if (stat("/dev/null", &null) == -1 || close_from(3) != 0)
		return (1);
	for (mask = 0; mask < 8; mask++) {
		for (fd = 0; fd < 3; fd++)
			if ((mask & (1 << fd)) != 0)
				close(fd);
		if (sanitise_stdfd() != 0)
			return (2);
		for (fd = 0; fd < 3; fd++) {
			if (fstat(fd, &st) == -1)
				return (3);
			if ((mask & (1 << fd)) != 0 && st.st_rdev != null.st_rdev)
				return (4);
			if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0)
				return (5);
		}
		if (fcntl(3, F_GETFD) != -1)
			return (6);
	}
	return (0);
}

static void
test_sanitise_stdfd(void **state)
{
	(void)state;
	assert_int_equal(in_child(child_sanitise), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_full),
		cmocka_unit_test(test_write_full),
		cmocka_unit_test(test_pread_pwrite),
		cmocka_unit_test(test_close_fd),
		cmocka_unit_test(test_read_file_sizes),
		cmocka_unit_test(test_read_file_streams),
		cmocka_unit_test(test_close_from),
		cmocka_unit_test(test_fds_scarce),
		cmocka_unit_test(test_sanitise_stdfd),
	};

	return (cmocka_run_group_tests_name("fdio", tests, NULL, NULL));
}
