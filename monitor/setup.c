/* SPDX-License-Identifier: ISC */

/*
 * The files of a setup are copied, unread, into sealed memory: a netd that
 * starts later, or after a SIGHUP that was refused, finds what was there when
 * the configuration was read, whatever became of the files since. They are parsed
 * by netd alone.
 */

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "monitor/setup.h"

#define SETUP_FILE_MAX	(4 * 1024 * 1024)
#define SEALS	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct setup *
setup_new(struct config *c)
{
	struct setup *s;
	size_t i;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		config_free(c);
		return (NULL);
	}
	s->refs = 1;
	s->config = c;
	for (i = 0; i < SETUP_FILES; i++)
		s->files[i] = -1;
	return (s);
}

struct setup *
setup_ref(struct setup *s)
{
	s->refs++;
	return (s);
}

void
setup_unref(struct setup *s)
{
	size_t i;

	if (s == NULL || --s->refs > 0)
		return;
	for (i = 0; i < SETUP_FILES; i++)
		close_fd(&s->files[i]);
	listeners_close(&s->listeners);
	accounts_free(s->accounts);
	config_free(s->config);
	free(s);
}

/* What is wrong with the open file, or NULL. */
static const char *
check_file(int fd, enum setup_file which)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return (strerror(errno));
	if (!S_ISREG(st.st_mode))
		return ("it is no regular file");
	if (st.st_size > SETUP_FILE_MAX)
		return ("it is too large");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return ("it does not belong to root");
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return ("others than its owner may write it (chmod go-w)");
	if (which == FILE_KEY && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return ("others than its owner may read the key (chmod 600)");
	return (NULL);
}

/* The bytes go from kernel to kernel: the monitor never has the key in its memory. */
static int
copy_sealed(int from)
{
	ssize_t n;
	int fd, r;

	if ((fd = memfd_create("telepilot", MFD_CLOEXEC | MFD_ALLOW_SEALING)) == -1)
		return (-errno);
	while ((n = sendfile(fd, from, NULL, SETUP_FILE_MAX)) != 0)
		if (n == -1 && errno != EINTR) {
			r = -errno;
			close(fd);
			return (r);
		}
	if (fcntl(fd, F_ADD_SEALS, SEALS) == -1) {
		r = -errno;
		close(fd);
		return (r);
	}
	return (fd);
}

static const char *
read_one(struct setup *s, enum setup_file which, const char *path)
{
	const char *wrong;
	int fd, copy;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) == -1)
		return (strerror(errno));
	if ((wrong = check_file(fd, which)) == NULL) {
		if ((copy = copy_sealed(fd)) < 0)
			wrong = strerror(-copy);
		else
			s->files[which] = copy;
	}
	close(fd);
	return (wrong);
}

int
setup_read_files(struct setup *s, config_error *error, void *arg)
{
	const struct config *c = s->config;
	const struct {
		const char *keyword, *path;
	} files[SETUP_FILES] = {
		[FILE_CERTIFICATE] = { "ServerCertificate", c->server_certificate },
		[FILE_KEY] = { "ServerKey", c->server_key },
		[FILE_CLIENT_CA] = { "ClientCA", c->client_ca },
		[FILE_CLIENT_CRL] = { "ClientCRL", c->client_crl },
	};
	char text[1024];
	const char *wrong;
	int i, r = 0;

	for (i = 0; i < SETUP_FILES; i++) {
		if (files[i].path == NULL)
			continue;
		if ((wrong = read_one(s, (enum setup_file)i, files[i].path)) == NULL)
			continue;
		snprintf(text, sizeof(text), "%s %s: %s", files[i].keyword, files[i].path, wrong);
		error(arg, text);
		r = -EINVAL;
	}
	if (r != 0)
		error(arg, "`telepilot ca init` makes a CA, and the server's certificate and key, "
		    "in " TELEPILOT_SYSCONFDIR "; `telepilot ca issue NAME` then makes a user's");
	return (r);
}

void
setup_fill_init(struct setup *s)
{
	const struct config *c = s->config;
	struct netd_init *n = &s->init;

	memset(n, 0, sizeof(*n));
	snprintf(n->trust_domain, sizeof(n->trust_domain), "%s", c->trust_domain);
	n->identity = (uint8_t)c->identity;
	n->has_crl = s->files[FILE_CLIENT_CRL] != -1;
	n->uid = s->accounts->net_uid;
	n->gid = s->accounts->net_gid;
	n->max_streams = c->max_streams;
	n->max_header_bytes = c->max_header_size;
	n->max_message_bytes = c->max_message_size;
	n->login_grace = c->login_grace;
	n->idle_timeout = c->idle_timeout;
}

int
setup_open_files(const struct setup *s, int fds[SETUP_FILES])
{
	char path[64];
	int i, n = 0, r;

	for (i = 0; i < SETUP_FILES; i++) {
		if (s->files[i] == -1)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", s->files[i]);
		if ((fds[n] = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
			r = -errno;
			while (n > 0)
				close_fd(&fds[--n]);
			return (r);
		}
		n++;
	}
	return (n);
}
