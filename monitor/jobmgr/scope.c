/* SPDX-License-Identifier: ISC */

/*
 * telepilot-jobs.scope: a transient unit, delegated to us, so that the jobs'
 * tree does not lie below the daemon's own service, whose restart it would
 * break. systemd makes a scope only around a process and ends it when its last
 * process is gone. That process is the holder here: a child that does nothing,
 * in the leaf `keep`, and goes with this daemon in whatever way that ends.
 *
 * sd-bus is spoken here only, and only while the daemon starts.
 */

#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "common/signals.h"
#include "monitor/jobmgr/cgroup_priv.h"
#include "monitor/jobmgr/scope.h"

#define SCOPE_NAME	"telepilot-jobs.scope"
#define CALL_USEC	(10 * 1000 * 1000)
#define STEP_MS		20
#define WAIT_MS		10000		/* for systemd to make, or end, the scope */

#define SYSTEMD		"org.freedesktop.systemd1"
#define SYSTEMD_PATH	"/org/freedesktop/systemd1"

struct scope {
	pid_t holder;
};

static void
step(void)
{
	static const struct timespec ts = { 0, STEP_MS * 1000 * 1000 };

	(void)nanosleep(&ts, NULL);
}

/* --- the holder ------------------------------------------------------------ */

static void __attribute__((noreturn))
hold(pid_t parent)
{
	(void)prctl(PR_SET_NAME, "telepilot-keep");
	(void)setsid();		/* no terminal's signals */
	(void)close_from(0);
	signals_default();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(1);
	for (;;)
		(void)pause();
}

static int
start_holder(struct scope *s)
{
	pid_t self = getpid();

	if ((s->holder = fork()) == -1)
		return (-errno);
	if (s->holder == 0)
		hold(self);
	return (0);
}

/* systemd ends what is in a scope that it ends: then another is needed. */
static int
check_holder(struct scope *s)
{
	if (waitpid(s->holder, NULL, WNOHANG) == 0)
		return (0);
	return (start_holder(s));
}

static void
end_holder(struct scope *s)
{
	if (s->holder <= 0)
		return;
	(void)kill(s->holder, SIGKILL);		/* our child: its pid cannot be another's */
	while (waitpid(s->holder, NULL, 0) == -1 && errno == EINTR)
		;
	s->holder = 0;
}

/* The holder's v2 group: a path of the hierarchy, in a text of the caller's. */
static const char *
holder_group(const struct scope *s, char *text, size_t size)
{
	struct cg_member m;
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)s->holder);
	if (cg_read(-1, path, text, size) < 0)
		return (NULL);
	while (cg_next_member(&text, &m))
		if (m.controllers[0] == '\0')
			return (m.path);
	return (NULL);
}

/* --- systemd --------------------------------------------------------------- */

static int
add_properties(sd_bus_message *m, pid_t holder)
{
	int r;

	/*
	 * Delegate: the tree below is ours. Before: at shutdown the scope is
	 * stopped after the daemon has ended its jobs. CollectMode: a scope that
	 * failed does not keep the name.
	 */
	if ((r = sd_bus_message_open_container(m, 'a', "(sv)")) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "Description", "s",
	    "Jobs of TelePilot")) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "Slice", "s", "system.slice")) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "Delegate", "b", 1)) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "TasksMax", "t", UINT64_MAX)) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "Before", "as", 1,
	    "telepilotd.service")) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "CollectMode", "s",
	    "inactive-or-failed")) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, (uint32_t)holder)) < 0)
		return (r);
	return (sd_bus_message_close_container(m));
}

/* 0: systemd will make it; -EEXIST: it is there; or -errno with err set. */
static int
ask_for_scope(sd_bus *bus, pid_t holder, sd_bus_error *err)
{
	sd_bus_message *m = NULL;
	int r;

	if ((r = sd_bus_message_new_method_call(bus, &m, SYSTEMD, SYSTEMD_PATH,
	    SYSTEMD ".Manager", "StartTransientUnit")) >= 0 &&
	    (r = sd_bus_message_append(m, "ss", SCOPE_NAME, "fail")) >= 0 &&
	    (r = add_properties(m, holder)) >= 0 &&
	    (r = sd_bus_message_append(m, "a(sa(sv))", 0)) >= 0)
		r = sd_bus_call(bus, m, CALL_USEC, err, NULL);
	sd_bus_message_unref(m);
	if (r < 0 && sd_bus_error_has_name(err, SYSTEMD ".UnitExists"))
		return (-EEXIST);
	return (r < 0 ? r : 0);
}

/* The group of the scope that is there; -ENOENT when it is on its way out. */
static int
existing_group(sd_bus *bus, char **group)
{
	char *object, *state = NULL;
	int r;

	*group = NULL;
	if ((r = sd_bus_path_encode(SYSTEMD_PATH "/unit", SCOPE_NAME, &object)) < 0)
		return (r);
	if ((r = sd_bus_get_property_string(bus, SYSTEMD, object, SYSTEMD ".Unit",
	    "ActiveState", NULL, &state)) >= 0 && strcmp(state, "active") != 0)
		r = -ENOENT;
	if (r >= 0)
		r = sd_bus_get_property_string(bus, SYSTEMD, object, SYSTEMD ".Scope",
		    "ControlGroup", NULL, group);
	if (r >= 0 && (*group)[0] != '/') {
		free(*group);
		*group = NULL;
		r = -ENOENT;
	}
	free(state);
	free(object);
	return (r < 0 ? -ENOENT : 0);
}

/* --- together -------------------------------------------------------------- */

/* Into the leaf keep: the scope's own group may hold no process beside children. */
static int
keep_holder(const struct scope *s, const char *dir)
{
	int fd, keep, r;

	if ((fd = cg_open_dir(-1, dir)) < 0)
		return (fd);
	if ((keep = cg_make_dir(fd, "keep", NULL)) < 0)
		r = keep;
	else {
		r = cg_write(keep, "cgroup.procs", "%d", (int)s->holder);
		close_fd(&keep);
	}
	close_fd(&fd);
	return (r);
}

/* A new scope: systemd moves the holder into it, in its own time. */
static int
wait_new(const struct scope *s, const char *mount, char **dir)
{
	static const char tail[] = "/" SCOPE_NAME;
	char text[4096];
	const char *group;
	size_t len;
	int ms;

	for (ms = 0; ms < WAIT_MS; ms += STEP_MS) {
		if ((group = holder_group(s, text, sizeof(text))) != NULL &&
		    (len = strlen(group)) >= sizeof(tail) - 1 &&
		    strcmp(group + len - (sizeof(tail) - 1), tail) == 0)
			return (asprintf(dir, "%s%s", mount, group) == -1 ? -ENOMEM : 0);
		step();
	}
	return (-ETIMEDOUT);
}

static int
join_existing(sd_bus *bus, const char *mount, char **dir)
{
	char *group;
	int r;

	if ((r = existing_group(bus, &group)) != 0)
		return (r);
	if (asprintf(dir, "%s%s", mount, group) == -1)
		r = -ENOMEM;
	free(group);
	return (r);
}

/* An earlier daemon's scope may be ending just now: then it is tried again. */
static int
acquire(struct scope *s, sd_bus *bus, const char *mount, char **dir, sd_bus_error *err)
{
	int ms, r = -ETIMEDOUT;

	for (ms = 0; ms < WAIT_MS; ms += STEP_MS) {
		*dir = NULL;
		sd_bus_error_free(err);
		if ((r = check_holder(s)) != 0)
			return (r);
		if ((r = ask_for_scope(bus, s->holder, err)) == 0)
			r = wait_new(s, mount, dir);
		else if (r == -EEXIST)
			r = join_existing(bus, mount, dir);
		if (r == 0 && (r = keep_holder(s, *dir)) == 0)
			return (0);
		free(*dir);
		*dir = NULL;
		if (r != -ENOENT && r != -ENODEV && r != -ESRCH)
			return (r);
		step();
	}
	return (r);
}

int
scope_open(struct scope **sp, const char *v2_mount, char **cgroup, char *why, size_t size)
{
	sd_bus_error err = SD_BUS_ERROR_NULL;
	sd_bus *bus = NULL;
	struct scope *s;
	int r;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (-ENOMEM);
	if ((r = sd_bus_open_system(&bus)) < 0) {
		(void)snprintf(why, size, "the system bus, to ask systemd for " SCOPE_NAME
		    ": %s; is dbus installed? CgroupParent names a cgroup without it",
		    strerror(-r));
		goto fail;
	}
	(void)sd_bus_set_method_call_timeout(bus, CALL_USEC);
	if ((r = start_holder(s)) == 0)
		r = acquire(s, bus, v2_mount, cgroup, &err);
	if (r != 0) {
		(void)snprintf(why, size, "systemd's " SCOPE_NAME ": %s",
		    err.message != NULL ? err.message : strerror(-r));
		goto fail;
	}
	sd_bus_error_free(&err);
	sd_bus_flush_close_unref(bus);
	log_debug("cgroups: jobs run in " SCOPE_NAME);
	*sp = s;
	return (0);
fail:
	sd_bus_error_free(&err);
	sd_bus_flush_close_unref(bus);
	end_holder(s);
	free(s);
	return (r);
}

void
scope_close(struct scope *s)
{
	if (s == NULL)
		return;
	end_holder(s);
	free(s);
}
