/* SPDX-License-Identifier: ISC */

/*
 * common/log. stderr is a SEQPACKET socket here, so that what is received is
 * what one write(2) wrote.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/utf8.h"

static int saved_stderr, reading = -1;
static char got[PIPE_BUF + 512];

/* stderr is a socket from here to finish(). */
static void
begin(void)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	saved_stderr = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	reading = fds[0];
}

static void
finish(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
}

/* The next write in got; 0 if there is none. */
static size_t
next(void)
{
	ssize_t n = recv(reading, got, sizeof(got) - 1, MSG_DONTWAIT);

	got[n > 0 ? n : 0] = '\0';
	return (n > 0 ? (size_t)n : 0);
}

static void
wrote(const char *line)
{
	next();
	assert_string_equal(got, line);
	assert_int_equal(next(), 0);
	close(reading);
}

static void
logs(const char *text, const char *line)
{
	begin();
	log_init("netd", 0);
	log_info("%s", text);
	finish();
	wrote(line);
}

static void
test_text(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	logs("hello", "netd: hello\n");
	logs("", "netd: \n");
	begin();
	log_init("telepilotd", 0);
	errno = ENOENT;
	log_error("%d: %m", 7);
	assert_int_equal(errno, ENOENT);
	finish();
	wrote("telepilotd: 7: No such file or directory\n");
}

static void
test_escapes(void **state)
{
	(void)state;
	logs("a\nb\r\tc", "netd: a\\x0ab\\x0d\\x09c\n");
	logs("\x1b[31mred\x7f", "netd: \\x1b[31mred\\x7f\n");
	logs("\n<0>telepilotd: forged", "netd: \\x0a<0>telepilotd: forged\n");
	logs("back\\slash", "netd: back\\\\slash\n");
	logs("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
	    "netd: caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\n");
	logs("\xff\xc3(\xed\xa0\x80", "netd: \\xff\\xc3(\\xed\\xa0\\x80\n");
	/* C1: CSI, and the last of them; the next is a blank. */
	logs("\xc2\x9b[31m \xc2\x9f \xc2\xa0", "netd: \\xc2\\x9b[31m \\xc2\\x9f \xc2\xa0\n");
	logs("cut \xe2\x82", "netd: cut \\xe2\\x82\n");
}

static void
priorities(int verbose, int max, const char *want)
{
	size_t i;

	begin();
	log_init("p", verbose);
	if (max != -1)
		log_set_max(max);
	log_error("e");
	log_warn("w");
	log_at(LOG_NOTICE, "n");
	log_info("i");
	log_debug("d");
	finish();
	for (i = 0; want[i] != '\0'; i++) {
		assert_int_equal(next(), 5);
		assert_int_equal(got[3], want[i]);
	}
	assert_int_equal(next(), 0);
	close(reading);
}

static void
test_priorities(void **state)
{
	(void)state;
	priorities(0, -1, "ewni");
	priorities(1, -1, "ewnid");
	priorities(0, LOG_ERR, "e");
	priorities(1, LOG_WARNING, "ew");
	priorities(0, LOG_DEBUG, "ewnid");
}

/* Too long a line: one write of at most PIPE_BUF bytes, marked, and still UTF-8. */
static void
check_cut(const char *text)
{
	size_t n;

	begin();
	log_init("netd", 0);
	log_info("%s", text);
	finish();
	n = next();
	assert_true(n > PIPE_BUF - 16 && n <= PIPE_BUF);
	assert_string_equal(got + n - 4, "...\n");
	assert_true(strchr(got, '\n') == got + n - 1);
	assert_true(utf8_valid(got, n));
	assert_null(strstr(got, "\\xe2"));
	assert_int_equal(next(), 0);
	close(reading);
}

static void
test_long_lines(void **state)
{
	enum { SIZE = 3 * PIPE_BUF };
	char *text = calloc(1, SIZE + 1), *line = calloc(1, SIZE + 16);
	size_t i, n;

	(void)state;
	/* The longest that is whole, and one byte more. */
	n = PIPE_BUF - strlen("netd: ") - strlen("...\n");
	memset(text, 'x', n);
	snprintf(line, SIZE + 16, "netd: %s\n", text);
	logs(text, line);
	memset(text, 'x', n + 1);
	check_cut(text);
	memset(text, 'x', SIZE);
	check_cut(text);
	memset(text, '\\', SIZE);
	check_cut(text);
	memset(text, '\n', PIPE_BUF / 2);
	text[PIPE_BUF / 2] = '\0';
	check_cut(text);
	for (n = 0; n < 3; n++) {		/* the cut meets each of its three bytes */
		memset(text, 'x', n);
		for (i = n; i + 3 <= SIZE; i += 3)
			memcpy(text + i, "\xe2\x82\xac", 3);
		text[i] = '\0';
		check_cut(text);
	}
	free(text);
	free(line);
}

static void
test_journal(void **state)
{
	struct stat st;
	char stream[64];

	(void)state;
	begin();
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("netd", 1);
	log_error("e");
	log_debug("d\n<0>f");
	finish();
	next();
	assert_string_equal(got, "<3>netd: e\n");
	wrote("<7>netd: d\\x0a<0>f\n");
}

/* It names another stream: stderr was redirected. */
static void
test_not_the_journal(void **state)
{
	static const char *const streams[] = { "", "0:0", "x", "9:99999999999999999999" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		setenv("JOURNAL_STREAM", streams[i], 1);
		logs("x", "netd: x\n");
	}
	unsetenv("JOURNAL_STREAM");
}

static void
test_fatal(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	begin();
	log_init("netd", 0);
	if ((pid = fork()) == 0) {
		/* exit(3) in this copy must not write cmocka's buffers again. */
		fclose(stdout);
		fatal("no %s", "key");
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	finish();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	wrote("netd: no key\n");
}

/* stderr is closed or full: nothing happens, and errno stays. */
static void
test_lost(void **state)
{
	int saved = dup(STDERR_FILENO);

	(void)state;
	close(STDERR_FILENO);
	errno = EXDEV;
	log_error("lost");
	dup2(saved, STDERR_FILENO);
	assert_int_equal(errno, EXDEV);
	close(saved);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_not_the_journal),
		cmocka_unit_test(test_fatal),
		cmocka_unit_test(test_lost),
	};

	return (cmocka_run_group_tests_name("log", tests, NULL, NULL));
}
