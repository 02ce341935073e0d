/* SPDX-License-Identifier: ISC */

/*
 * common/sandbox. What cannot be undone is done in children; each tells by its
 * exit status, or by the signal that ends it, what became of it.
 */

#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/securebits.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/msg.h"
#include "common/sandbox.h"

#define UID	54321
#define GID	54322

static char dir[512];

/* The wait status of a child that runs fn and exits with what it returns. */
static int
in_child(int (*fn)(void))
{
	struct rlimit core;
	pid_t pid = fork();
	int status;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		getrlimit(RLIMIT_CORE, &core);
		core.rlim_cur = 0;
		setrlimit(RLIMIT_CORE, &core);
		signal(SIGSYS, SIG_IGN);	/* a filter's kill does not care */
		signal(SIGSEGV, SIG_DFL);
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return (status);
}

static void
exits(int (*fn)(void), int want)
{
	int status = in_child(fn);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != want)
		fail_msg("wait status %#x, not exit %d", (unsigned int)status, want);
}

static void
is_killed(int (*fn)(void))
{
	int status = in_child(fn);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		fail_msg("wait status %#x, not SIGSYS", (unsigned int)status);
}

static void
need_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* --- sandbox_no_fd_passing --- */

static int
call_sendmsg(void)
{
	struct msghdr mh = { 0 };

	return (sendmsg(-1, &mh, 0) == -1 && errno == EBADF ? 0 : 1);
}

static int
call_sendmmsg(void)
{
	struct mmsghdr mh = { 0 };

	return (sendmmsg(-1, &mh, 1, 0) == -1 && errno == EBADF ? 0 : 1);
}

static int
call_linger(void)
{
	struct linger l = { 1, 100 };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	return (setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof(l)) == 0 ? 0 : 1);
}

/* The kernel takes only the low halves of these. */
static int
call_linger_high_bits(void)
{
	struct linger l = { 1, 100 };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	return (syscall(SYS_setsockopt, s, SOL_SOCKET | 1L << 32, SO_LINGER | 1L << 40, &l,
		    sizeof(l)) != 0);
}

static int
call_io_uring(void)
{
	/* Refused for its argument, or by the host, but not by a signal. */
	return (syscall(SYS_io_uring_setup, 1, NULL) == -1 ? 0 : 1);
}

static int
call_io_uring_enter(void)
{
	return (syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0) == -1 ? 0 : 1);
}

static int
call_io_uring_register(void)
{
	return (syscall(SYS_io_uring_register, -1, 0, NULL, 0) == -1 ? 0 : 1);
}

#ifdef __x86_64__
static int
call_x32(void)
{
	syscall(0x40000000L | SYS_getpid);
	return (0);
}

/* getpid(2) as an i386 program calls it. */
static int
call_i386(void)
{
	long n = 20;

	__asm__ volatile("int $0x80"
			 : "+a"(n)
			 :
			 : "memory", "r8", "r9", "r10", "r11");
	return (n == getpid() ? 0 : 1);
}
#endif

static const struct call {
	const char *name;
	int (*fn)(void);
} forbidden[] = {
	{ "sendmsg", call_sendmsg },
	{ "sendmmsg", call_sendmmsg },
	{ "SO_LINGER", call_linger },
	{ "SO_LINGER with high bits", call_linger_high_bits },
	{ "io_uring_setup", call_io_uring },
	{ "io_uring_enter", call_io_uring_enter },
	{ "io_uring_register", call_io_uring_register },
#ifdef __x86_64__
	{ "x32", call_x32 },
#endif
};

static int (*filtered_call)(void);

static int
filtered(void)
{
	if (sandbox_no_fd_passing() != 0)
		return (100);
	return (filtered_call());
}

static void
test_forbidden_calls(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		print_message("%s\n", forbidden[i].name);
		exits(forbidden[i].fn, 0);	/* without the filter: an error at most */
		filtered_call = forbidden[i].fn;
		is_killed(filtered);
	}
}

static void
test_i386(void **state)
{
	(void)state;
#ifdef __x86_64__
	if (in_child(call_i386) != 0)
		skip();			/* this kernel runs no i386 calls */
	filtered_call = call_i386;
	is_killed(filtered);
#else
	skip();
#endif
}

/* A filter holds in the children of the process, too. */
static int
grandchild_sends(void)
{
	int status;
	pid_t pid;

	if (sandbox_no_fd_passing() != 0)
		return (1);
	if ((pid = fork()) == 0)
		_exit(call_sendmsg());
	if (waitpid(pid, &status, 0) != pid)
		return (2);
	return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? 0 : 3);
}

/* All that netd does with its sockets still works, taking descriptors included. */
static int
allowed_calls(void)
{
	static struct msg m;
	int fds[2], on = 1, s = socket(AF_INET, SOCK_STREAM, 0);

	if (msg_pair(fds) != 0 || msg_send_fds(fds[1], 2, 0, NULL, &s, 1) != 0)
		return (1);
	if (sandbox_no_fd_passing() != 0)
		return (2);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return (3);
	if (msg_recv(fds[0], &m, 1) != 0 || m.nfds != 1)
		return (4);
	if (msg_send(fds[0], 1, 0, NULL) != 0 || msg_recv(fds[1], &m, 0) != 0 || m.type != 1)
		return (5);
	/* The same number as SO_LINGER at another level, and another option. */
	if (setsockopt(s, IPPROTO_TCP, SO_LINGER, "reno", 4) == -1 && errno != ENOENT)
		return (6);
	if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		return (7);
	if (getpid() <= 0 || write(fds[0], "12345678", 8) != 8)
		return (8);
	return (0);
}

static void
test_allowed_calls(void **state)
{
	(void)state;
	exits(allowed_calls, 0);
	exits(grandchild_sends, 0);
}

/* --- sandbox_drop_to --- */

static int
status_has(const char *line)
{
	char text[8192];
	ssize_t n;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	if (fd == -1 || (n = read(fd, text, sizeof(text) - 1)) <= 0)
		return (0);
	close(fd);
	text[n] = '\0';
	return (strstr(text, line) != NULL);
}

static int
nothing_is_left(void)
{
	static const char *const lines[] = {
		"\nUid:\t54321\t54321\t54321\t54321\n", "\nGid:\t54322\t54322\t54322\t54322\n",
		"\nCapInh:\t0000000000000000\n", "\nCapPrm:\t0000000000000000\n",
		"\nCapEff:\t0000000000000000\n", "\nCapBnd:\t0000000000000000\n",
		"\nCapAmb:\t0000000000000000\n"
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (!status_has(lines[i]))
			return (10 + (int)i);
	if (getgroups(0, NULL) != 0)
		return (20);
	if (setuid(0) != -1 || seteuid(0) != -1 || setgid(0) != -1)
		return (21);
	if (open("/proc/1/environ", O_RDONLY | O_CLOEXEC) != -1)
		return (22);
	return (0);
}

static int
drop(void)
{
	const gid_t groups[] = { 0, 1, 2 };

	if (setgroups(3, groups) == -1)
		return (1);
	if (sandbox_drop_to(UID, GID) != 0)
		return (2);
	return (nothing_is_left());
}

/* Whoever possesses a keyring may read what is in it, of whatever uid he is. */
static int
drop_with_keys(void)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) == -1)
		return (errno == ENOSYS ? 0 : 1);
	if (syscall(SYS_add_key, "user", "telepilot-test", "x", (size_t)1,
	    KEY_SPEC_SESSION_KEYRING) == -1)
		return (2);
	if (sandbox_drop_to(UID, GID) != 0)
		return (3);
	return (syscall(SYS_request_key, "user", "telepilot-test", NULL, 0) == -1 ? 0 : 4);
}

/* Capabilities that the change of uid alone would leave. */
static int
drop_with_kept_capabilities(void)
{
	cap_t caps;
	cap_value_t v = CAP_CHOWN;

	if (prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP, 0, 0, 0) == -1)
		return (1);
	if ((caps = cap_get_proc()) == NULL ||
	    cap_set_flag(caps, CAP_INHERITABLE, 1, &v, CAP_SET) == -1 ||
	    cap_set_proc(caps) == -1 || cap_set_ambient(v, CAP_SET) == -1)
		return (2);
	cap_free(caps);
	if (sandbox_drop_to(UID, GID) != 0)
		return (3);
	return (nothing_is_left());
}

static int
never_to_root(void)
{
	static const struct {
		uid_t uid;
		gid_t gid;
	} bad[] = {
		{ 0, 0 }, { 0, GID }, { UID, 0 }, { (uid_t)-1, GID }, { UID, (gid_t)-1 }
	};
	const gid_t gid = getegid();
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (sandbox_drop_to(bad[i].uid, bad[i].gid) != -EPERM)
			return (1 + (int)i);
		/* Nothing was changed. */
		if (getegid() != gid || !status_has("\nUid:\t0\t0\t0\t0\n"))
			return (11 + (int)i);
	}
	return (0);
}

/* Who may not, is told so. */
static int
drop_without_right(void)
{
	cap_t none = cap_init();

	if (none == NULL || cap_set_proc(none) == -1)
		return (1);
	return (sandbox_drop_to(UID, GID) == -EPERM ? 0 : 2);
}

static void
test_drop(void **state)
{
	(void)state;
	need_root();
	exits(drop, 0);
	exits(drop_with_kept_capabilities, 0);
	exits(drop_with_keys, 0);
}

static void
test_drop_refuses(void **state)
{
	(void)state;
	need_root();
	exits(never_to_root, 0);
	exits(drop_without_right, 0);
}

/* --- sandbox_chroot --- */

static int
make_dir(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof(dir), "%s/telepilot-sandbox-XXXXXX", tmp != NULL ? tmp : "/tmp");
	return (mkdtemp(dir) != NULL && chmod(dir, 0755) == 0 ? 0 : -1);
}

static int
remove_dir(void **state)
{
	char name[600];

	(void)state;
	snprintf(name, sizeof(name), "%s/file", dir);
	unlink(name);
	return (rmdir(dir));
}

static int
enter(void)
{
	char cwd[64];
	int fd;

	if (sandbox_chroot(dir) != 0)
		return (1);
	if (getcwd(cwd, sizeof(cwd)) == NULL || strcmp(cwd, "/") != 0)
		return (2);
	if (open("/proc", O_RDONLY | O_CLOEXEC) != -1 || open("/etc", O_RDONLY | O_CLOEXEC) != -1)
		return (3);
	/* Only 0, 1, 2 may be open: no directory to climb out of. */
	for (fd = 3; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) != -1)
			return (4);
	return (0);
}

static int
close_all_and_enter(void)
{
	return (close_range(3, ~0U, 0) == 0 ? enter() : 5);
}

static int
enter_error(void)
{
	int r = sandbox_chroot(dir);

	/* Refused, and nothing was done. */
	return (access("/proc/self", F_OK) == 0 ? -r : 255);
}

static void
test_chroot(void **state)
{
	(void)state;
	need_root();
	exits(close_all_and_enter, 0);
}

static void
test_chroot_refuses(void **state)
{
	char name[600], kept[256];
	int fd;

	(void)state;
	need_root();
	assert_int_equal(chmod(dir, 0775), 0);
	exits(enter_error, EPERM);
	assert_int_equal(chmod(dir, 01757), 0);
	exits(enter_error, EPERM);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chown(dir, UID, 0), 0);
	exits(enter_error, EPERM);
	assert_int_equal(chown(dir, 0, 0), 0);

	snprintf(name, sizeof(name), "%s/file", dir);
	assert_int_not_equal(fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600), -1);
	close(fd);
	exits(enter_error, ENOTEMPTY);
	assert_int_equal(unlink(name), 0);

	assert_true(strlen(dir) < sizeof(kept));
	memcpy(kept, dir, strlen(dir) + 1);
	snprintf(dir, sizeof(dir), "%s.link", kept);
	assert_int_equal(symlink(kept, dir), 0);
	exits(enter_error, ENOTDIR);		/* O_DIRECTORY on a link that is not followed */
	assert_int_equal(unlink(dir), 0);
	exits(enter_error, ENOENT);
	memcpy(dir, kept, strlen(kept) + 1);
}

/* "." for a directory whose parents may be closed to the new user. */
static int
enter_without_right(void)
{
	if (chdir(dir) == -1 || sandbox_drop_to(UID, GID) != 0)
		return (255);
	memcpy(dir, ".", 2);
	return (enter_error());
}

static void
test_chroot_without_right(void **state)
{
	(void)state;
	need_root();
	exits(enter_without_right, EPERM);
}

/* --- sandbox_harden --- */

static int
harden(void)
{
	struct rlimit core = { 4096, 4096 };
	int sig = 0;

	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &core);		/* fails if there is less already */
	if (sandbox_harden() != 0)
		return (1);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return (2);
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return (3);
	if (prctl(PR_GET_PDEATHSIG, &sig, 0, 0, 0) != 0 || sig != SIGKILL)
		return (4);
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0)
		return (5);
	return (0);
}

static void
test_harden(void **state)
{
	(void)state;
	exits(harden, 0);
}

/* A parent that goes takes its hardened child with it: the pipe's last writer is gone. */
static void
test_child_dies_with_its_parent(void **state)
{
	int p[2], status;
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	if ((pid = fork()) == 0) {
		if (fork() == 0) {
			if (sandbox_harden() != 0 || write(p[1], "r", 1) != 1)
				_exit(1);
			sleep(60);
			if (write(p[1], "alive", 5) != 5)
				_exit(2);
			_exit(0);
		}
		/* Stay until the child is hardened. */
		if (read(p[0], &c, 1) != 1 || c != 'r')
			_exit(1);
		_exit(0);
	}
	close(p[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	alarm(20);
	assert_int_equal(read(p[0], &c, 1), 0);
	alarm(0);
	close(p[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forbidden_calls),
		cmocka_unit_test(test_i386),
		cmocka_unit_test(test_allowed_calls),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_drop_refuses),
		cmocka_unit_test_setup_teardown(test_chroot, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_chroot_refuses, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_chroot_without_right, make_dir, remove_dir),
		cmocka_unit_test(test_harden),
		cmocka_unit_test(test_child_dies_with_its_parent)
	};

	return (cmocka_run_group_tests_name("sandbox", tests, NULL, NULL));
}
