/* SPDX-License-Identifier: ISC */

/*
 * The supervisor, from the exec to the end: what it is, what it does when the
 * monitor, a follower, the disk or a process outside does not behave, and how
 * it tells of running out of memory.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "regress/unit/spawner_rig.h"

/* A supervisor's private memory; what the sanitizers take is not its fault. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define PRIVATE_MAX_KIB	1048576
#else
#define PRIVATE_MAX_KIB	1023
#endif

#define WAIT_MS		10000	/* for what must come, on a busy machine */

/* --- what the supervisor is --- */

static void
line_of(pid_t pid, const char *name, char *value, size_t size)
{
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	value[0] = '\0';
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(value, size, "%s", line + strlen(name));
		}
	fclose(f);
}

static void
expect_line(pid_t pid, const char *name, const char *want)
{
	char value[512];

	line_of(pid, name, value, sizeof(value));
	assert_string_equal(value, want);
}

/* Nothing but what it must have: no directory, no socket but the monitor's. */
static void
check_descriptors(pid_t pid)
{
	char dir[64], target[PATH_MAX];
	struct dirent *e;
	struct stat st;
	size_t sockets = 0, total = 0;
	DIR *d;

	snprintf(dir, sizeof(dir), "/proc/%d/fd", (int)pid);
	d = opendir(dir);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		assert_int_equal(fstatat(dirfd(d), e->d_name, &st, 0), 0);
		memset(target, 0, sizeof(target));
		assert_true(readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1) > 0);
		assert_false(S_ISDIR(st.st_mode));
		sockets += S_ISSOCK(st.st_mode);
		if (strlen(e->d_name) == 1 && e->d_name[0] <= '2')
			assert_string_equal(target, "/dev/null");
		total++;
	}
	closedir(d);
	assert_int_equal(sockets, 1);
	/* 0-2, control, null, output, index, end, two pipes, pidfd, kill, events, cpu.stat */
	assert_int_equal(total, 14);
}

static uint64_t
private_kib(pid_t pid)
{
	char path[64], line[256];
	uint64_t sum = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "Private_", 8) == 0)
			sum += strtoul(line + strcspn(line, "0123456789"), NULL, 10);
	fclose(f);
	return (sum);
}

static void
test_supervisor(void **state)
{
	struct job *j = job_sh("exec sleep 1000");

	(void)state;
	job_start(j);
	expect_line(j->pid, "Uid:", "\t1900065535\t1900065535\t1900065535\t1900065535");
	expect_line(j->pid, "Gid:", "\t1900065535\t1900065535\t1900065535\t1900065535");
	expect_line(j->pid, "Groups:", "\t ");
	expect_line(j->pid, "CapInh:", "\t0000000000000000");
	expect_line(j->pid, "CapPrm:", "\t0000000000000000");
	expect_line(j->pid, "CapEff:", "\t0000000000000000");
	expect_line(j->pid, "CapBnd:", "\t0000000000000000");
	expect_line(j->pid, "CapAmb:", "\t0000000000000000");
	expect_line(j->pid, "NoNewPrivs:", "\t1");
	check_descriptors(j->pid);
	assert_in_range(private_kib(j->pid), 1, PRIVATE_MAX_KIB);
	/* A signal of another process of its own uid does nothing. */
	assert_int_equal(kill(j->pid, SIGTERM), 0);
	assert_int_equal(kill(j->pid, SIGHUP), 0);
	usleep(50000);
	assert_true(populated(j));
	close(j->control);
	j->control = -1;
	reap(j, 0);
	job_free(j);
}

/*
 * A process in the job's cgroup that is not in its pid namespace outlives pid
 * 1: the end waits for it, and does not wait for ever.
 */
static void
test_lingering_process(void **state)
{
	struct job *j = job_sh("sleep 0.1");
	struct timespec began, ended;
	char text[16];
	int64_t took;
	int status;
	pid_t pid;

	(void)state;
	job_start(j);
	if ((pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(j->control);
		for (;;)
			pause();
	}
	snprintf(text, sizeof(text), "%d", (int)pid);
	write_text(j->cgroup, "cgroup.procs", text);
	clock_gettime(CLOCK_MONOTONIC, &began);
	job_finish(j);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	took = (ended.tv_sec - began.tv_sec) * 1000;
	took += (ended.tv_nsec - began.tv_nsec) / 1000000;
	assert_in_range(took, 900, 5000);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(j->wait_status, 0);
	job_free(j);
}

static void
test_monitor_gone(void **state)
{
	static const char script[] =
	    "trap '' TERM HUP INT; sleep 1000 & echo up; while :; do sleep 1000; done";
	struct job *j = job_sh(script);

	(void)state;
	job_start(j);
	do {
		usleep(10000);
		read_output(j);
	} while (j->nout == 0);
	assert_false(j->ended);
	close(j->control);
	j->control = -1;
	reap(j, 0);
	assert_false(populated(j));
	read_output(j);
	assert_true(j->ended);
	assert_string_equal(j->out, "up\n");
	check_end_file(j, NULL, 0);
	assert_int_equal(WTERMSIG((int)j->wait_status), SIGKILL);
	job_free(j);
}

/* Before GO, too: the child that waits does not stay. */
static void
test_monitor_gone_early(void **state)
{
	struct job *j = job_sh("echo never");

	(void)state;
	job_spawn(j);
	expect_msg(j, SPAWN_CLONED);
	close(j->control);
	j->control = -1;
	reap(j, 1);
	assert_false(populated(j));
	job_free(j);
}

/* --- output --- */

static size_t
count_bytes(const struct job *j, char c)
{
	char buf[65536];
	size_t found = 0;
	off_t at = 0;
	ssize_t n, i;

	while ((n = pread(j->output, buf, sizeof(buf), at)) > 0) {
		for (i = 0; i < n; i++)
			found += buf[i] == c;
		at += n;
	}
	return (found);
}

/*
 * A process outside holds the job's stdout, and writes to it without end: the
 * end comes all the same, with all that the job wrote.
 */
static void
test_leaked_stdout(void **state)
{
	struct job *j = job_sh("sleep 0.1; head -c 100000 /dev/zero | tr '\\0' j");
	char path[64], noise[4096];
	pid_t writer;
	int fd;

	(void)state;
	memset(noise, 'n', sizeof(noise));
	job_start(j);
	snprintf(path, sizeof(path), "/proc/%d/fd/1", (int)job_pid(j));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	if ((writer = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(j->control);
		for (;;)
			if (write(fd, noise, sizeof(noise)) == -1)
				_exit(0);
	}
	close(fd);
	expect_msg(j, SPAWN_ENDED);
	reap(j, 0);
	assert_int_equal(kill(writer, SIGKILL) == -1 && errno != ESRCH, 0);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	assert_int_equal(count_bytes(j, 'j'), 100000);
	assert_true(count_bytes(j, 'n') > 0);
	job_free(j);
}

/* The same with a holder that is silent. */
static void
test_leaked_stdout_silent(void **state)
{
	struct job *j = job_sh("sleep 0.2; echo bye");
	char path[64];
	int fd;

	(void)state;
	job_start(j);
	snprintf(path, sizeof(path), "/proc/%d/fd/1", (int)job_pid(j));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	job_finish(j);
	assert_string_equal(j->out, "bye\n");
	close(fd);
	job_free(j);
}

static int
rings(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char byte[64];
	ssize_t n;

	if (poll(&p, 1, WAIT_MS) != 1)
		return (-1);
	n = read(fd, byte, sizeof(byte));
	return (n >= 0 ? (int)n : -errno);
}

/* Sends the write end (or, wrongly, the read end); the other is returned. */
static int
send_doorbell(struct job *j, int flags, int end)
{
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fcntl(p[1], F_SETFL, flags), 0);
	assert_int_equal(msg_send_fds(j->control, SPAWN_DOORBELL, 0, NULL, &p[end], 1), 0);
	close(p[end]);
	return (p[!end]);
}

/* The job has written just this, sooner or later. */
static void
wait_output(struct job *j, const char *text)
{
	int ms;

	for (ms = 0; ms < WAIT_MS; ms += 5) {
		read_output(j);
		if (strcmp(j->out, text) == 0)
			return;
		usleep(5000);
	}
	assert_string_equal(j->out, text);
}

/* fd is the write end of a pipe: its reader goes. */
static void
wait_no_reader(int fd)
{
	struct pollfd p = { fd, 0, 0 };

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_true((p.revents & POLLERR) != 0);
}

/* Writes a line when it is told to. */
static const char obedient[] =
    "trap 'echo first' USR1; trap 'echo last; exit' USR2; echo ready\n"
    "while :; do sleep 0.02; done";

static void
test_doorbells(void **state)
{
	struct job *j = job_sh(obedient);
	int bell, early, blocking, wrong, full[2];
	pid_t pid;

	(void)state;
	job_start(j);
	pid = job_pid(j);
	wait_output(j, "ready\n");
	early = send_doorbell(j, O_NONBLOCK, 1);
	bell = send_doorbell(j, O_NONBLOCK, 1);
	/* One that may block, and a read end, are not taken. */
	blocking = send_doorbell(j, 0, 1);
	wrong = send_doorbell(j, O_NONBLOCK, 0);
	assert_int_equal(rings(blocking), 0);
	wait_no_reader(wrong);
	/* One that is full already holds nobody up. */
	assert_int_equal(pipe2(full, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(full[1], "xxxxxxxx", 8) > 0)
		;
	assert_int_equal(msg_send_fds(j->control, SPAWN_DOORBELL, 0, NULL, &full[1], 1), 0);
	close(full[1]);
	/* It rings at once, then for what is new. */
	assert_int_equal(rings(bell), 1);
	assert_int_equal(rings(early), 1);
	close(early);			/* a follower that leaves */
	assert_int_equal(kill(pid, SIGUSR1), 0);
	assert_int_equal(rings(bell), 1);
	read_output(j);
	assert_string_equal(j->out, "ready\nfirst\n");
	assert_int_equal(kill(pid, SIGUSR2), 0);
	assert_true(rings(bell) >= 1);
	job_finish(j);
	assert_string_equal(j->out, "ready\nfirst\nlast\n");
	while (rings(bell) > 0)		/* for the END record; then it is closed */
		;
	assert_int_equal(rings(bell), 0);
	close(bell);
	close(full[0]);
	close(blocking);
	close(wrong);
	job_free(j);
}

static size_t
count_descriptors(pid_t pid)
{
	char dir[64];
	size_t n;
	DIR *d;

	snprintf(dir, sizeof(dir), "/proc/%d/fd", (int)pid);
	d = opendir(dir);
	assert_non_null(d);
	for (n = 0; readdir(d) != NULL; n++)
		;
	closedir(d);
	return (n);
}

static void
wait_descriptors(pid_t pid, size_t n)
{
	int ms;

	for (ms = 0; count_descriptors(pid) != n && ms < WAIT_MS; ms += 5)
		usleep(5000);
	assert_int_equal(count_descriptors(pid), n);
}

/* It does not run at all for a while; what was under way may end before. */
static void
wait_idle(pid_t pid)
{
	char before[64], after[64];
	int tries;

	for (tries = 0; tries < 10; tries++) {
		line_of(pid, "voluntary_ctxt_switches:", before, sizeof(before));
		usleep(300000);
		line_of(pid, "voluntary_ctxt_switches:", after, sizeof(after));
		if (strcmp(before, after) == 0)
			return;
	}
	fail_msg("the supervisor runs though nothing happens");
}

/* A follower that leaves an idle job is noticed; nothing spins meanwhile. */
static void
test_doorbell_removed_while_idle(void **state)
{
	struct job *j = job_sh("exec sleep 1000");
	size_t base;
	int bell;

	(void)state;
	job_start(j);
	base = count_descriptors(j->pid);
	bell = send_doorbell(j, O_NONBLOCK, 1);
	assert_int_equal(rings(bell), 1);
	assert_int_equal(count_descriptors(j->pid), base + 1);
	close(bell);
	wait_descriptors(j->pid, base);
	wait_idle(j->pid);
	close(j->control);
	j->control = -1;
	reap(j, 0);
	job_free(j);
}

static void
test_log_limit(void **state)
{
	struct job *j = job_sh("head -c 3000000 /dev/zero | tr '\\0' a");
	struct stat st;

	(void)state;
	j->spec.log_max = 131072;
	job_start(j);
	job_finish(j);
	assert_int_equal(j->nout + j->gaps, 3000000);
	assert_in_range(j->nout, 100000, 131072);
	assert_int_equal(strspn(j->out, "a"), j->nout);
	assert_int_equal(fstat(j->output, &st), 0);
	assert_true(st.st_blocks * 512 <= 131072 + 4096);
	job_free(j);
}

/* --- out of memory, where cgroup v1 has the memory controller --- */

/* A child of pid 1 hits the limit; the whole job ends, and says why. */
static void
test_oom_v1(void **state)
{
	char dir[PATH_MAX + 32];
	struct job *j;

	(void)state;
	if (memory_root[0] == '\0')
		skip();
	snprintf(dir, sizeof(dir), "%s/telepilot-test-%d", memory_root, (int)getpid());
	assert_int_equal(mkdir(dir, 0755), 0);
	write_text(dir, "memory.limit_in_bytes", "20971520");
	write_text(dir, "memory.swappiness", "0");
	j = job_sh("sh -c 'x=$(head -c 60000000 /dev/zero | tr \"\\0\" x)'; echo on; sleep 1000");
	add_role(j, ROLE_V1_PROCS, open_in(dir, "cgroup.procs", O_WRONLY));
	add_role(j, ROLE_V1_OOM_CONTROL, open_in(dir, "memory.oom_control", O_RDWR));
	add_role(j, ROLE_V1_EVENT_CONTROL, open_in(dir, "cgroup.event_control", O_WRONLY));
	add_role(j, ROLE_MEMORY_PEAK, open_in(dir, "memory.max_usage_in_bytes", O_RDONLY));
	job_start(j);
	job_finish(j);
	assert_int_equal(j->oom, 1);
	assert_true(WIFSIGNALED((int)j->wait_status));
	assert_in_range(j->usage.memory_peak_bytes, 10000000, 20971520);
	job_free(j);
	remove_group(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_supervisor),
		cmocka_unit_test(test_lingering_process),
		cmocka_unit_test(test_monitor_gone),
		cmocka_unit_test(test_monitor_gone_early),
		cmocka_unit_test(test_leaked_stdout),
		cmocka_unit_test(test_leaked_stdout_silent),
		cmocka_unit_test(test_doorbells),
		cmocka_unit_test(test_doorbell_removed_while_idle),
		cmocka_unit_test(test_log_limit),
		cmocka_unit_test(test_oom_v1),
	};

	return (cmocka_run_group_tests_name("supervisor", tests, rig_setup, rig_teardown));
}
