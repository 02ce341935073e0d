/* SPDX-License-Identifier: ISC */

/*
 * The cgroup tree: its parsers on texts of other hosts, which limits are
 * admitted where, and the real thing below this process's own group: limits are
 * read back from the kernel's files, processes are placed, found, and killed,
 * and nothing stays. Works on hybrid and unified hosts; needs root.
 */

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fdio.h"
#include "common/log.h"
#include "monitor/jobmgr/cgroup_priv.h"
#include "monitor/jobmgr/disk.h"

/* --- the parsers ----------------------------------------------------------- */

static const char hybrid_mounts[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 /box /sys/fs/cgroup/my\\040memory rw - cgroup cgroup rw,memory\n"
    "38 31 0:35 / /sys/fs/cgroup/blkio rw shared:1 master:2 - cgroup cgroup rw,blkio\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

static const char hybrid_self[] =
    "9:name=systemd:/\n"
    "8:pids:/p\n"
    "7:blkio:/a:b\n"
    "4:memory:/box/inner\n"
    "1:cpu,cpuacct:/\n"
    "0::/user.slice\n";

static void
parse(struct cg_host *h, const char *mounts, const char *self)
{
	char *m = strdup(mounts), *s = strdup(self);

	assert_non_null(m);
	assert_non_null(s);
	assert_int_equal(cg_host_parse(h, m, s), 0);
	free(m);
	free(s);
}

static void
test_parse_hybrid(void **state)
{
	struct cg_host h;

	(void)state;
	parse(&h, hybrid_mounts, hybrid_self);
	assert_string_equal(h.v2_mount, "/sys/fs/cgroup/unified");
	assert_string_equal(h.v2_own, "/sys/fs/cgroup/unified/user.slice");
	assert_string_equal(h.v1_own[CG_CPU], "/sys/fs/cgroup/cpu,cpuacct");
	assert_string_equal(h.v1_own[CG_MEMORY], "/sys/fs/cgroup/my memory/inner");
	assert_string_equal(h.v1_own[CG_IO], "/sys/fs/cgroup/blkio/a:b");
	assert_null(h.v1_own[CG_PIDS]);		/* a member, but not mounted */
	assert_false(cg_host_unified(&h));
	cg_host_free(&h);
}

static void
test_parse_unified(void **state)
{
	struct cg_host h;

	(void)state;
	parse(&h, "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
	    "0::/system.slice/x.service\n");
	assert_string_equal(h.v2_own, "/sys/fs/cgroup/system.slice/x.service");
	assert_true(cg_host_unified(&h));
	cg_host_free(&h);
}

/* Our own group is not shown by this mount: the mount is known, the group not. */
static void
test_parse_outside(void **state)
{
	struct cg_host h;

	(void)state;
	parse(&h, "30 23 0:26 / /cg rw - cgroup2 cgroup2 rw\n", "0::/../other\n");
	assert_string_equal(h.v2_mount, "/cg");
	assert_null(h.v2_own);
	cg_host_free(&h);
	parse(&h, "30 23 0:26 /docker/abc /cg rw - cgroup2 none rw\n", "0::/docker/abcd\n");
	assert_null(h.v2_own);
	cg_host_free(&h);
	/* The mount that shows it is taken, whatever comes first. */
	parse(&h, "30 23 0:26 /docker/abc /cg rw - cgroup2 none rw\n"
	    "31 23 0:26 / /all rw - cgroup2 none rw\n", "0::/docker/abcd\n");
	assert_string_equal(h.v2_mount, "/all");
	assert_string_equal(h.v2_own, "/all/docker/abcd");
	cg_host_free(&h);
}

static void
test_parse_malformed(void **state)
{
	static const char *const mounts[] = {
		"", "\n\n", "30", "30 23 0:26 / /cg rw - cgroup2",
		"30 23 0:26 / /cg rw cgroup2 c rw",
		"30 23 0:26 x /cg rw - cgroup2 c rw", "30 23 0:26 / cg rw - cgroup2 c rw",
		"- - - - - - - - -", "30 23 0:26 / /cg rw -\n", "1 2 3 4 5 6 -  \n",
	};
	static const char *const members[] = { "", "0", "0:", "0::", "0::x", ":::", "0:memory" };
	struct cg_host h;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		parse(&h, mounts[i], hybrid_self);
		assert_null(h.v2_mount);
		cg_host_free(&h);
	}
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		parse(&h, hybrid_mounts, members[i]);
		assert_null(h.v2_own);
		cg_host_free(&h);
	}
}

static void
test_lists(void **state)
{
	(void)state;
	assert_true(cg_in_list("rw,cpu,cpuacct", "cpu"));
	assert_true(cg_in_list("cpuset cpu io\n", "io"));
	assert_false(cg_in_list("rw,cpuacct", "cpu"));
	assert_false(cg_in_list("", "cpu"));
	assert_string_equal(cg_below("/", "/a"), "/a");
	assert_string_equal(cg_below("/", "/"), "");
	assert_string_equal(cg_below("/a", "/a"), "");
	assert_string_equal(cg_below("/a", "/a/b"), "/b");
	assert_null(cg_below("/a", "/ab"));
	assert_null(cg_below("/", "/../x"));
	assert_string_equal(cg_below("/", "/..x"), "/..x");
}

static void
test_only_pid(void **state)
{
	pid_t pid = -1;

	(void)state;
	assert_int_equal(cg_only_pid("4711\n", &pid), 1);
	assert_int_equal(pid, 4711);
	assert_int_equal(cg_only_pid("", &pid), 0);
	assert_int_equal(cg_only_pid("1\n2\n", &pid), -EBUSY);
	assert_int_equal(cg_only_pid("0\n", &pid), -EBADMSG);
	assert_int_equal(cg_only_pid("12", &pid), -EBADMSG);
	assert_int_equal(cg_only_pid("-1\n", &pid), -EBADMSG);
	assert_int_equal(cg_only_pid("99999999999999999999\n", &pid), -EBADMSG);
}

/* --- disks ----------------------------------------------------------------- */

static void
put_text(int dir, const char *path, const char *text)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write_full(fd, text, strlen(text)), 0);
	close_fd(&fd);
}

static void
put_disk(int dir, const char *name, const char *dev, const char *sectors)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "block/%s", name);
	assert_int_equal(mkdirat(dir, path, 0755), 0);
	if (dev != NULL) {
		(void)snprintf(path, sizeof(path), "block/%s/dev", name);
		put_text(dir, path, dev);
	}
	(void)snprintf(path, sizeof(path), "block/%s/size", name);
	put_text(dir, path, sectors);
}

static void
remove_tree(const char *path)
{
	char *const argv[] = { (char *)"rm", (char *)"-rf", (char *)(uintptr_t)path, NULL };
	pid_t pid;

	if ((pid = fork()) == 0) {
		(void)execv("/bin/rm", argv);
		_exit(127);
	}
	(void)waitpid(pid, NULL, 0);
}

static void
test_disks(void **state)
{
	char dir[] = "/tmp/telepilot-sysfs-XXXXXX";
	struct disk *disks;
	size_t n;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(fd, "block", 0755), 0);
	put_disk(fd, "sdb", "8:16\n", "2048\n");
	put_disk(fd, "sda", "8:0\n", "1000215216\n");
	put_disk(fd, "dm-0", "253:0\n", "4096\n");
	put_disk(fd, "nvme0n1", "259:1\n", "4096\n");
	put_disk(fd, "nvme0c0n1", NULL, "4096\n");	/* a path of multipath */
	put_disk(fd, "srv", "240:0\n", "8\n");		/* no CD reader, for all its name */
	put_disk(fd, "sr0", "11:0\n", "2097151\n");
	put_disk(fd, "fd0", "2:0\n", "8\n");
	put_disk(fd, "ram0", "1:0\n", "8192\n");
	put_disk(fd, "zram0", "252:0\n", "8192\n");
	put_disk(fd, "loop3", "7:3\n", "8192\n");
	put_disk(fd, "sdc", "8:32\n", "0\n");		/* no medium */
	put_disk(fd, "sdd", "8\n", "8\n");
	put_disk(fd, "sde", "8:x\n", "8\n");
	assert_int_equal(disk_list(fd, &disks, &n), 0);
	assert_int_equal(n, 5);
	assert_string_equal(disks[0].name, "sda");
	assert_string_equal(disks[1].name, "sdb");
	assert_int_equal(disks[1].major, 8);
	assert_int_equal(disks[1].minor, 16);
	assert_string_equal(disks[2].name, "srv");
	assert_string_equal(disks[3].name, "dm-0");
	assert_string_equal(disks[4].name, "nvme0n1");
	free(disks);
	close_fd(&fd);
	remove_tree(dir);
}

/* --- which limits are admitted --------------------------------------------- */

#define V2_ALL	{ CG_V2, CG_V2, CG_V2, CG_V2 }
#define V1_ALL	{ CG_V1, CG_V1, CG_V1, CG_V1 }
#define NONE	{ CG_ABSENT, CG_ABSENT, CG_ABSENT, CG_ABSENT }

static const struct admit_case {
	const char *name;
	enum cg_where where[CG_NCONTROLLERS];
	bool swap, weak_io;
	struct limits ask;		/* swap_bytes 0 stands for not asked; 1 for 1 */
	enum status_code code;
	const char *field;
	const char *words;		/* part of the message or of the warning */
	uint64_t pids;			/* afterwards */
	size_t warnings;
} admits[] = {
	{ "nothing on v2", V2_ALL, true, false, { 0 }, ST_OK, "", NULL, 100, 0 },
	{ "nothing on v1", V1_ALL, true, false, { 0 }, ST_OK, "", NULL, 100, 0 },
	{ "nothing anywhere", NONE, false, false, { 0 }, ST_OK, "", "pids", 0, 1 },
	{ "cpu absent", NONE, false, false, { .cpu_millis = 500 }, ST_FAILED_PRECONDITION,
	    "limits.cpu_cores", "controller cpu", 0, 0 },
	{ "memory absent", NONE, false, false, { .memory_bytes = 1 << 20 },
	    ST_FAILED_PRECONDITION, "limits.memory_bytes", "remedy: ", 0, 0 },
	{ "io absent", NONE, false, true, { .io_wbps = 1 << 20 }, ST_FAILED_PRECONDITION,
	    "limits.io_write_bytes_per_second", "controller io", 0, 0 },
	{ "iops absent", NONE, false, true, { .io_riops = 10 }, ST_FAILED_PRECONDITION,
	    "limits.io_read_iops", "controller io", 0, 0 },
	{ "pids absent", NONE, false, false, { .pids = 10 }, ST_FAILED_PRECONDITION,
	    "limits.pids", "controller pids", 10, 0 },
	{ "pids asked", V2_ALL, true, false, { .pids = 10 }, ST_OK, "", NULL, 10, 0 },
	{ "io on v1", V1_ALL, true, false, { .io_rbps = 1 << 20 }, ST_FAILED_PRECONDITION,
	    "limits.io_read_bytes_per_second", "WeakLimits io", 0, 0 },
	{ "io on v1, weak", V1_ALL, true, true, { .io_rbps = 1 << 20 }, ST_OK, "",
	    "reads, direct and synced writes only", 100, 1 },
	{ "io on v2", V2_ALL, true, false, { .io_rbps = 1 << 20 }, ST_OK, "", NULL, 100, 0 },
	{ "swap asked, no accounting", V2_ALL, false, false,
	    { .memory_bytes = 1 << 20, .swap_bytes = 1 }, ST_FAILED_PRECONDITION,
	    "limits.swap_bytes", "swapaccount=1", 0, 0 },
	{ "memory, no accounting", V1_ALL, false, false, { .memory_bytes = 1 << 20 }, ST_OK, "",
	    "swap is not limited", 100, 1 },
	{ "cpu above the host's", V2_ALL, true, false, { .cpu_millis = 1024000 },
	    ST_INVALID_ARGUMENT, "limits.cpu_cores", "maximum", 0, 0 },
};

static void
fake_tree(struct cgtree *t, const struct admit_case *c)
{
	int i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < CG_NCONTROLLERS; i++) {
		t->where[i] = c->where[i];
		t->why[i] = CG_WHY_KERNEL;
	}
	t->swap = c->swap;
	t->weak_io = c->weak_io;
	t->default_pids = 100;
}

static void
test_admit(void **state)
{
	char *warnings[JOB_WARNINGS_MAX + 1];
	const struct admit_case *c;
	struct cgtree tree;
	struct status st;
	struct limits l;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(admits) / sizeof(admits[0]); i++) {
		c = &admits[i];
		fake_tree(&tree, c);
		memset(warnings, 0, sizeof(warnings));
		l = c->ask;
		if (l.swap_bytes == 0)
			l.swap_bytes = NO_LIMIT;
		print_message("%s\n", c->name);
		assert_int_equal(cgtree_admit(&tree, &l, warnings, &st), c->code);
		assert_int_equal(st.code, c->code);
		assert_string_equal(st.field, c->field);
		assert_int_equal(l.pids, c->pids);
		for (n = 0; warnings[n] != NULL; n++)
			;
		assert_int_equal(n, c->warnings);
		if (c->words != NULL)
			assert_non_null(strstr(n != 0 ? warnings[0] : st.message, c->words));
		/* Swap is none by default, where it can be held. */
		if (c->code == ST_OK && l.memory_bytes != 0 && c->swap)
			assert_int_equal(l.swap_bytes, 0);
		while (n > 0)
			free(warnings[--n]);
	}
}

/* The reasons for an absence are words that an administrator can use. */
static void
test_admit_reasons(void **state)
{
	static const struct {
		enum cg_why why;
		const char *words;
	} reasons[] = {
		{ CG_WHY_KERNEL, "cgroup_enable=memory" },
		{ CG_WHY_PARENT, "cgroup.subtree_control" },
		{ CG_WHY_BUSY, "group without processes" },
		{ CG_WHY_V1, "cgroup v1" },
	};
	char *warnings[JOB_WARNINGS_MAX + 1] = { NULL };
	struct cgtree tree;
	struct status st;
	struct limits l;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		fake_tree(&tree, &admits[2]);
		tree.why[CG_MEMORY] = reasons[i].why;
		limits_init(&l);
		l.memory_bytes = 1 << 20;
		assert_int_equal(cgtree_admit(&tree, &l, warnings, &st), ST_FAILED_PRECONDITION);
		assert_non_null(strstr(st.message, reasons[i].words));
		assert_non_null(strstr(st.message, "remedy: "));
		assert_non_null(strstr(st.message, "memory"));
		assert_null(strstr(st.message, "/sys/"));
	}
}

/* --- the real tree --------------------------------------------------------- */

struct real {
	struct cg_host host;
	sd_event *event;
	char *parent;
	struct cgtree *tree;
	struct cgtree_config config;
	struct uuid id;
	char id_text[UUID_STRLEN + 1];
};

static void
open_tree(struct real *r)
{
	char why[256];
	int e;

	if ((e = cgtree_open(&r->tree, r->event, &r->config, why, sizeof(why))) != 0)
		fail_msg("cgtree_open: %s (%s)", why, strerror(-e));
}

static int
setup(void **state)
{
	static int count;
	struct real *r;

	r = calloc(1, sizeof(*r));
	assert_non_null(r);
	assert_int_equal(cg_host_find(&r->host), 0);
	assert_non_null(r->host.v2_own);
	assert_int_not_equal(asprintf(&r->parent, "%s/telepilot-unit-%d-%d", r->host.v2_own,
	    (int)getpid(), count++), -1);
	r->config.parent = r->parent;
	r->config.weak_io = true;
	r->config.default_pids = 512;
	assert_true(sd_event_new(&r->event) >= 0);
	assert_int_equal(uuid_generate(&r->id), 0);
	uuid_format(&r->id, r->id_text);
	open_tree(r);
	*state = r;
	return (0);
}

static bool there(const char *, ...) __attribute__((format(printf, 1, 2)));

static bool
there(const char *fmt, ...)
{
	char path[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	return (access(path, F_OK) == 0);
}

/* Nothing is left on v2 and in no v1 hierarchy. */
static int
teardown(void **state)
{
	struct real *r = *state;
	const char *name = strrchr(r->parent, '/');
	int c;

	cgtree_close(r->tree);
	assert_false(there("%s", r->parent));
	for (c = 0; c < CG_NCONTROLLERS; c++)
		if (r->host.v1_own[c] != NULL)
			assert_false(there("%s%s", r->host.v1_own[c], name));
	sd_event_unref(r->event);
	cg_host_free(&r->host);
	free(r->parent);
	free(r);
	return (0);
}

static void
assert_file(int dir, const char *name, const char *want)
{
	char text[512];

	assert_true(cg_read(dir, name, text, sizeof(text)) >= 0);
	if (strstr(text, want) == NULL)
		fail_msg("%s: \"%s\" has no \"%s\"", name, text, want);
}

static struct cgjob *
new_job(struct real *r, const struct limits *l)
{
	char stage[JOB_STAGE_MAX] = "";
	struct cgjob *j = NULL;
	int e;

	if ((e = cgjob_new(&j, r->tree, "alice", &r->id, l, stage, sizeof(stage))) != 0)
		fail_msg("cgjob_new: %s: %s", stage, strerror(-e));
	return (j);
}

/* A child in the job's group from its first instruction; it waits to be killed. */
static pid_t
child_in(int cgroup)
{
	struct clone_args args;
	long pid;

	memset(&args, 0, sizeof(args));
	args.flags = CLONE_INTO_CGROUP;
	args.cgroup = (uint64_t)cgroup;
	args.exit_signal = SIGCHLD;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		for (;;)
			(void)pause();
	assert_true(pid > 0);
	return ((pid_t)pid);
}

static void
wait_killed(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void
count_line(void *arg, const char *line)
{
	print_message("%s\n", line);
	(*(int *)arg)++;
}

/*
 * In a container, say, our own group has other processes, and the kernel gives
 * it no controllers: then limits cannot be tried here.
 */
static void
need_controllers(const struct real *r)
{
	int c;

	for (c = 0; c < CG_NCONTROLLERS; c++)
		if (r->tree->why[c] == CG_WHY_BUSY)
			skip();
}

static void
test_tree_describe(void **state)
{
	struct real *r = *state;
	int c, lines = 0;

	need_controllers(r);
	cgtree_describe(r->tree, count_line, &lines);
	assert_true(lines >= 1 + CG_NCONTROLLERS);
	/* Every controller that this host mounts is found. */
	for (c = 0; c < CG_NCONTROLLERS; c++)
		if (r->host.v1_own[c] != NULL)
			assert_int_equal(cgtree_where(r->tree, (enum cg_controller)c), CG_V1);
		else if (cg_host_unified(&r->host))
			assert_int_equal(cgtree_where(r->tree, (enum cg_controller)c), CG_V2);
}

static void
ask_all(const struct real *r, struct limits *l)
{
	need_controllers(r);
	limits_init(l);
	l->cpu_millis = 500;
	l->memory_bytes = 64 << 20;
	l->swap_bytes = 0;
	l->io_rbps = 10485760;
	l->io_wbps = 20971520;
	l->io_riops = 1000;
	l->io_wiops = UINT64_C(6000000000);
	l->pids = 33;
}

/* v2: the files of job and of the group above it. */
static void
check_v2(const struct cgtree *t, const struct cgjob *j)
{
	if (t->where[CG_CPU] == CG_V2)
		assert_file(j->job_fd, "cpu.max", "50000 100000\n");
	if (t->where[CG_MEMORY] == CG_V2) {
		assert_file(j->job_fd, "memory.max", "67108864\n");
		assert_file(j->job_fd, "memory.oom.group", "1\n");
		assert_file(j->sup_fd, "memory.max", "33554432\n");
		if (t->swap)
			assert_file(j->job_fd, "memory.swap.max", "0\n");
	}
	if (t->where[CG_IO] == CG_V2)
		assert_file(j->dir_fd, "io.max",
		    " rbps=10485760 wbps=20971520 riops=1000 wiops=max\n");
	if (t->where[CG_PIDS] == CG_V2)
		assert_file(j->job_fd, "pids.max", "33\n");
}

static void
check_v1(const struct cgtree *t, const struct cgjob *j)
{
	if (t->where[CG_CPU] == CG_V1) {
		assert_file(j->v1_fd[CG_CPU], "cpu.cfs_quota_us", "50000\n");
		assert_file(j->v1_fd[CG_CPU], "cpu.cfs_period_us", "100000\n");
	}
	if (t->where[CG_MEMORY] == CG_V1) {
		assert_file(j->v1_fd[CG_MEMORY], "memory.limit_in_bytes", "67108864\n");
		if (t->swap)
			assert_file(j->v1_fd[CG_MEMORY], "memory.memsw.limit_in_bytes",
			    "67108864\n");
	}
	if (t->where[CG_IO] == CG_V1) {
		assert_file(j->v1_fd[CG_IO], "blkio.throttle.read_bps_device", " 10485760\n");
		assert_file(j->v1_fd[CG_IO], "blkio.throttle.write_bps_device", " 20971520\n");
		assert_file(j->v1_fd[CG_IO], "blkio.throttle.read_iops_device", " 1000\n");
	}
	if (t->where[CG_PIDS] == CG_V1)
		assert_file(j->v1_fd[CG_PIDS], "pids.max", "33\n");
}

static void
test_limits_written(void **state)
{
	struct real *r = *state;
	struct limits l;
	struct cgjob *j;

	ask_all(r, &l);
	j = new_job(r, &l);
	check_v2(r->tree, j);
	check_v1(r->tree, j);
	cgjob_free(j);
	assert_false(there("%s/users/alice", r->parent));
}

/* A job without limits joins no v1 controller, and its default is RLIMIT_NPROC. */
static void
test_no_limits(void **state)
{
	struct real *r = *state;
	char *warnings[JOB_WARNINGS_MAX + 1] = { NULL };
	uint8_t roles[24];
	uint64_t nproc = 0;
	struct status st;
	struct limits l;
	struct cgjob *j;
	int c, fds[24], i, n;

	limits_init(&l);
	assert_int_equal(cgtree_admit(r->tree, &l, warnings, &st), ST_OK);
	assert_null(warnings[0]);
	j = new_job(r, &l);
	for (c = 0; c < CG_NCONTROLLERS; c++)
		assert_int_equal(j->v1_fd[c], -1);
	assert_true((n = cgjob_spawn_fds(j, roles, fds, 24, &nproc)) > 0);
	for (i = 0; i < n; i++) {
		assert_int_not_equal(roles[i], ROLE_V1_PROCS);
		close_fd(&fds[i]);
	}
	if (r->tree->where[CG_PIDS] == CG_V1)
		assert_int_equal(nproc, 512);
	else {
		assert_int_equal(nproc, NO_LIMIT);
		assert_file(j->job_fd, "pids.max", "512\n");
	}
	cgjob_free(j);
}

/* As the supervisor is given them: every role that it needs, and joined v1 groups. */
static void
test_spawn_fds(void **state)
{
	struct real *r = *state;
	int fds[24], found[32] = { 0 }, i, n;
	uint8_t roles[24];
	uint64_t nproc;
	struct limits l;
	struct cgjob *j;
	char text[32];
	pid_t pid;

	ask_all(r, &l);
	j = new_job(r, &l);
	/* Too few slots: none is left open. */
	assert_int_equal(cgjob_spawn_fds(j, roles, fds, 2, &nproc), -ENOSPC);
	assert_true((n = cgjob_spawn_fds(j, roles, fds, 24, &nproc)) > 0);
	assert_int_equal(nproc, NO_LIMIT);
	for (i = 0; i < n; i++)
		found[roles[i]]++;
	assert_int_equal(found[ROLE_CGROUP], 1);
	assert_int_equal(found[ROLE_CGROUP_KILL], 1);
	assert_int_equal(found[ROLE_CGROUP_EVENTS], 1);
	assert_int_equal(found[ROLE_CPU_STAT], 1);
	assert_int_equal(found[ROLE_MEMORY_CURRENT], 1);
	assert_int_equal(found[ROLE_PIDS_CURRENT], 1);
	assert_int_equal(found[ROLE_IO_STAT] + found[ROLE_V1_IO_BYTES], 1);
	assert_int_equal(found[ROLE_MEMORY_EVENTS] + found[ROLE_V1_OOM_CONTROL], 1);
	assert_int_equal(found[ROLE_V1_OOM_CONTROL], found[ROLE_V1_EVENT_CONTROL]);

	pid = child_in(fds[0]);
	(void)snprintf(text, sizeof(text), "%d\n", (int)pid);
	for (i = 0; i < n; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		if (roles[i] == ROLE_V1_PROCS)
			assert_int_equal(write_full(fds[i], text, strlen(text)), 0);
	}
	for (i = 0; i < CG_NCONTROLLERS; i++)
		if (j->v1_fd[i] != -1)
			assert_file(j->v1_fd[i], "cgroup.procs", text);
	for (i = 0; i < n; i++)
		close_fd(&fds[i]);
	assert_int_equal(cgjob_kill(j), 0);
	wait_killed(pid);
	cgjob_free(j);
}

static void
test_init_and_kill(void **state)
{
	struct real *r = *state;
	pid_t pid, second, sup;
	struct limits l;
	struct cgjob *j;
	int fd;

	limits_init(&l);
	j = new_job(r, &l);
	assert_int_equal(cgjob_populated(j), 0);
	assert_int_equal(cgjob_open_init(j), -ESRCH);
	pid = child_in(j->job_fd);
	sup = child_in(cgjob_sup_fd(j));
	assert_int_equal(cgjob_populated(j), 1);

	fd = cgjob_open_init(j);
	assert_true(fd >= 0);
	assert_int_equal(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), 0);
	close_fd(&fd);
	second = child_in(j->job_fd);
	assert_int_equal(cgjob_open_init(j), -EBUSY);

	assert_int_equal(cgjob_kill(j), 0);
	wait_killed(pid);
	wait_killed(second);
	assert_int_equal(cg_wait_empty(j->job_fd, 1000), 0);
	assert_int_equal(kill(sup, 0), 0);		/* not of the job's tree */
	assert_int_equal(cgjob_kill_all(j), 0);
	wait_killed(sup);
	cgjob_free(j);
}

static void
test_usage(void **state)
{
	struct real *r = *state;
	struct limits l;
	struct usage u;
	struct cgjob *j;
	pid_t pid;

	ask_all(r, &l);
	j = new_job(r, &l);
	pid = child_in(j->job_fd);
	usage_init(&u);
	cgjob_usage(j, &u);
	assert_int_not_equal(u.cpu_usec, USAGE_UNKNOWN);
	assert_int_not_equal(u.memory_bytes, USAGE_UNKNOWN);
	assert_int_not_equal(u.io_read_bytes, USAGE_UNKNOWN);
	if (r->tree->where[CG_PIDS] == CG_V2)
		assert_int_equal(u.pids, 1);
	else
		assert_int_not_equal(u.pids, USAGE_UNKNOWN);
	assert_int_equal(cgjob_kill(j), 0);
	wait_killed(pid);
	cgjob_free(j);
}

/* A group with a process in it is killed and removed later, from the event loop. */
static void
test_busy_removal(void **state)
{
	struct real *r = *state;
	struct limits l;
	struct cgjob *j;
	pid_t pid, sup;
	int i;

	ask_all(r, &l);
	j = new_job(r, &l);
	pid = child_in(j->job_fd);
	sup = child_in(j->sup_fd);
	cgjob_free(j);
	assert_true(there("%s/users/alice/%s/job", r->parent, r->id_text));
	assert_int_equal(kill(pid, 0), 0);	/* freeing alone ends nothing at once */
	for (i = 0; i < 100 && there("%s/users/alice", r->parent); i++)
		assert_true(sd_event_run(r->event, 50 * 1000) >= 0);
	assert_false(there("%s/users/alice", r->parent));
	wait_killed(pid);
	wait_killed(sup);
}

/* The same without another turn of the loop: closing waits for it. */
static void
test_busy_close(void **state)
{
	struct real *r = *state;
	struct limits l;
	struct cgjob *j;
	pid_t pid;

	ask_all(r, &l);
	j = new_job(r, &l);
	pid = child_in(j->job_fd);
	cgjob_free(j);
	cgtree_close(r->tree);
	r->tree = NULL;
	assert_false(there("%s", r->parent));
	wait_killed(pid);
}

/* Two jobs of one user: the user's group goes with the second. */
static void
test_user_group(void **state)
{
	struct real *r = *state;
	struct cgjob *a, *b;
	struct limits l;

	ask_all(r, &l);
	a = new_job(r, &l);
	assert_int_equal(uuid_generate(&r->id), 0);
	b = new_job(r, &l);
	cgjob_free(a);
	assert_true(there("%s/users/alice", r->parent));
	check_v2(r->tree, b);
	check_v1(r->tree, b);
	cgjob_free(b);
	assert_false(there("%s/users/alice", r->parent));
}

static void
test_bad_user(void **state)
{
	static const char *const names[] = { "", ".", "..", "../x", "a/b", "Alice" };
	struct real *r = *state;
	char stage[64];
	struct limits l;
	struct cgjob *j;
	size_t i;

	limits_init(&l);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(cgjob_new(&j, r->tree, names[i], &r->id, &l, stage,
		    sizeof(stage)), -EINVAL);
}

/* What cannot be written is refused with its stage, and leaves nothing. */
static void
test_refused_limit(void **state)
{
	struct real *r = *state;
	char stage[64] = "";
	struct limits l;
	struct cgjob *j;

	need_controllers(r);
	limits_init(&l);
	l.cpu_millis = 1;		/* jobspec_check lets none below 10 through */
	assert_int_equal(cgjob_new(&j, r->tree, "alice", &r->id, &l, stage, sizeof(stage)),
	    -EINVAL);
	assert_non_null(strstr(stage, "limit cpu"));
	assert_false(there("%s/users/alice", r->parent));
}

/* A second daemon with the same group would take our jobs for leftovers. */
static void
test_locked(void **state)
{
	struct real *r = *state;
	struct cgtree *other;
	char why[256];

	assert_int_equal(cgtree_open(&other, NULL, &r->config, why, sizeof(why)), -EWOULDBLOCK);
	assert_non_null(strstr(why, "another telepilotd"));
	assert_true(there("%s/users", r->parent));
}

/*
 * Another path with the same last component is another root in v2, and the same
 * one in v1. Before: the second daemon's end removed the first one's groups, and
 * no job with a limit could start there any more.
 */
static void
test_same_name_in_v1(void **state)
{
	struct real *r = *state;
	struct cgtree_config config = r->config;
	struct cgtree *other = NULL;
	char *above, *parent, why[512];
	bool v1 = false;
	int c, e;

	for (c = 0; c < CG_NCONTROLLERS; c++)
		v1 = v1 || r->tree->where[c] == CG_V1;
	assert_int_not_equal(asprintf(&above, "%s-above", r->parent), -1);
	assert_int_not_equal(asprintf(&parent, "%s/%s", above, r->tree->name), -1);
	assert_int_equal(mkdir(above, 0755), 0);
	config.parent = parent;
	e = cgtree_open(&other, NULL, &config, why, sizeof(why));
	if (e == 0)
		cgtree_close(other);
	assert_int_equal(e, v1 ? -EWOULDBLOCK : 0);
	if (v1)
		assert_non_null(strstr(why, "another telepilotd"));
	assert_int_equal(rmdir(above), 0);
	for (c = 0; c < CG_NCONTROLLERS; c++)
		if (r->tree->where[c] == CG_V1)
			assert_true(there("%s/%s", r->host.v1_own[c], r->tree->name));
	free(parent);
	free(above);
}

#define JOB	"01234567-89ab-4cde-8f01-23456789abcd"

/* An earlier daemon was killed: its jobs are ended and its groups removed. */
static void
test_leftovers(void **state)
{
	struct real *r = *state;
	int fd, job;
	pid_t pid;

	cgtree_close(r->tree);
	r->tree = NULL;
	fd = cg_make_dir(-1, r->parent, NULL);
	assert_true(fd >= 0);
	assert_int_equal(mkdirat(fd, "users", 0755), 0);
	assert_int_equal(mkdirat(fd, "users/bob", 0755), 0);
	assert_int_equal(mkdirat(fd, "users/bob/" JOB, 0755), 0);
	job = cg_make_dir(fd, "users/bob/" JOB "/job", NULL);
	assert_true(job >= 0);
	pid = child_in(job);
	open_tree(r);
	wait_killed(pid);
	assert_false(there("%s/users/bob", r->parent));
	close_fd(&job);
	close_fd(&fd);
	/* It was there before: it is not ours to remove. */
	cgtree_close(r->tree);
	r->tree = NULL;
	assert_true(there("%s", r->parent));
	assert_int_equal(rmdir(r->parent), 0);
}

/*
 * What has not the form of a job's group is somebody else's, though it lies in our
 * tree: it was killed, and removed where it was empty.
 */
static void
test_foreign_groups(void **state)
{
	static const char *const foreign[] = {
		"users/Upper", ("users/Upper/" JOB), "users/bob/x", "users/bob/x/job",
	};
	struct real *r = *state;
	const char *name = strrchr(r->parent, '/');
	int c, fd, group, v1[CG_NCONTROLLERS];
	pid_t pid;
	size_t i;

	cgtree_close(r->tree);
	r->tree = NULL;
	assert_true((fd = cg_make_dir(-1, r->parent, NULL)) >= 0);
	assert_int_equal(mkdirat(fd, "users", 0755), 0);
	assert_int_equal(mkdirat(fd, "users/bob", 0755), 0);
	for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_int_equal(mkdirat(fd, foreign[i], 0755), 0);
	assert_int_equal(mkdirat(fd, "users/bob/" JOB, 0755), 0);
	assert_true((group = cg_open_dir(fd, "users/bob/x/job")) >= 0);
	pid = child_in(group);
	for (c = 0; c < CG_NCONTROLLERS; c++) {
		v1[c] = -1;
		if (r->host.v1_own[c] == NULL)
			continue;
		v1[c] = cg_open_dir(-1, r->host.v1_own[c]);
		assert_true(v1[c] >= 0);
		assert_true(mkdirat(v1[c], name + 1, 0755) == 0 || errno == EEXIST);
		assert_true((group = cg_open_dir(v1[c], name + 1)) >= 0);
		assert_true(mkdirat(group, "bob", 0755) == 0 || errno == EEXIST);
		assert_true(mkdirat(group, "bob/" JOB, 0755) == 0 || errno == EEXIST);
		assert_true(mkdirat(group, "Upper", 0755) == 0 || errno == EEXIST);
		close_fd(&group);
	}
	open_tree(r);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_true(there("%s/%s", r->parent, foreign[i]));
	assert_false(there("%s/users/bob/" JOB, r->parent));
	for (c = 0; c < CG_NCONTROLLERS; c++)
		if (v1[c] != -1) {
			assert_false(there("%s%s/bob", r->host.v1_own[c], name));
			assert_true(there("%s%s/Upper", r->host.v1_own[c], name));
		}
	cgtree_close(r->tree);
	r->tree = NULL;
	assert_int_equal(kill(pid, SIGKILL), 0);
	wait_killed(pid);
	for (c = 0; c < CG_NCONTROLLERS; c++)
		if (v1[c] != -1) {
			assert_int_equal(cg_remove(v1[c], name + 1), 0);
			close_fd(&v1[c]);
		}
	close_fd(&fd);
	assert_int_equal(cg_remove(-1, r->parent), 0);
}

/* What cgtree_open found by trying, with everything that is printed. */
static void
collect_line(void *arg, const char *line)
{
	char *text = arg;
	size_t len = strlen(text);

	assert_int_equal(strncmp(line, "cgroup /", 8) == 0 || strncmp(line, "limit ", 6) == 0, 1);
	(void)snprintf(text + len, 4096 - len, "%s\n", line);
}

static void
probe_text(const struct cgtree_config *config, char *text)
{
	char why[512];
	struct cgtree *t;
	int e;

	if ((e = cgtree_probe(&t, config, why, sizeof(why))) != 0)
		fail_msg("cgtree_probe: %s (%s)", why, strerror(-e));
	text[0] = '\0';
	cgtree_describe(t, collect_line, text);
	cgtree_close(t);
}

/* Beside the daemon, before it and after it, by looking only. */
static void
test_probe(void **state)
{
	struct real *r = *state;
	char opened[4096] = "", text[4096];
	struct limits none;
	struct cgjob *j;
	int job, users;
	pid_t pid;

	cgtree_describe(r->tree, collect_line, opened);
	limits_init(&none);
	j = new_job(r, &none);
	pid = child_in(j->job_fd);
	probe_text(&r->config, text);
	assert_string_equal(text, opened);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_true(there("%s/users/alice/%s/job", r->parent, r->id_text));
	assert_int_equal(cgjob_kill_all(j), 0);
	wait_killed(pid);
	cgjob_free(j);
	cgtree_close(r->tree);
	r->tree = NULL;

	/* Nothing is there, and nothing is made. */
	probe_text(&r->config, text);
	assert_string_equal(text, opened);
	assert_false(there("%s", r->parent));

	/* What a daemon that was killed left is its successor's to sweep. */
	assert_true((users = cg_make_dir(-1, r->parent, NULL)) >= 0);
	assert_int_equal(mkdirat(users, "users", 0755), 0);
	assert_int_equal(mkdirat(users, "users/bob", 0755), 0);
	assert_int_equal(mkdirat(users, "users/bob/" JOB, 0755), 0);
	assert_true((job = cg_open_dir(users, "users/bob/" JOB)) >= 0);
	pid = child_in(job);
	close_fd(&job);
	probe_text(&r->config, text);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	wait_killed(pid);
	assert_true(there("%s/users/bob/" JOB, r->parent));
	close_fd(&users);
	assert_int_equal(cg_remove(-1, r->parent), 0);
}

static void
test_probe_bad_parents(void **state)
{
	static const char *const paths[] = { "relative", "/", "/tmp/x", "/nonexistent/a/b", "" };
	struct cgtree_config config = { .default_pids = 1 };
	struct cgtree *t;
	char why[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		config.parent = paths[i];
		assert_true(cgtree_probe(&t, &config, why, sizeof(why)) < 0);
		assert_non_null(strstr(why, paths[i]));
	}
}

/*
 * On tmpfs a supervisor's memory.max would kill it for its job's output. The
 * groups are plain directories here, so that any host can show it.
 */
static void
test_state_in_memory(void **state)
{
	char dir[] = "/tmp/test-cgroup-XXXXXX", stage[JOB_STAGE_MAX], text[64];
	struct cgtree_config config = { .state_in_memory = true };
	struct cgtree *t;
	struct cgjob j;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_true((fd = cg_open_dir(-1, dir)) >= 0);
	put_text(fd, "memory.oom.group", "0");
	put_text(fd, "memory.max", "max");
	assert_non_null(t = cg_tree_new(NULL, &config));
	t->where[CG_MEMORY] = CG_V2;
	memset(&j, 0, sizeof(j));
	j.tree = t;
	j.job_fd = j.sup_fd = fd;
	assert_int_equal(cg_write_fixed(&j, stage, sizeof(stage)), 0);
	assert_file(fd, "memory.oom.group", "1");
	assert_true(cg_read(fd, "memory.max", text, sizeof(text)) == 3);
	assert_string_equal(text, "max");
	t->state_in_memory = false;
	assert_int_equal(cg_write_fixed(&j, stage, sizeof(stage)), 0);
	assert_file(fd, "memory.max", "33554432");
	cgtree_close(t);
	assert_int_equal(unlinkat(fd, "memory.oom.group", 0), 0);
	assert_int_equal(unlinkat(fd, "memory.max", 0), 0);
	close_fd(&fd);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_bad_parents(void **state)
{
	static const char *const paths[] = { "relative", "/", "/tmp/x", "/nonexistent/a/b", "" };
	struct real *r = *state;
	struct cgtree_config config = r->config;
	struct cgtree *t;
	char why[256];
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		config.parent = paths[i];
		assert_true(cgtree_open(&t, NULL, &config, why, sizeof(why)) < 0);
		assert_non_null(strstr(why, paths[i]));
		print_message("%s\n", why);
	}
	assert_false(there("/tmp/x/users"));
}

/* Without a configured group: a scope under systemd, else one below our own. */
static void
test_default_tree(void **state)
{
	struct real *r = *state;
	struct cgtree_config config = { .weak_io = true, .default_pids = 100 };
	char why[256] = "", *path, opened[4096] = "", text[4096];
	struct cgtree *t;
	int e;

	if ((e = cgtree_open(&t, r->event, &config, why, sizeof(why))) != 0)
		fail_msg("%s: %s", why, strerror(-e));
	path = strdup(t->path);
	assert_non_null(path);
	print_message("%s\n", path);
	assert_true(there("%s/users", path));
	for (e = 0; e < CG_NCONTROLLERS; e++)
		if (t->why[e] != CG_WHY_BUSY)
			assert_int_not_equal(t->where[e], CG_ABSENT);
	/* By looking, the same; only the path of a tree without systemd is not known. */
	cgtree_describe(t, collect_line, opened);
	probe_text(&config, text);
	if (cg_host_unified(&r->host) && sd_booted() > 0)
		assert_string_equal(text, opened);
	else
		assert_string_equal(strchr(text, '\n'), strchr(opened, '\n'));
	cgtree_close(t);
	for (e = 0; e < 100 && there("%s", path); e++)
		(void)usleep(50 * 1000);	/* systemd removes its scope in its own time */
	assert_false(there("%s", path));
	free(path);
}

/* A tree of a daemon that was killed, beside ours, by the pid of its name. */
static void
test_stale_tree(void **state)
{
	struct real *r = *state;
	struct cgtree_config config = { .weak_io = true, .default_pids = 100 };
	char why[256] = "", *path;
	struct cgtree *t;
	int fd, job;
	pid_t gone, pid;

	if (cg_host_unified(&r->host))
		skip();		/* there the tree is a scope of one name */
	if ((gone = fork()) == 0)
		_exit(0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	assert_int_not_equal(asprintf(&path, "%s/telepilot-%d", r->host.v2_own, (int)gone), -1);
	assert_true((fd = cg_make_dir(-1, path, NULL)) >= 0);
	assert_int_equal(mkdirat(fd, "users", 0755), 0);
	assert_int_equal(mkdirat(fd, "users/bob", 0755), 0);
	assert_int_equal(mkdirat(fd, "users/bob/" JOB, 0755), 0);
	assert_true((job = cg_make_dir(fd, "users/bob/" JOB "/job", NULL)) >= 0);
	pid = child_in(job);
	close_fd(&job);
	close_fd(&fd);
	assert_int_equal(cgtree_open(&t, r->event, &config, why, sizeof(why)), 0);
	wait_killed(pid);
	assert_false(there("%s", path));
	cgtree_close(t);
	free(path);
}

/* Under systemd on a unified host: a group of our own, which no shell is in. */
static void
into_scope(const char *self)
{
	struct cg_host h;
	bool wanted;

	if (getenv("TEST_CGROUP_SCOPE") != NULL || sd_booted() <= 0 || cg_host_find(&h) != 0)
		return;
	wanted = cg_host_unified(&h);
	cg_host_free(&h);
	if (wanted && setenv("TEST_CGROUP_SCOPE", "1", 1) == 0)
		(void)execlp("systemd-run", "systemd-run", "--scope", "--quiet", "--property",
		    "Delegate=yes", self, (char *)NULL);
}

#define REAL(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_hybrid),
		cmocka_unit_test(test_parse_unified),
		cmocka_unit_test(test_parse_outside),
		cmocka_unit_test(test_parse_malformed),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_only_pid),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_admit),
		cmocka_unit_test(test_admit_reasons),
		REAL(test_tree_describe),
		REAL(test_limits_written),
		REAL(test_no_limits),
		REAL(test_spawn_fds),
		REAL(test_init_and_kill),
		REAL(test_usage),
		REAL(test_busy_removal),
		REAL(test_busy_close),
		REAL(test_user_group),
		REAL(test_bad_user),
		REAL(test_refused_limit),
		REAL(test_locked),
		REAL(test_same_name_in_v1),
		REAL(test_leftovers),
		REAL(test_foreign_groups),
		REAL(test_probe),
		cmocka_unit_test(test_probe_bad_parents),
		cmocka_unit_test(test_state_in_memory),
		REAL(test_bad_parents),
		REAL(test_default_tree),
		REAL(test_stale_tree),
	};

	if (argc == 1)
		into_scope(argv[0]);
	log_init("test_cgroup", 1);
	return (cmocka_run_group_tests_name("cgroup", tests, NULL, NULL));
}
