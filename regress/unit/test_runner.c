/* SPDX-License-Identifier: ISC */

/*
 * The real runner: the job manager on it, real spawners, a cgroup tree of its
 * own below this process's v2 group. Needs root. BUILD names the directory
 * with telepilot-spawner. This program also is a bad spawner, where a test
 * wants one: then JOURNAL_STREAM, which a spawner inherits, says how.
 */

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

#include "common/ipc.h"
#include "common/joblog.h"
#include "monitor/jobmgr/runner_internal.h"
#include "monitor/runner.h"

#define WAIT_USEC	UINT64_C(20000000)
#define OUTPUT_MAX	65536

struct world {
	sd_event *event;
	char state[64], parent[512];
	int state_fd, spawner_fd;
	struct cgtree *tree;
	struct runner *runner;
	struct jobmgr *mgr;
	struct jobmgr_config config;
	struct status st;
};

/* --- a bad spawner --------------------------------------------------------- */

static void
say(uint16_t type)
{
	(void)msg_send(IPC_FD, type, 0, NULL);
}

static int
bad_spawner(const char *how)
{
	if (how == NULL)
		return (3);
	if (strcmp(how, "no-message") == 0)
		(void)send(IPC_FD, "x", 1, MSG_NOSIGNAL);
	else if (strcmp(how, "unknown") == 0)
		say(999);
	else if (strcmp(how, "early-end") == 0)
		say(SPAWN_ENDED);
	else if (strcmp(how, "nobody-cloned") == 0)
		say(SPAWN_CLONED);
	else if (strcmp(how, "mute") == 0)
		close(IPC_FD);
	else
		return (3);
	pause();
	return (0);
}

/* --- the world ------------------------------------------------------------- */

static void
own_cgroup(char *path, size_t size)
{
	static const char *const mounts[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	char line[400], file[600], own[400] = "";
	size_t i;
	FILE *f;

	assert_non_null(f = fopen("/proc/self/cgroup", "re"));
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "0::", 3) == 0)
			snprintf(own, sizeof(own), "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
	fclose(f);
	for (i = 0; i < 2; i++) {
		snprintf(file, sizeof(file), "%s%s/cgroup.procs", mounts[i], own);
		if (access(file, F_OK) != 0)
			continue;
		snprintf(path, size, "%s%s%stest-runner-%d", mounts[i], own,
		    strcmp(own, "/") == 0 ? "" : "/", (int)getpid());
		return;
	}
	fail_msg("no cgroup v2 hierarchy");
}

static void
open_spawner(struct world *w)
{
	const char *build = getenv("BUILD");
	char path[512];

	snprintf(path, sizeof(path), "%s/telepilot-spawner", build != NULL ? build : "build");
	w->spawner_fd = open(path, O_PATH | O_CLOEXEC);
	assert_true(w->spawner_fd != -1);
}

static void
make_runner(struct world *w)
{
	assert_int_equal(runner_new(&w->runner, w->event, w->state_fd, w->spawner_fd,
	    w->tree), 0);
	assert_int_equal(jobmgr_new(&w->mgr, w->event, &w->config, &runner_backend,
	    w->runner), 0);
}

static int
setup(void **state)
{
	struct cgtree_config config = { 0 };
	char why[256] = "";
	struct world *w;

	unsetenv("JOURNAL_STREAM");
	assert_non_null(w = calloc(1, sizeof(*w)));
	assert_true(sd_event_new(&w->event) >= 0);
	own_cgroup(w->parent, sizeof(w->parent));
	assert_int_equal(mkdir(w->parent, 0755), 0);
	config.parent = w->parent;
	if (cgtree_open(&w->tree, w->event, &config, why, sizeof(why)) != 0)
		fail_msg("cgtree_open: %s", why);
	strcpy(w->state, "/tmp/test-runner-XXXXXX");
	assert_non_null(mkdtemp(w->state));
	w->state_fd = open(w->state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->state_fd != -1);
	open_spawner(w);
	w->config.max_jobs = w->config.max_jobs_user = w->config.max_running_user = 1000;
	w->config.max_followers_job = 4;
	w->config.stop_grace = 10;
	make_runner(w);
	*state = w;
	return (0);
}

static int
count_entries(const char *path)
{
	struct dirent *d;
	int n = 0;
	DIR *dir;

	if ((dir = opendir(path)) == NULL)
		return (0);
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			n++;
	closedir(dir);
	return (n);
}

static void
spin(struct world *w, uint64_t usec)
{
	assert_true(sd_event_run(w->event, usec) >= 0);
}

/* Directories below users/, which the tree may remove a little later. */
static int
groups_left(const struct world *w)
{
	char path[600];
	struct dirent *d;
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/users", w->parent);
	if ((dir = opendir(path)) == NULL)
		return (0);
	while ((d = readdir(dir)) != NULL)
		if (d->d_type == DT_DIR && d->d_name[0] != '.')
			n++;
	closedir(dir);
	return (n);
}

/* What was removed from jobs/ is unlinked by a child. */
static void
await_removal(struct world *w)
{
	char path[128];
	int i;

	for (i = 0; i < 1000 && !remover_idle(w->runner->remover); i++)
		spin(w, 20000);
	assert_true(remover_idle(w->runner->remover));
	snprintf(path, sizeof(path), "%s/jobs/removed", w->state);
	assert_int_equal(count_entries(path), 0);
}

static void
assert_nothing_left(struct world *w)
{
	char path[128];
	int i;

	for (i = 0; i < 200 && groups_left(w) > 0; i++)
		spin(w, 20000);
	assert_int_equal(groups_left(w), 0);
	snprintf(path, sizeof(path), "%s/jobs", w->state);
	assert_int_equal(count_entries(path), 1);		/* removed */
	await_removal(w);
}

static int
teardown(void **state)
{
	struct world *w = *state;

	jobmgr_free(w->mgr);
	assert_true(files_sweep(w->runner->jobs_fd, w->runner->remover) >= 0);
	await_removal(w);
	runner_free(w->runner);
	cgtree_close(w->tree);
	(void)rmdir(w->parent);
	assert_int_not_equal(access(w->parent, F_OK), 0);
	assert_int_equal(unlinkat(w->state_fd, "jobs/removed", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(w->state_fd, "jobs", AT_REMOVEDIR), 0);
	assert_int_equal(rmdir(w->state), 0);
	close(w->state_fd);
	close(w->spawner_fd);
	sd_event_unref(w->event);
	free(w);
	return (0);
}

/* --- doing things ---------------------------------------------------------- */

struct seen {
	int calls;
	struct status st;
	enum job_state state;
	struct job_end end;
	struct usage usage;
	int fds[3];
	struct jobop *op;
};

static void
on_info(void *arg, const struct status *st, const struct jobinfo *info)
{
	struct seen *s = arg;

	s->calls++;
	s->st = *st;
	if (info != NULL) {
		s->state = info->state;
		s->end = info->end;
		s->usage = info->usage;
	}
}

static void
on_follow(void *arg, const struct status *st, const int fds[3])
{
	struct seen *s = arg;

	s->calls++;
	s->st = *st;
	memcpy(s->fds, fds, sizeof(s->fds));
}

static void
until_called(struct world *w, const struct seen *s)
{
	uint64_t start, now;

	assert_true(sd_event_now(w->event, CLOCK_MONOTONIC, &start) >= 0);
	while (s->calls == 0) {
		spin(w, 100000);
		assert_true(sd_event_now(w->event, CLOCK_MONOTONIC, &now) >= 0);
		assert_true(now - start < WAIT_USEC);
	}
}

static struct uuid
create(struct world *w, const char *a0, const char *a1, const char *a2)
{
	char *argv[4] = { (char *)(uintptr_t)a0, (char *)(uintptr_t)a1,
	    (char *)(uintptr_t)a2, NULL };
	char *env[] = { NULL };
	struct job_owner owner;
	struct jobspec spec;
	struct uuid id;

	memset(&owner, 0, sizeof(owner));
	strcpy(owner.user, "alice");
	owner.uid = owner.gid = 1879048192;
	owner.sup_uid = owner.sup_gid = 1879048192 + 65535;
	jobspec_init(&spec);
	spec.argv = argv;
	spec.env = env;
	if (jobmgr_create(w->mgr, &owner, "", &spec, &id, &w->st) != ST_OK)
		fail_msg("create: %s", w->st.message);
	return (id);
}

static struct seen
start(struct world *w, const struct uuid *id)
{
	struct seen s = { 0 };

	assert_int_equal(jobmgr_start(w->mgr, "alice", id, on_info, &s, &s.op, &w->st), ST_OK);
	assert_int_equal(s.calls, 0);
	until_called(w, &s);
	return (s);
}

static struct uuid
run(struct world *w, const char *a0, const char *a1, const char *a2)
{
	struct uuid id = create(w, a0, a1, a2);
	struct seen s = start(w, &id);

	if (s.st.code != ST_OK)
		fail_msg("start: %s", s.st.message);
	return (id);
}

static struct seen
wait_end(struct world *w, const struct uuid *id)
{
	struct seen s = { 0 };

	assert_int_equal(jobmgr_wait(w->mgr, "alice", id, on_info, &s, &s.op, &w->st), ST_OK);
	until_called(w, &s);
	return (s);
}

static struct seen
stop(struct world *w, const struct uuid *id, uint32_t grace)
{
	struct seen s = { 0 };

	assert_int_equal(jobmgr_stop(w->mgr, "alice", id, grace, on_info, &s, &s.op, &w->st),
	    ST_OK);
	until_called(w, &s);
	return (s);
}

static struct seen
follow(struct world *w, const struct uuid *id)
{
	struct seen s = { 0 };

	assert_int_equal(jobmgr_follow(w->mgr, "alice", id, on_follow, &s, &s.op, &w->st), ST_OK);
	until_called(w, &s);
	assert_int_equal(s.st.code, ST_OK);
	return (s);
}

static void
end_follow(struct seen *s)
{
	int i;

	for (i = 0; i < 3; i++)
		if (s->fds[i] != -1)
			close(s->fds[i]);
}

static void
remove_job(struct world *w, const struct uuid *id)
{
	if (jobmgr_delete(w->mgr, "alice", id, &w->st) != ST_OK)
		fail_msg("delete: %s", w->st.message);
}

/* The log as a follower reads it: at least until n bytes are there or it ends. */
static bool
read_log(struct world *w, const struct seen *f, char *text, size_t n)
{
	struct joblog_reader reader;
	struct joblog_item item;
	size_t have = 0;

	assert_int_equal(joblog_reader_init(&reader, f->fds[0], f->fds[1], 0), 0);
	for (;;) {
		assert_int_equal(joblog_read(&reader, text + have, OUTPUT_MAX - 1 - have,
		    &item), 0);
		if (item.what == JOBLOG_DATA)
			have += item.n;
		else if (item.what == JOBLOG_NONE)
			spin(w, 10000);
		text[have] = '\0';
		if (item.what == JOBLOG_ENDED)
			return (true);
		if (n > 0 && have >= n)
			return (false);
	}
}

static pid_t
supervisor_of(const struct world *w, const struct uuid *uuid)
{
	char id[UUID_STRLEN + 1], path[700];
	char line[32] = "";
	FILE *f;

	uuid_format(uuid, id);
	snprintf(path, sizeof(path), "%s/users/alice/%s/sup/cgroup.procs", w->parent, id);
	assert_non_null(f = fopen(path, "re"));
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	assert_true(strtol(line, NULL, 10) > 1);
	return ((pid_t)strtol(line, NULL, 10));
}

/* --- tests ----------------------------------------------------------------- */

static void
echo_is_logged(void **state)
{
	struct world *w = *state;
	struct uuid id = run(w, "/bin/echo", "Hello, world", NULL);
	char text[OUTPUT_MAX];
	struct seen s, f;

	s = wait_end(w, &id);
	assert_int_equal(s.state, JOB_EXITED);
	assert_int_equal(s.end.reason, END_EXITED);
	assert_true(s.end.has_status && s.end.wait_status == 0);
	assert_int_equal(s.usage.output_bytes, 13);
	f = follow(w, &id);
	assert_int_equal(f.fds[2], -1);
	assert_true(read_log(w, &f, text, 0));
	assert_string_equal(text, "Hello, world\n");
	end_follow(&f);
	remove_job(w, &id);
	assert_nothing_left(w);
}

static void
follower_sees_it_live(void **state)
{
	struct world *w = *state;
	struct uuid id = run(w, "/bin/sh", "-c",
	    "echo one; sleep 0.3; echo two >&2; sleep 0.2; printf three");
	char text[OUTPUT_MAX];
	struct jobinfo info;
	struct pollfd p;
	struct seen f;

	f = follow(w, &id);
	assert_int_not_equal(f.fds[2], -1);
	assert_false(read_log(w, &f, text, 4));
	assert_string_equal(text, "one\n");
	assert_int_equal(jobmgr_status(w->mgr, "alice", &id, &info, &w->st), ST_OK);
	assert_true(info.has_usage && info.usage.output_bytes >= 4);
	assert_true(info.usage.cpu_usec != USAGE_UNKNOWN);
	jobinfo_free(&info);
	assert_true(read_log(w, &f, text, 0));
	assert_string_equal(text, "one\ntwo\nthree");
	wait_end(w, &id);
	p.fd = f.fds[2];
	p.events = POLLIN;
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_true((p.revents & POLLHUP) != 0);
	end_follow(&f);
	remove_job(w, &id);
}

static void
followers_are_counted(void **state)
{
	struct world *w = *state;
	struct uuid id = run(w, "/bin/sleep", "100", NULL);
	struct seen f[4], more = { 0 };
	int i;

	for (i = 0; i < 4; i++)
		f[i] = follow(w, &id);
	assert_int_equal(jobmgr_follow(w->mgr, "alice", &id, on_follow, &more, &more.op,
	    &w->st), ST_RESOURCE_EXHAUSTED);
	end_follow(&f[0]);
	for (i = 0; i < 5; i++)
		spin(w, 1000);
	f[0] = follow(w, &id);
	stop(w, &id, 0);
	for (i = 0; i < 4; i++)
		end_follow(&f[i]);
}

static void
exec_failure(void **state)
{
	struct world *w = *state;
	struct uuid id = create(w, "/bin/nope", NULL, NULL);
	struct seen s = start(w, &id);

	assert_int_equal(s.st.code, ST_FAILED_PRECONDITION);
	assert_string_equal(s.st.message, "exec /bin/nope: No such file or directory");
	s = wait_end(w, &id);
	assert_int_equal(s.state, JOB_FAILED);
	assert_int_equal(s.end.reason, END_FAILED_TO_START);
	assert_string_equal(s.end.stage, "exec /bin/nope");
	assert_int_equal(s.end.error, ENOENT);
	s = follow(w, &id);
	assert_true(s.fds[0] == -1 && s.fds[1] == -1 && s.fds[2] == -1);
	assert_nothing_left(w);
}

/* A long command name is cut, and not inside a character. */
static void
exec_failure_with_a_long_name(void **state)
{
	struct world *w = *state;
	char name[401];
	struct seen s;
	struct uuid id;
	size_t i;

	for (i = 0; i < 400; i += 2)
		memcpy(name + i, "\xc3\xa9", 2);	/* e with acute accent */
	name[400] = '\0';
	name[0] = '/';
	name[1] = 'x';
	id = create(w, name, NULL, NULL);
	start(w, &id);
	s = wait_end(w, &id);
	assert_int_equal(s.end.reason, END_FAILED_TO_START);
	id = create(w, name + 1, NULL, NULL);	/* the other parity */
	start(w, &id);
	s = wait_end(w, &id);
	assert_int_equal(s.end.reason, END_FAILED_TO_START);
}

/* The files cannot be made: an ordinary failure with its stage. */
static void
failure_before_the_spawner(void **state)
{
	struct world *w = *state;
	struct uuid id = create(w, "/bin/true", NULL, NULL);
	char name[UUID_STRLEN + 1];
	struct seen s;

	uuid_format(&id, name);
	assert_int_equal(mkdirat(w->runner->jobs_fd, name, 0700), 0);
	s = start(w, &id);
	assert_int_equal(s.st.code, ST_FAILED_PRECONDITION);
	assert_string_equal(s.st.message, "make the job's files: File exists");
	assert_nothing_left(w);
}

static void
wait_status_is_kept(void **state)
{
	struct world *w = *state;
	struct uuid id = run(w, "/bin/sh", "-c", "exit 7");
	struct seen s = wait_end(w, &id);

	assert_int_equal(s.end.reason, END_EXITED);
	assert_int_equal(WEXITSTATUS(s.end.wait_status), 7);
}

/* Waits until the job has said that its handler is there. */
static void
await_ready(struct world *w, const struct uuid *id)
{
	char text[OUTPUT_MAX];
	struct seen f = follow(w, id);

	assert_false(read_log(w, &f, text, 1));
	end_follow(&f);
}

static void
stop_runs_the_handler(void **state)
{
	struct world *w = *state;
	struct uuid id = run(w, "/bin/bash", "-c",
	    "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done");
	struct seen s;

	await_ready(w, &id);
	s = stop(w, &id, 10);
	assert_int_equal(s.end.reason, END_STOPPED);
	assert_string_equal(s.end.stopped_by, "alice");
	assert_int_equal(WEXITSTATUS(s.end.wait_status), 3);
}

static void
stop_kills_after_grace(void **state)
{
	struct world *w = *state;
	struct uuid id = run(w, "/bin/bash", "-c",
	    "trap : TERM; echo ready; while :; do sleep 0.05; done");
	struct seen s;

	await_ready(w, &id);
	s = stop(w, &id, 1);
	assert_int_equal(s.end.reason, END_STOPPED);
	assert_true(WIFSIGNALED(s.end.wait_status));
	assert_int_equal(WTERMSIG(s.end.wait_status), SIGKILL);
}

/* until_called() would give up long before this grace time is over. */
static void
stop_without_a_handler_does_not_wait(void **state)
{
	struct world *w = *state;
	struct uuid id = run(w, "/bin/sleep", "100", NULL);
	struct seen s = stop(w, &id, 3600);

	assert_int_equal(s.end.reason, END_STOPPED);
	assert_int_equal(WTERMSIG(s.end.wait_status), SIGKILL);
}

static void
stop_reaches_sigwait(void **state)
{
	struct world *w = *state;
	struct uuid id = run(w, "/usr/bin/python3", "-c",
	    "import signal\n"
	    "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
	    "print('ready', flush=True)\n"
	    "signal.sigwait([signal.SIGTERM])\n"
	    "exit(9)\n");
	struct seen s;

	await_ready(w, &id);
	s = stop(w, &id, 10);
	assert_int_equal(s.end.reason, END_STOPPED);
	assert_int_equal(WEXITSTATUS(s.end.wait_status), 9);
}

/*
 * Its execve does not end: a file of a FUSE of its own is to be closed, and the
 * answer never comes. What it then holds of itself must not hold us up: this
 * test hung, and with it a daemon.
 */
static const char stuck_in_exec[] =
    "import ctypes, os, struct, sys\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "dev = os.open('fuse', os.O_RDWR)\n"
    "open('file', 'w').close()\n"
    "if libc.mount(b'x', b'file', b'fuse', 0, b'fd=%d,rootmode=100644,"
    "user_id=0,group_id=0,default_permissions' % dev) != 0:\n"
    "    sys.exit('mount: ' + os.strerror(ctypes.get_errno()))\n"
    "attr = bytes(76) + struct.pack('<I', 0o100666) + bytes(24)\n"
    "init = struct.pack('<IIIIHHII', 7, 31, 65536, 0, 8, 8, 4096, 1) + bytes(36)\n"
    "body = {26: init, 3: struct.pack('<Q', 3600) + attr[8:], 14: bytes(16)}\n"
    "def answer():\n"
    "    op, unique = struct.unpack_from('<IQ', os.read(dev, 200000), 4)\n"
    "    if op == 25:\n"	/* FLUSH */
    "        print('ready', flush=True)\n"
    "    elif op in body:\n"
    "        os.write(dev, struct.pack('<IiQ', 16 + len(body[op]), 0, unique)"
    " + body[op])\n"
    "answer()\n"
    "if os.fork() == 0:\n"
    "    while True: answer()\n"
    "os.close(dev)\n"
    "os.open('file', os.O_WRONLY)\n"
    "os.execv('/bin/sleep', ['sleep', '100'])\n";

static void
stop_of_one_stuck_in_exec(void **state)
{
	char dir[] = "/tmp/test-runner-fuse-XXXXXX", node[64], file[64], script[2048];
	char text[OUTPUT_MAX];
	struct world *w = *state;
	struct seen f, s;
	struct uuid id;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0777), 0);
	snprintf(node, sizeof(node), "%s/fuse", dir);
	snprintf(file, sizeof(file), "%s/file", dir);
	assert_int_equal(mknod(node, S_IFCHR, makedev(10, 229)), 0);
	assert_int_equal(chmod(node, 0666), 0);
	snprintf(script, sizeof(script), "import os\nos.chdir('%s')\n%s", dir, stuck_in_exec);
	id = run(w, "/usr/bin/python3", "-c", script);
	f = follow(w, &id);
	assert_false(read_log(w, &f, text, 6));
	end_follow(&f);
	assert_string_equal(text, "ready\n");
	alarm(30);
	s = stop(w, &id, 1);
	alarm(0);
	assert_int_equal(s.end.reason, END_STOPPED);
	(void)unlink(file);
	assert_int_equal(unlink(node), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
no_handler_by_proc_status(void **state)
{
	static const char text[] = "Name:\tx\nPid:\t7\nSigBlk:\t0000000000000001\n"
	    "SigIgn:\t0000000000000800\nSigCgt:\t0000000000004002\n";

	(void)state;
	assert_int_equal(status_ignores(text, SIGTERM), 0);	/* bit 14 */
	assert_int_equal(status_ignores(text, SIGINT), 0);
	assert_int_equal(status_ignores(text, SIGHUP), 0);	/* blocked */
	assert_int_equal(status_ignores(text, SIGUSR1), 1);
	assert_int_equal(status_ignores(text, SIGUSR2), 0);	/* ignored on purpose */
	assert_int_equal(status_ignores("", SIGTERM), 0);	/* unknown */
	assert_int_equal(status_ignores("Name:\tSigCgt:\n", SIGTERM), 0);
}

/* At every moment of the start: it is killed, and ended as stopped. */
static void
stop_while_starting(void **state)
{
	struct world *w = *state;
	struct uuid id;
	struct seen s, st;
	int turns, i;

	for (turns = 0; turns < 8; turns++) {
		memset(&st, 0, sizeof(st));
		id = create(w, "/bin/sleep", "100", NULL);
		assert_int_equal(jobmgr_start(w->mgr, "alice", &id, on_info, &st, &st.op,
		    &w->st), ST_OK);
		for (i = 0; i < turns; i++)
			spin(w, 2000);
		s = stop(w, &id, 3600);
		assert_int_equal(s.state, JOB_EXITED);
		assert_int_equal(s.end.reason, END_STOPPED);
		until_called(w, &st);
		remove_job(w, &id);
	}
	assert_nothing_left(w);
}

static void
supervisor_killed(void **state)
{
	struct world *w = *state;
	struct uuid id = run(w, "/bin/sh", "-c", "echo ready; sleep 100 & sleep 100");
	struct seen s;

	await_ready(w, &id);
	assert_int_equal(kill(supervisor_of(w, &id), SIGKILL), 0);
	s = wait_end(w, &id);
	assert_int_equal(s.state, JOB_FAILED);
	assert_int_equal(s.end.reason, END_SUPERVISOR_LOST);
	assert_false(s.end.has_status);
	assert_int_equal(s.usage.output_bytes, 6);
	remove_job(w, &id);
	assert_nothing_left(w);
}

/* A supervisor that stands still makes only its own job's stop wait. */
static void
supervisor_stopped(void **state)
{
	struct world *w = *state;
	struct uuid id = run(w, "/bin/sleep", "100", NULL);
	pid_t pid = supervisor_of(w, &id);
	struct seen s = { 0 };
	int i;

	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(jobmgr_stop(w->mgr, "alice", &id, 0, on_info, &s, &s.op, &w->st), ST_OK);
	for (i = 0; i < 10; i++)
		spin(w, 10000);
	assert_int_equal(s.calls, 0);
	assert_int_equal(kill(pid, SIGCONT), 0);
	until_called(w, &s);
	assert_int_equal(s.end.reason, END_STOPPED);
}

static void
bad_spawners(void **state)
{
	static const char *const ways[] = {
		"no-message", "unknown", "early-end", "nobody-cloned", "mute", "exits",
	};
	struct world *w = *state;
	struct uuid id;
	struct seen s;
	size_t i;

	close(w->spawner_fd);
	w->spawner_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		jobmgr_free(w->mgr);
		runner_free(w->runner);
		setenv("JOURNAL_STREAM", ways[i], 1);
		make_runner(w);
		id = create(w, "/bin/true", NULL, NULL);
		s = start(w, &id);
		assert_int_equal(s.st.code, ST_FAILED_PRECONDITION);
		assert_non_null(strstr(s.st.message, "start the supervisor"));
		s = wait_end(w, &id);
		assert_int_equal(s.state, JOB_FAILED);
	}
	assert_nothing_left(w);
}

/* No program at all. */
static void
no_spawner(void **state)
{
	struct world *w = *state;
	struct uuid id = create(w, "/bin/true", NULL, NULL);
	struct seen s;

	w->runner->spawner_fd = w->state_fd;
	s = start(w, &id);
	assert_int_equal(s.st.code, ST_FAILED_PRECONDITION);
	assert_nothing_left(w);
}

static void
nothing_is_left_of_100(void **state)
{
	enum { JOBS = 100 };
	struct world *w = *state;
	struct uuid ids[JOBS];
	struct seen s[JOBS], st[JOBS];
	int fds, i;

	memset(s, 0, sizeof(s));
	memset(st, 0, sizeof(st));
	ids[0] = run(w, "/bin/true", NULL, NULL);
	wait_end(w, &ids[0]);
	remove_job(w, &ids[0]);
	assert_nothing_left(w);
	fds = count_entries("/proc/self/fd");
	for (i = 0; i < JOBS; i++) {
		ids[i] = create(w, i % 2 == 0 ? "/bin/true" : "/bin/nope", NULL, NULL);
		assert_int_equal(jobmgr_start(w->mgr, "alice", &ids[i], on_info, &st[i],
		    &st[i].op, &w->st), ST_OK);
		assert_int_equal(jobmgr_wait(w->mgr, "alice", &ids[i], on_info, &s[i],
		    &s[i].op, &w->st), ST_OK);
	}
	for (i = 0; i < JOBS; i++) {
		until_called(w, &st[i]);
		until_called(w, &s[i]);
		assert_int_equal(s[i].state, i % 2 == 0 ? JOB_EXITED : JOB_FAILED);
		remove_job(w, &ids[i]);
	}
	assert_nothing_left(w);
	assert_int_equal(count_entries("/proc/self/fd"), fds);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void
drained(void *arg)
{
	((struct seen *)arg)->calls++;
}

static void
shutdown_leaves_nothing(void **state)
{
	struct world *w = *state;
	struct seen s = { 0 };
	struct uuid id;
	int i;

	for (i = 0; i < 5; i++)
		run(w, "/bin/bash", "-c", "trap : TERM; while :; do sleep 0.05; done");
	id = create(w, "/bin/true", NULL, NULL);
	jobmgr_shutdown(w->mgr, 1, drained, &s);
	until_called(w, &s);
	assert_int_equal(jobmgr_running(w->mgr), 0);
	wait_end(w, &id);
	for (i = 0; i < 200 && groups_left(w) > 0; i++)
		spin(w, 20000);
	assert_int_equal(groups_left(w), 0);
}

static void
leftovers_are_removed(void **state)
{
	struct world *w = *state;
	static const char id[] = "01234567-89ab-4cde-8f01-23456789abcd";
	int fds[NFILES], i;

	assert_int_equal(files_make(w->runner->jobs_fd, id, fds), 0);
	for (i = 0; i < NFILES; i++)
		close(fds[i]);
	assert_int_equal(files_make(w->runner->jobs_fd, id, fds), -EEXIST);
	jobmgr_free(w->mgr);
	runner_free(w->runner);
	make_runner(w);
	assert_nothing_left(w);
}

static bool is_there(const struct world *, const char *, ...)
    __attribute__((format(printf, 2, 3)));

static bool
is_there(const struct world *w, const char *fmt, ...)
{
	char path[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return (faccessat(w->state_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

/* A delete is answered before the first byte is freed: this took 20 s a large file. */
static void
delete_does_not_wait(void **state)
{
	struct world *w = *state;
	struct uuid id = run(w, "/bin/echo", "x", NULL);
	char name[UUID_STRLEN + 1];

	wait_end(w, &id);
	uuid_format(&id, name);
	remove_job(w, &id);
	assert_false(is_there(w, "jobs/%s", name));
	assert_true(is_there(w, "jobs/removed/%s/output", name));
	await_removal(w);
}

static void
make_file(const struct world *w, const char *path)
{
	int fd;

	fd = openat(w->state_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd != -1);
	close(fd);
}

/*
 * Whatever has a job's name goes, directories in it too, and no link is followed:
 * each of these once kept the daemon from starting.
 */
static void
odd_leftovers_are_removed(void **state)
{
	static const char dir[] = "jobs/01234567-89ab-4cde-8f01-23456789abc0",
	    link[] = "jobs/01234567-89ab-4cde-8f01-23456789abc1",
	    file[] = "jobs/01234567-89ab-4cde-8f01-23456789abc2";
	struct world *w = *state;
	char path[128];

	jobmgr_free(w->mgr);
	runner_free(w->runner);
	assert_int_equal(mkdirat(w->state_fd, "kept", 0700), 0);
	make_file(w, "kept/file");
	assert_int_equal(mkdirat(w->state_fd, dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/sub", dir);
	assert_int_equal(mkdirat(w->state_fd, path, 0700), 0);
	snprintf(path, sizeof(path), "%s/sub/file", dir);
	make_file(w, path);
	snprintf(path, sizeof(path), "%s/sub/link", dir);
	assert_int_equal(symlinkat("../../../kept", w->state_fd, path), 0);
	assert_int_equal(symlinkat("../kept", w->state_fd, link), 0);
	make_file(w, file);
	make_file(w, "jobs/other");
	assert_int_equal(mkdirat(w->state_fd, "jobs/removed/half", 0700), 0);
	make_runner(w);
	/* The start has not waited for it, and its own jobs are not touched. */
	assert_false(remover_idle(w->runner->remover));
	assert_false(is_there(w, "%s", dir) || is_there(w, "%s", link) ||
	    is_there(w, "%s", file));
	await_removal(w);
	assert_true(is_there(w, "%s", "kept/file"));
	assert_int_equal(unlinkat(w->state_fd, "jobs/other", 0), 0);
	assert_int_equal(unlinkat(w->state_fd, "kept/file", 0), 0);
	assert_int_equal(unlinkat(w->state_fd, "kept", AT_REMOVEDIR), 0);
}

/* What is mounted below is another's: it stays, and so does the start. */
static void
mounts_are_not_entered(void **state)
{
	static const char id[] = "01234567-89ab-4cde-8f01-23456789abcd";
	struct world *w = *state;
	char path[128];
	int i;

	jobmgr_free(w->mgr);
	runner_free(w->runner);
	snprintf(path, sizeof(path), "%s/jobs/%s", w->state, id);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/jobs/%s/sub", w->state, id);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mount("none", path, "tmpfs", 0, "size=64k"), 0);
	snprintf(path, sizeof(path), "jobs/%s/sub/file", id);
	make_file(w, path);
	make_runner(w);
	for (i = 0; i < 1000 && !remover_idle(w->runner->remover); i++)
		spin(w, 20000);
	assert_true(is_there(w, "jobs/removed/%s/sub/file", id));
	snprintf(path, sizeof(path), "%s/jobs/removed/%s/sub", w->state, id);
	assert_int_equal(umount(path), 0);
	jobmgr_free(w->mgr);
	runner_free(w->runner);
	make_runner(w);
	assert_nothing_left(w);
}

/* The end of the daemon ends the child, too, and the next one goes on. */
static void
end_does_not_wait_for_removal(void **state)
{
	static const char id[] = "jobs/01234567-89ab-4cde-8f01-23456789abcd";
	struct world *w = *state;
	char path[128];
	int i;

	jobmgr_free(w->mgr);
	runner_free(w->runner);
	assert_int_equal(mkdirat(w->state_fd, id, 0700), 0);
	for (i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "%s/%d", id, i);
		make_file(w, path);
	}
	make_runner(w);
	for (i = 0; i < 100 && waitpid(-1, NULL, WNOHANG) == -1; i++)
		spin(w, 1000);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);	/* it works */
	jobmgr_free(w->mgr);
	runner_free(w->runner);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	make_runner(w);
	assert_nothing_left(w);
}

static void
state_dirs(void **state)
{
	struct world *w = *state;
	char why[256] = "";
	int fd;

	if (runner_check_state_dir(w->state_fd, why, sizeof(why)) != 0)
		fail_msg("%s: %s", w->state, why);
	assert_int_equal(count_entries(w->state), 1);		/* jobs */
	fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(runner_check_state_dir(fd, why, sizeof(why)) < 0);
	assert_true(why[0] != '\0');
	close(fd);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		T(echo_is_logged),
		T(follower_sees_it_live),
		T(followers_are_counted),
		T(exec_failure),
		T(exec_failure_with_a_long_name),
		T(failure_before_the_spawner),
		T(wait_status_is_kept),
		T(stop_runs_the_handler),
		T(stop_kills_after_grace),
		T(stop_without_a_handler_does_not_wait),
		T(stop_reaches_sigwait),
		T(stop_of_one_stuck_in_exec),
		cmocka_unit_test(no_handler_by_proc_status),
		T(stop_while_starting),
		T(supervisor_killed),
		T(supervisor_stopped),
		T(bad_spawners),
		T(no_spawner),
		T(nothing_is_left_of_100),
		T(shutdown_leaves_nothing),
		T(leftovers_are_removed),
		T(delete_does_not_wait),
		T(odd_leftovers_are_removed),
		T(mounts_are_not_entered),
		T(end_does_not_wait_for_removal),
		T(state_dirs),
	};

	if (argc > 0 && strcmp(argv[0], "telepilot-spawner") == 0)
		return (bad_spawner(getenv("JOURNAL_STREAM")));
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
