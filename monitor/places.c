/* SPDX-License-Identifier: ISC */

/*
 * StateDirectory, RuntimeDirectory with netd's empty root in it, and the helper
 * programs. Each is opened once and used by its descriptor from then on, so that
 * what was checked is what is used.
 */

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "monitor/places.h"
#include "monitor/runner.h"

#define EMPTY	"empty"

struct check {
	config_error *error;
	void *arg;
	bool use;
	int result;
};

static void complain(struct check *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
complain(struct check *k, const char *fmt, ...)
{
	char text[PATH_MAX + 512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	k->error(k->arg, text);
	k->result = -EINVAL;
}

/* What is wrong with the directory, or NULL. forbidden: mode bits it must not have. */
static const char *
check_dir(int fd, mode_t forbidden)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return (strerror(errno));
	if (st.st_uid != geteuid())
		return ("it does not belong to root");
	if ((st.st_mode & forbidden) != 0)
		return ((forbidden & S_IROTH) != 0 ? "its mode is not 0700" :
		    "others than root may write it (chmod go-w)");
	return (NULL);
}

/* Whatever the umask is. */
static int
make_dir(int at, const char *dir, mode_t mode)
{
	int fd;

	if (mkdirat(at, dir, mode) == -1 ||
	    (fd = openat(at, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return (-1);
	if (fchmod(fd, mode) == -1)
		close_fd(&fd);
	return (fd);
}

/*
 * Opens dir below at, making it first if it is missing and ours to make. -1: it
 * cannot be used, which was told, or is missing in a mere check.
 */
static int
open_dir(struct check *k, int at, const char *dir, const char *shown, mode_t mode,
    mode_t forbidden)
{
	const char *wrong;
	int fd;

	fd = openat(at, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT && k->use)
		fd = make_dir(at, dir, mode);
	if (fd == -1) {
		if (errno != ENOENT || k->use)
			complain(k, "%s: %s", shown, strerror(errno));
		return (-1);
	}
	if ((wrong = check_dir(fd, forbidden)) != NULL) {
		complain(k, "%s: %s", shown, wrong);
		close_fd(&fd);
	}
	return (fd);
}

/* In a mere check, a directory that could be made is as good as one. */
static void
check_parent(struct check *k, const char *keyword, const char *path)
{
	char parent[PATH_MAX];
	char *slash;

	if (k->use || access(path, F_OK) == 0)
		return;
	snprintf(parent, sizeof(parent), "%s", path);
	if ((slash = strrchr(parent, '/')) == NULL)
		return;
	slash[slash == parent ? 1 : 0] = '\0';
	if (access(parent, F_OK) != 0)
		complain(k, "%s %s: there is no %s to make it in", keyword, path, parent);
}

static void
open_state(struct check *k, struct places *p, const char *path)
{
	char shown[PATH_MAX + 32], why[256];

	snprintf(shown, sizeof(shown), "StateDirectory %s", path);
	check_parent(k, "StateDirectory", path);
	p->state = open_dir(k, AT_FDCWD, path, shown, 0700, S_IRWXG | S_IRWXO);
	if (p->state == -1)
		return;
	if (runner_check_state_dir(p->state, why, sizeof(why)) != 0)
		complain(k, "%s: %s", shown, why);
	if (k->use && flock(p->state, LOCK_EX | LOCK_NB) == -1)
		complain(k, "%s: %s", shown, errno == EWOULDBLOCK ?
		    "another telepilotd uses it" : strerror(errno));
}

static void
check_empty(struct check *k, int fd, const char *shown)
{
	const struct dirent *e;
	DIR *d;
	int copy;

	if ((copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 ||
	    (d = fdopendir(copy)) == NULL) {
		complain(k, "%s: %s", shown, strerror(errno));
		close_fd(&copy);
		return;
	}
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			complain(k, "%s: it is not empty (%s); it becomes telepilot-netd's root",
			    shown, e->d_name);
			break;
		}
	closedir(d);
}

static void
open_runtime(struct check *k, struct places *p, const char *path)
{
	char shown[PATH_MAX + 32];
	int fd;

	snprintf(shown, sizeof(shown), "RuntimeDirectory %s", path);
	check_parent(k, "RuntimeDirectory", path);
	if ((fd = open_dir(k, AT_FDCWD, path, shown, 0755, S_IWGRP | S_IWOTH)) == -1)
		return;
	snprintf(shown, sizeof(shown), "RuntimeDirectory %s/" EMPTY, path);
	p->empty = open_dir(k, fd, EMPTY, shown, 0755, S_IWGRP | S_IWOTH);
	close_fd(&fd);
	if (p->empty != -1)
		check_empty(k, p->empty, shown);
}

static int
open_helper(struct check *k, const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st, own;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path)) {
		complain(k, "LibexecDirectory: the path is too long");
		return (-1);
	}
	if ((fd = open(path, O_PATH | O_CLOEXEC)) == -1 || fstat(fd, &st) == -1 ||
	    stat("/proc/self/exe", &own) == -1)
		complain(k, "%s: %s (see LibexecDirectory)", path, strerror(errno));
	else if (!S_ISREG(st.st_mode) || (st.st_mode & S_IXUSR) == 0)
		complain(k, "%s: it is no program", path);
	else if ((st.st_uid != 0 && st.st_uid != own.st_uid) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		complain(k, "%s: others than root may change it", path);
	return (fd);
}

void
places_init(struct places *p)
{
	p->state = p->empty = p->null = p->netd = p->spawner = -1;
}

int
places_open(struct places *p, const struct config *c, bool use, config_error *error, void *arg)
{
	struct check k = { error, arg, use, 0 };

	open_state(&k, p, c->state_directory);
	open_runtime(&k, p, c->runtime_directory);
	p->netd = open_helper(&k, c->libexec_directory, "telepilot-netd");
	p->spawner = open_helper(&k, c->libexec_directory, "telepilot-spawner");
	if ((p->null = open("/dev/null", O_RDWR | O_CLOEXEC)) == -1)
		complain(&k, "/dev/null: %s", strerror(errno));
	if (!use || k.result != 0)
		places_close(p);
	return (k.result);
}

void
places_close(struct places *p)
{
	close_fd(&p->state);
	close_fd(&p->empty);
	close_fd(&p->null);
	close_fd(&p->netd);
	close_fd(&p->spawner);
}
