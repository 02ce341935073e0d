/* SPDX-License-Identifier: ISC */

/*
 * The spawner up to the exec, and what a job is then: what is refused, what
 * fails and how that is told, namespaces, ids, descriptors, environment.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fdio.h"
#include "regress/unit/spawner_rig.h"

/* --- running --- */

static void
test_echo(void **state)
{
	static const char *const argv[] = { "echo", "Hello", NULL };
	struct job *j = job_new(argv);

	(void)state;
	job_start(j);
	job_finish(j);
	assert_string_equal(j->out, "Hello\n");
	assert_int_equal(j->nerr, 0);
	assert_int_equal(j->wait_status, 0);
	assert_int_equal(j->oom, 0);
	assert_int_not_equal(j->usage.cpu_usec, USAGE_UNKNOWN);
	assert_int_equal(j->usage.memory_bytes, USAGE_UNKNOWN);
	assert_int_equal(j->usage.output_dropped, 0);
	job_free(j);
}

static void
test_status_and_streams(void **state)
{
	struct job *j = job_sh("printf out; printf err >&2; exit 7");

	(void)state;
	job_start(j);
	job_finish(j);
	assert_string_equal(j->out, "out");
	assert_string_equal(j->err, "err");
	assert_true(WIFEXITED((int)j->wait_status));
	assert_int_equal(WEXITSTATUS((int)j->wait_status), 7);
	job_free(j);

	j = job_sh("printf out; printf err >&2; kill -KILL $$; exec sleep 100");
	j->spec.job.merge_output = true;
	job_start(j);
	/* pid 1 cannot kill itself: its cgroup does. */
	usleep(200000);
	close(j->control);
	j->control = -1;
	reap(j, 0);
	check_end_file(j, NULL, 0);
	read_output(j);
	assert_string_equal(j->out, "outerr");
	assert_int_equal(j->nerr, 0);
	assert_true(WIFSIGNALED((int)j->wait_status));
	assert_int_equal(WTERMSIG((int)j->wait_status), SIGKILL);
	job_free(j);
}

static void
test_binary_output(void **state)
{
	static const char *const argv[] = { "head", "-c", "250000", "/bin/bash", NULL };
	static char want[250000];
	struct job *j = job_new(argv);
	int fd = open("/bin/bash", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(read_full(fd, want, sizeof(want)), sizeof(want));
	close(fd);
	job_start(j);
	job_finish(j);
	assert_int_equal(j->nout, sizeof(want));
	assert_memory_equal(j->out, want, sizeof(want));
	job_free(j);
}

/* Whatever pid 1 leaves behind ends with it. */
static void
test_background_process(void **state)
{
	(void)state;
	expect_sh("sleep 1000 & echo left", "left\n");
}

static void
expect_exec_failure(const char *name, const char *stage, int error)
{
	const char *argv[] = { name, NULL };
	struct job *j = job_new(argv);

	job_spawn(j);
	expect_msg(j, SPAWN_CLONED);
	assert_int_equal(msg_send(j->control, SPAWN_GO, 0, NULL), 0);
	expect_failed(j, stage, error);
	reap(j, 1);
	assert_false(populated(j));
	job_free(j);
}

static void
test_exec_failure(void **state)
{
	(void)state;
	expect_exec_failure("/bin/nope", "exec /bin/nope", ENOENT);
	expect_exec_failure("no-such-command", "exec no-such-command", ENOENT);
	expect_exec_failure("/etc/passwd", "exec /etc/passwd", EACCES);
	expect_exec_failure("/etc", "exec /etc", EACCES);
}

static void
test_workdir(void **state)
{
	struct job *j = job_sh("pwd");

	(void)state;
	j->spec.job.workdir = strdup("/usr/bin");
	job_start(j);
	job_finish(j);
	assert_string_equal(j->out, "/usr/bin\n");
	job_free(j);

	j = job_sh("pwd");
	j->spec.job.workdir = strdup("/nowhere");
	job_spawn(j);
	expect_msg(j, SPAWN_CLONED);
	assert_int_equal(msg_send(j->control, SPAWN_GO, 0, NULL), 0);
	expect_failed(j, "chdir /nowhere", ENOENT);
	reap(j, 1);
	job_free(j);
}

static void
expect_refused(struct job *j, int error)
{
	job_spawn(j);
	expect_failed(j, "receive the job", error);
	reap(j, 1);
	job_free(j);
}

static void
test_refused_specs(void **state)
{
	struct job *j;

	(void)state;
	j = job_sh("id");
	j->spec.uid = 0;
	expect_refused(j, EPERM);
	j = job_sh("id");
	j->spec.gid = 0;
	expect_refused(j, EPERM);
	j = job_sh("id");
	j->spec.sup_uid = 0;
	expect_refused(j, EPERM);
	j = job_sh("id");
	j->spec.sup_uid = OWNER;
	expect_refused(j, EPERM);
	/* A role twice, one missing, one more descriptor than roles, a used file. */
	j = job_sh("id");
	add_role(j, ROLE_CPU_STAT, dup(j->fds[0]));
	expect_refused(j, EBADMSG);
	j = job_sh("id");
	close(j->fds[--j->spec.nroles]);
	j->spec.roles[j->spec.nroles - 1] = ROLE_PIDS_CURRENT;
	expect_refused(j, EBADMSG);
	j = job_sh("id");
	assert_int_equal(write(j->output, "x", 1), 1);
	expect_refused(j, EINVAL);
}

/* A stop before GO: the cgroup is killed, and the monitor hears that nothing ran. */
static void
test_killed_before_exec(void **state)
{
	struct job *j = job_sh("echo never");
	int kill_fd = open_in(j->cgroup, "cgroup.kill", O_WRONLY);

	(void)state;
	job_spawn(j);
	expect_msg(j, SPAWN_CLONED);
	assert_int_equal(write(kill_fd, "1", 1), 1);
	close(kill_fd);
	while (populated(j))
		usleep(1000);
	assert_int_equal(msg_send(j->control, SPAWN_GO, 0, NULL), 0);
	assert_int_equal(receive(j), 0);
	assert_int_equal(j->m.type, SPAWN_FAILED);
	reap(j, 1);
	read_output(j);
	assert_int_equal(j->nout, 0);
	job_free(j);
}

/* --- what the job is --- */

static void
test_namespaces(void **state)
{
	(void)state;
	/* Itself, ls and wc are all the processes that it sees. */
	expect_sh("echo $$; ls -d /proc/[0-9]* | wc -l", "1\n3\n");
	expect_sh("grep ^0: /proc/self/cgroup", "0::/\n");
}

/* None of the seven is ours. */
static void
test_namespaces_are_others(void **state)
{
	static const char *const names[] = { "user", "pid", "mnt", "net", "ipc", "uts", "cgroup" };
	char path[64], ours[64], theirs[64];
	struct job *j = job_sh("exec sleep 1000");
	pid_t pid;
	size_t i;

	(void)state;
	job_start(j);
	pid = job_pid(j);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		memset(ours, 0, sizeof(ours));
		memset(theirs, 0, sizeof(theirs));
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		assert_true(readlink(path, ours, sizeof(ours) - 1) > 0);
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, names[i]);
		assert_true(readlink(path, theirs, sizeof(theirs) - 1) > 0);
		assert_string_not_equal(ours, theirs);
	}
	close(j->control);
	j->control = -1;
	reap(j, 0);
	job_free(j);
}

static void
test_ids(void **state)
{
	static const char show[] =
	    "id -u; id -g; tr -s ' ' </proc/self/uid_map; tr -s ' ' </proc/self/gid_map; "
	    "cat /proc/self/setgroups; grep Groups: /proc/self/status | tr -d '\\t '";
	char dir[] = "/tmp/telepilot-test-XXXXXX", script[512], file[64];
	struct job *j;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0777), 0);
	snprintf(file, sizeof(file), "%s/made", dir);
	snprintf(script, sizeof(script), "touch %s; %s", file, show);
	j = job_sh(script);
	job_start(j);
	job_finish(j);
	assert_string_equal(j->out,
	    "0\n0\n 0 1900000000 1\n 0 1900000001 1\ndeny\nGroups:\n");
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_uid, OWNER);
	assert_int_equal(st.st_gid, OWNER_GROUP);
	/* Group 0 is gone, too. */
	assert_int_equal(chown(file, 0, 0), 0);
	assert_int_equal(chmod(file, 0040), 0);
	job_free(j);
	snprintf(script, sizeof(script), "cat %s 2>/dev/null || echo shut", file);
	expect_sh(script, "shut\n");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_descriptors(void **state)
{
	(void)state;
	expect_sh("ls /proc/1/fd; readlink /proc/1/fd/0; :", "0\n1\n2\n/dev/null\n");
	expect_sh("cat; echo nothing", "nothing\n");
	expect_sh("echo by name >/dev/stdout", "by name\n");
}

static void
test_network(void **state)
{
	(void)state;
	expect_sh("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '", "lo\n");
	/* It is up: the kernel gave it its address. */
	expect_sh("grep -c 127.0.0.1 /proc/net/fib_trie", "2\n");
}

static void
test_environment(void **state)
{
	static const char form[] =
	    "GREETING=hello\nHOME=/\nLANG=C.UTF-8\nLOGNAME=alice\n"
	    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
	    "SHELL=/bin/sh\nTELEPILOT_JOB_ID=%s\nUSER=alice\n";
	struct job *j = job_sh("env | grep -v ^PWD= | sort");
	char id[UUID_STRLEN + 1], want[512];

	(void)state;
	uuid_format(&j->spec.id, id);
	snprintf(want, sizeof(want), form, id);
	setenv("TELEPILOT_TEST_SECRET", "leaks", 1);
	job_start(j);
	unsetenv("TELEPILOT_TEST_SECRET");
	job_finish(j);
	assert_string_equal(j->out, want);
	job_free(j);
}

static void
test_process_state(void **state)
{
	struct { void *handler; unsigned long rest[4]; } ignore = { .handler = SIG_IGN };
	int sig;

	(void)state;
	/* Whoever started the daemon may have ignored any, those that glibc hides as well. */
	for (sig = 1; sig <= 64; sig++)
		if (sig != SIGCHLD && sig != SIGALRM)
			(void)syscall(SYS_rt_sigaction, sig, &ignore, NULL, (size_t)8);
	expect_sh("grep -E '^(SigBlk|SigIgn|NoNewPrivs):' /proc/1/status | tr -d '\\t'",
	    "SigBlk:0000000000000000\nSigIgn:0000000000000000\nNoNewPrivs:1\n");
	expect_sh("umask; ulimit -c; ulimit -Sn", "0022\n0\n1024\n");
}

/*
 * A key in the daemon's session keyring: whoever possesses the keyring reads it.
 * Before: a job did, and all jobs shared the keyring with it.
 */
static void
test_keys(void **state)
{
	char script[256];

	(void)state;
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) == -1) {
		assert_int_equal(errno, ENOSYS);
		return;
	}
	assert_true(syscall(SYS_add_key, "user", "telepilot-test", "secret", (size_t)6,
	    KEY_SPEC_SESSION_KEYRING) > 0);
	snprintf(script, sizeof(script), "exec /usr/bin/python3 -c 'import ctypes;"
	    "print(ctypes.CDLL(None).syscall(%d, b\"user\", b\"telepilot-test\", None, 0))'",
	    (int)SYS_request_key);
	expect_sh(script, "-1\n");
	assert_true(syscall(SYS_request_key, "user", "telepilot-test", NULL, 0) > 0);
}

/* What spares the daemon when memory runs out is not passed on; all else is. */
static void
test_oom_score(void **state)
{
	char text[16] = "";
	int fd;

	(void)state;
	assert_true((fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC)) != -1);
	assert_true(read_full(fd, text, sizeof(text) - 1) > 0);
	if (text[0] == '0') {		/* to less only with CAP_SYS_RESOURCE */
		if (pwrite(fd, "-500", 4, 0) == 4)
			expect_sh("cat /proc/self/oom_score_adj", "0\n");
		assert_int_equal(pwrite(fd, "0", 1, 0), 1);
	}
	expect_sh("cat /proc/self/oom_score_adj", text[0] == '-' ? "0\n" : text);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_status_and_streams),
		cmocka_unit_test(test_binary_output),
		cmocka_unit_test(test_background_process),
		cmocka_unit_test(test_exec_failure),
		cmocka_unit_test(test_workdir),
		cmocka_unit_test(test_refused_specs),
		cmocka_unit_test(test_killed_before_exec),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_namespaces_are_others),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_process_state),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_oom_score),
	};

	return (cmocka_run_group_tests_name("spawner", tests, rig_setup, rig_teardown));
}
