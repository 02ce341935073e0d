/* SPDX-License-Identifier: ISC */

/*
 * Plays the monitor for the spawner's tests: see spawner_rig.h.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cgusage.h"
#include "common/fdio.h"
#include "common/joblog.h"
#include "regress/unit/spawner_rig.h"

#define WAIT_MS	20000

static char group_root[PATH_MAX];	/* where our cgroups go */
char memory_root[PATH_MAX];

/* --- cgroups --- */

static void
mount_of(const char *type, const char *option, char *dir, size_t size)
{
	char line[4096], point[1024], fstype[64], rest[512];
	const char *dash;
	FILE *f;

	dir[0] = '\0';
	f = fopen("/proc/self/mountinfo", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*s %*s %*s %*s %1023s", point) == 1 &&
		    (dash = strstr(line, " - ")) != NULL &&
		    sscanf(dash, " - %63s %511[^\n]", fstype, rest) == 2 &&
		    strcmp(fstype, type) == 0 && strstr(rest, option) != NULL) {
			snprintf(dir, size, "%s", point);
			break;
		}
	fclose(f);
}

/* Our own group of the hierarchy that /proc/self/cgroup calls name. */
static void
own_group(const char *name, char *path, size_t size)
{
	char line[4096], *p;
	size_t n = strlen(path);
	FILE *f;

	f = fopen("/proc/self/cgroup", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if ((p = strchr(line, ':')) == NULL ||
		    strncmp(p + 1, name, strlen(name)) != 0 || p[1 + strlen(name)] != ':')
			continue;
		snprintf(path + n, size - n, "%s", p + 2 + strlen(name));
		break;
	}
	fclose(f);
}

int
open_in(const char *dir, const char *name, int flags)
{
	char path[PATH_MAX * 2];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd == -1)
		fail_msg("%s: %s", path, strerror(errno));
	return (fd);
}

void
write_text(const char *dir, const char *name, const char *text)
{
	int fd = open_in(dir, name, O_WRONLY);

	assert_int_equal(write_full(fd, text, strlen(text)), 0);
	close(fd);
}

static int groups_made;

static void
make_group(struct job *j)
{
	snprintf(j->cgroup, sizeof(j->cgroup), "%s/telepilot-test-%d-%d", group_root,
	    (int)getpid(), groups_made++);
	if (mkdir(j->cgroup, 0755) == -1)
		fail_msg("%s: %s", j->cgroup, strerror(errno));
}

void
remove_group(const char *dir)
{
	int tries;

	for (tries = 0; rmdir(dir) == -1; tries++) {
		if (errno != EBUSY || tries == 500)
			fail_msg("rmdir %s: %s", dir, strerror(errno));
		usleep(10000);
	}
}

bool
populated(const struct job *j)
{
	uint64_t n;
	int fd = open_in(j->cgroup, "cgroup.events", O_RDONLY);

	assert_int_equal(cg_read_key(fd, "populated", &n), 0);
	close(fd);
	return (n != 0);
}

pid_t
job_pid(const struct job *j)
{
	uint64_t n;
	int fd = open_in(j->cgroup, "cgroup.procs", O_RDONLY);

	assert_int_equal(cg_read_u64(fd, &n), 0);
	close(fd);
	return ((pid_t)n);
}

/* --- the monitor's part --- */

void
add_role(struct job *j, uint8_t role, int fd)
{
	j->spec.roles[j->spec.nroles] = role;
	j->fds[j->spec.nroles++] = fd;
}

static int
new_file(struct job *j, uint8_t role, const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC), mine;

	assert_int_not_equal(fd, -1);
	mine = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	assert_int_not_equal(mine, -1);
	add_role(j, role, fd);
	return (mine);
}

/* argv ends with NULL. */
struct job *
job_new(const char *const *argv)
{
	struct job *j = calloc(1, sizeof(*j));
	size_t n = 0;

	assert_non_null(j);
	assert_int_equal(uuid_generate(&j->spec.id), 0);
	jobspec_init(&j->spec.job);
	while (argv[n] != NULL)
		n++;
	j->spec.job.argv = calloc(n + 1, sizeof(char *));
	j->spec.job.env = calloc(2, sizeof(char *));
	assert_non_null(j->spec.job.argv);
	assert_non_null(j->spec.job.env);
	while (n-- > 0)
		j->spec.job.argv[n] = strdup(argv[n]);
	j->spec.job.env[0] = strdup("GREETING=hello");
	strcpy(j->spec.owner, "alice");
	strcpy(j->spec.home, "/");
	j->spec.uid = OWNER;
	j->spec.gid = OWNER_GROUP;
	j->spec.sup_uid = j->spec.sup_gid = SUPERVISOR;
	j->spec.nproc = NO_LIMIT;
	make_group(j);
	j->output = new_file(j, ROLE_OUTPUT, "output");
	j->index = new_file(j, ROLE_INDEX, "index");
	j->end = new_file(j, ROLE_END, "end");
	add_role(j, ROLE_CGROUP, open(j->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	add_role(j, ROLE_CGROUP_KILL, open_in(j->cgroup, "cgroup.kill", O_WRONLY));
	add_role(j, ROLE_CGROUP_EVENTS, open_in(j->cgroup, "cgroup.events", O_RDONLY));
	add_role(j, ROLE_CPU_STAT, open_in(j->cgroup, "cpu.stat", O_RDONLY));
	return (j);
}

struct job *
job_sh(const char *script)
{
	const char *argv[] = { "sh", "-c", script, NULL };

	return (job_new(argv));
}

/* In the child: fds 0, 1 = /dev/null, 3 = control, and a group that must not leak. */
static void
exec_spawner(int control)
{
	static char name[] = "telepilot-spawner";
	char *argv[] = { name, NULL };
	const char *build = getenv("BUILD");
	gid_t groups[] = { 0, 4 };
	char path[PATH_MAX];
	int null = open("/dev/null", O_RDWR);

	if (control == IPC_FD)
		control = dup(control);
	if (dup2(null, 0) == -1 || dup2(null, 1) == -1 || dup2(control, IPC_FD) == -1 ||
	    close_from(IPC_FD + 1) != 0 || setgroups(2, groups) == -1)
		_exit(99);
	signal(SIGPIPE, SIG_IGN);	/* as a daemon may have it */
	snprintf(path, sizeof(path), "%s/telepilot-spawner", build != NULL ? build : "build");
	execv(path, argv);
	_exit(98);
}

void
job_spawn(struct job *j)
{
	struct buf *b = buf_new(MSG_BODY_MAX);
	int pair[2];
	size_t i;

	assert_int_equal(msg_pair(pair), 0);
	if ((j->pid = fork()) == 0)
		exec_spawner(pair[1]);
	assert_true(j->pid > 0);
	close(pair[1]);
	j->control = pair[0];
	assert_int_equal(spawn_spec_put(b, &j->spec), 0);
	assert_int_equal(msg_send_fds(j->control, SPAWN_SPEC, 0, b, j->fds, j->spec.nroles), 0);
	buf_free(b);
	for (i = 0; i < j->spec.nroles; i++)
		close(j->fds[i]);
}

int
receive(struct job *j)
{
	struct pollfd p = { j->control, POLLIN, 0 };
	int r;

	while ((r = msg_recv(j->control, &j->m, 0)) == -EAGAIN)
		if (poll(&p, 1, WAIT_MS) == 0)
			fail_msg("no message for %d ms", WAIT_MS);
	return (r);
}

void
expect_msg(struct job *j, uint16_t type)
{
	char stage[JOB_STAGE_MAX] = "";
	uint32_t error = 0;

	assert_int_equal(receive(j), 0);
	if (j->m.type == SPAWN_FAILED && type != SPAWN_FAILED) {
		(void)rbuf_get_strbuf(&j->m.body, stage, sizeof(stage));
		(void)rbuf_get_u32(&j->m.body, &error);
		fail_msg("SPAWN_FAILED: %s: %s", stage, strerror((int)error));
	}
	assert_int_equal(j->m.type, type);
}

void
job_start(struct job *j)
{
	job_spawn(j);
	expect_msg(j, SPAWN_CLONED);
	assert_int_equal(msg_send(j->control, SPAWN_GO, 0, NULL), 0);
	expect_msg(j, SPAWN_STARTED);
}

void
expect_failed(struct job *j, const char *stage, int error)
{
	char got[JOB_STAGE_MAX];
	uint32_t n;

	expect_msg(j, SPAWN_FAILED);
	assert_int_equal(rbuf_get_strbuf(&j->m.body, got, sizeof(got)), 0);
	assert_int_equal(rbuf_get_u32(&j->m.body, &n), 0);
	assert_int_equal(rbuf_end(&j->m.body), 0);
	assert_string_equal(got, stage);
	assert_int_equal(n, error);
}

void
reap(struct job *j, int code)
{
	int status, ms;

	for (ms = 0; waitpid(j->pid, &status, WNOHANG) == 0; ms += 10) {
		if (ms >= WAIT_MS)
			fail_msg("the spawner is still there");
		usleep(10000);
	}
	j->pid = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), code);
}

void
read_output(struct job *j)
{
	static char buf[32768];
	struct joblog_reader r;
	struct joblog_item item;

	assert_int_equal(joblog_reader_init(&r, j->output, j->index, 0), 0);
	j->nout = j->nerr = 0;
	for (;;) {
		assert_int_equal(joblog_read(&r, buf, sizeof(buf), &item), 0);
		if (item.what == JOBLOG_NONE || item.what == JOBLOG_ENDED)
			break;
		if (item.what != JOBLOG_DATA)
			j->gaps += item.n;
		else if (item.stream == JOBLOG_STDOUT && item.n < sizeof(j->out) - j->nout) {
			memcpy(j->out + j->nout, buf, item.n);
			j->nout += item.n;
		} else if (item.stream == JOBLOG_STDERR && item.n < sizeof(j->err) - j->nerr) {
			memcpy(j->err + j->nerr, buf, item.n);
			j->nerr += item.n;
		}
	}
	j->out[j->nout] = j->err[j->nerr] = '\0';
	j->ended = item.what == JOBLOG_ENDED;
}

static void
parse_end(struct job *j, struct rbuf *r)
{
	assert_int_equal(rbuf_get_u32(r, &j->wait_status), 0);
	assert_int_equal(rbuf_get_u8(r, &j->oom), 0);
	assert_int_equal(usage_get(r, &j->usage), 0);
}

/* The file holds what was told, and the CRC of it. */
void
check_end_file(struct job *j, const uint8_t *told, size_t len)
{
	uint8_t file[512];
	struct rbuf r;
	uint32_t crc;
	ssize_t n = pread(j->end, file, sizeof(file), 0);

	assert_true(n > 4);
	if (told != NULL) {
		assert_int_equal(n, len + 4);
		assert_memory_equal(file, told, len);
	}
	rbuf_init(&r, file, (size_t)n);
	parse_end(j, &r);
	assert_int_equal(rbuf_get_u32(&r, &crc), 0);
	assert_int_equal(rbuf_end(&r), 0);
	assert_int_equal(crc, crc32c(0, file, (size_t)n - 4));
}

void
job_finish(struct job *j)
{
	struct rbuf all;

	expect_msg(j, SPAWN_ENDED);
	all = j->m.body;
	parse_end(j, &j->m.body);
	assert_int_equal(rbuf_end(&j->m.body), 0);
	check_end_file(j, all.p, all.left);
	read_output(j);
	assert_true(j->ended);
	assert_false(populated(j));
	assert_int_equal(j->usage.output_bytes, j->nout + j->nerr + j->gaps);
	reap(j, 0);
}

void
job_free(struct job *j)
{
	if (j->control > 0)
		close(j->control);
	close(j->output);
	close(j->index);
	close(j->end);
	jobspec_free(&j->spec.job);
	remove_group(j->cgroup);
	free(j);
}

void
expect_sh(const char *script, const char *out)
{
	struct job *j = job_sh(script);

	job_start(j);
	job_finish(j);
	assert_string_equal(j->err, "");
	assert_string_equal(j->out, out);
	assert_int_equal(j->wait_status, 0);
	job_free(j);
}

int
rig_setup(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("needs root\n");
		return (-1);
	}
	mount_of("cgroup2", "cgroup", group_root, sizeof(group_root));
	if (group_root[0] == '\0') {
		print_message("needs a cgroup v2 mount\n");
		return (-1);
	}
	own_group("", group_root, sizeof(group_root));
	mount_of("cgroup", "memory", memory_root, sizeof(memory_root));
	if (memory_root[0] != '\0')
		own_group("memory", memory_root, sizeof(memory_root));
	return (0);
}

/* What a failed test left behind. */
int
rig_teardown(void **state)
{
	char dir[PATH_MAX + 32], path[PATH_MAX + 64];
	int i, fd, tries;

	(void)state;
	for (i = 0; i < groups_made; i++) {
		snprintf(dir, sizeof(dir), "%s/telepilot-test-%d-%d", group_root,
		    (int)getpid(), i);
		snprintf(path, sizeof(path), "%s/cgroup.kill", dir);
		if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
			continue;
		(void)write_full(fd, "1", 1);
		close(fd);
		for (tries = 0; rmdir(dir) == -1 && tries < 500; tries++)
			usleep(10000);
	}
	snprintf(dir, sizeof(dir), "%s/telepilot-test-%d", memory_root, (int)getpid());
	(void)rmdir(dir);
	return (0);
}
