/* SPDX-License-Identifier: ISC */

/*
 * The files of a CA. Each is made new, with O_EXCL and its final mode, and is
 * on the disk when we say so; on any failure all that was made is taken back,
 * so that a second try meets no half of a first one.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "cli/ca.h"
#include "cli/cli.h"
#include "common/fdio.h"

#define PEM_FILE_MAX	(64 * 1024)

static int
made(struct ca_files *f, int dir, const char *name, bool is_dir)
{
	struct ca_made *m = &f->made[f->n];

	if (f->n == CA_FILES_MAX || (m->name = strdup(name)) == NULL) {
		(void)unlinkat(dir, name, is_dir ? AT_REMOVEDIR : 0);
		return (complain("out of memory"));
	}
	m->dir = dir;
	m->is_dir = is_dir;
	f->n++;
	return (0);
}

static int
keep_dir(struct ca_files *f, int fd)
{
	f->dirs[f->ndirs++] = fd;
	return (0);
}

int
ca_files_begin(struct ca_files *f, const char *path, bool create)
{
	bool is_new = false;
	int fd;

	memset(f, 0, sizeof(*f));
	if ((f->base = strdup(path)) == NULL)
		return (complain("out of memory"));
	if (create) {
		if (mkdir(path, 0755) == 0)
			is_new = true;
		else if (errno != EEXIST)
			return (complain("%s: %s", path, strerror(errno)));
	}
	if (is_new && made(f, AT_FDCWD, path, true) != 0)
		return (EXIT_TELEPILOT);
	if ((fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (complain("%s: %s", path, strerror(errno)));
	keep_dir(f, fd);
	if (is_new && fchmod(fd, 0755) == -1)
		return (complain("%s: %s", path, strerror(errno)));
	return (0);
}

int
ca_files_dir(struct ca_files *f, int parent, const char *name, mode_t mode, int *fd)
{
	bool is_new = mkdirat(parent, name, mode) == 0;

	if (!is_new && errno != EEXIST)
		return (complain("%s/%s: %s", f->base, name, strerror(errno)));
	if (is_new && made(f, parent, name, true) != 0)
		return (EXIT_TELEPILOT);
	*fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd == -1)
		return (complain("%s/%s: %s", f->base, name, strerror(errno)));
	keep_dir(f, *fd);
	if (is_new && fchmod(*fd, mode) == -1)
		return (complain("%s/%s: %s", f->base, name, strerror(errno)));
	return (0);
}

int
ca_files_put(struct ca_files *f, int dir, const char *place, const char *name, mode_t mode,
    const void *data, size_t len)
{
	int fd, r;

	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd == -1 && errno == EEXIST)
		return (complain("%s/%s%s is there already; nothing was changed", f->base, place,
		    name));
	if (fd == -1)
		return (complain("%s/%s%s: %s", f->base, place, name, strerror(errno)));
	if ((r = made(f, dir, name, false)) == 0) {
		if ((r = write_full(fd, data, len)) == 0 &&
		    (fchmod(fd, mode) == -1 || fsync(fd) == -1))
			r = -errno;
		if (r != 0)
			r = complain("%s/%s%s: %s", f->base, place, name, strerror(-r));
	}
	if (close(fd) == -1 && r == 0)
		r = complain("%s/%s%s: %s", f->base, place, name, strerror(errno));
	return (r);
}

int
ca_files_put_key(struct ca_files *f, int dir, const char *place, const char *name,
    EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *data;
	long len;
	int r;

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
	    NULL) != 1)
		r = complain("out of memory");
	else {
		len = BIO_get_mem_data(bio, &data);
		r = ca_files_put(f, dir, place, name, 0600, data, (size_t)len);
		OPENSSL_cleanse(data, (size_t)len);
	}
	BIO_free(bio);
	return (r);
}

int
ca_files_put_cert(struct ca_files *f, int dir, const char *place, const char *name, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long len;
	int r;

	if (bio == NULL || PEM_write_bio_X509(bio, cert) != 1)
		r = complain("out of memory");
	else {
		len = BIO_get_mem_data(bio, &data);
		r = ca_files_put(f, dir, place, name, 0644, data, (size_t)len);
	}
	BIO_free(bio);
	return (r);
}

static void
take_back(struct ca_files *f)
{
	size_t i;

	for (i = f->n; i > 0; i--)
		(void)unlinkat(f->made[i - 1].dir, f->made[i - 1].name,
		    f->made[i - 1].is_dir ? AT_REMOVEDIR : 0);
}

int
ca_files_end(struct ca_files *f, int r)
{
	size_t i;

	for (i = 0; r == 0 && i < f->ndirs; i++)
		if (fsync(f->dirs[i]) == -1)
			r = complain("%s: %s", f->base, strerror(errno));
	if (r != 0)
		take_back(f);
	for (i = 0; i < f->n; i++)
		free(f->made[i].name);
	for (i = 0; i < f->ndirs; i++)
		close(f->dirs[i]);
	free(f->base);
	memset(f, 0, sizeof(*f));
	return (r);
}

/* --- reading them back --------------------------------------------------------- */

static BIO *
read_pem(const struct ca_files *f, const char *path, char **text, size_t *len)
{
	BIO *bio;
	int fd, r;

	*text = NULL;
	if ((fd = openat(f->dirs[0], path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) == -1) {
		complain("%s/%s: %s%s", f->base, path, strerror(errno),
		    errno == ENOENT ? "; telepilot ca init makes it" : "");
		return (NULL);
	}
	r = read_file(fd, PEM_FILE_MAX, text, len);
	close(fd);
	if (r != 0)
		complain("%s/%s: %s", f->base, path, strerror(-r));
	else if ((bio = BIO_new_mem_buf(*text, (int)*len)) != NULL)
		return (bio);
	return (NULL);
}

X509 *
ca_files_get_cert(const struct ca_files *f, const char *path)
{
	X509 *cert = NULL;
	char *text;
	size_t len;
	BIO *bio;

	if ((bio = read_pem(f, path, &text, &len)) != NULL &&
	    (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) == NULL)
		complain("%s/%s: holds no certificate in PEM form", f->base, path);
	BIO_free(bio);
	free(text);
	return (cert);
}

EVP_PKEY *
ca_files_get_key(const struct ca_files *f, const char *path)
{
	EVP_PKEY *key = NULL;
	char *text;
	size_t len;
	BIO *bio;

	/* A key with a passphrase is asked for on the terminal, by OpenSSL. */
	if ((bio = read_pem(f, path, &text, &len)) != NULL &&
	    (key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL)) == NULL)
		complain("%s/%s: holds no private key that can be read", f->base, path);
	BIO_free(bio);
	if (text != NULL) {
		OPENSSL_cleanse(text, len);
		free(text);
	}
	return (key);
}
