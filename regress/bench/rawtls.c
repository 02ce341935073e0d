/* SPDX-License-Identifier: ISC */

/*
 * What TLS 1.3 alone carries between two processes on loopback: the mark that
 * a log stream is measured against. Not a test: it prints bytes per second.
 *
 * usage: rawtls CERT KEY MEGABYTES
 */

#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "common/units.h"

#define CHUNK	65536

static SSL_CTX *
context(const SSL_METHOD *method)
{
	SSL_CTX *ctx;

	if ((ctx = SSL_CTX_new(method)) == NULL ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") != 1)
		errx(1, "cannot set up TLS");
	return (ctx);
}

static void
send_all(int fd, const char *cert, const char *key, uint64_t bytes)
{
	static unsigned char block[CHUNK];
	SSL_CTX *ctx = context(TLS_server_method());
	SSL *ssl = SSL_new(ctx);

	if (ssl == NULL || SSL_use_certificate_file(ssl, cert, SSL_FILETYPE_PEM) != 1 ||
	    SSL_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_set_fd(ssl, fd) != 1 || SSL_accept(ssl) != 1)
		errx(1, "server handshake");
	for (; bytes > 0; bytes -= CHUNK)
		if (SSL_write(ssl, block, CHUNK) != CHUNK)
			errx(1, "SSL_write");
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static double
receive_all(int fd, uint64_t bytes)
{
	static unsigned char block[CHUNK];
	struct timespec a, b;
	SSL_CTX *ctx = context(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	int n;

	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
		errx(1, "client handshake");
	clock_gettime(CLOCK_MONOTONIC, &a);
	while (bytes > 0) {
		if ((n = SSL_read(ssl, block, CHUNK)) <= 0)
			errx(1, "SSL_read");
		bytes -= (uint64_t)n;
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return ((double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	uint64_t mb;
	double seconds;
	pid_t pid;
	int lfd, fd;

	if (argc != 4 || parse_u64(argv[3], 1, 65536, &mb) != 0)
		errx(2, "usage: rawtls CERT KEY MEGABYTES");
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((lfd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    bind(lfd, (struct sockaddr *)&sin, sizeof(sin)) == -1 || listen(lfd, 1) == -1 ||
	    getsockname(lfd, (struct sockaddr *)&sin, &len) == -1 || (pid = fork()) == -1)
		err(1, "setting up");
	if (pid == 0) {
		if ((fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC)) == -1)
			err(1, "accept");
		send_all(fd, argv[1], argv[2], mb << 20);
		return (0);
	}
	if ((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "connect");
	seconds = receive_all(fd, mb << 20);
	if (waitpid(pid, NULL, 0) == -1)
		err(1, "waitpid");
	printf("%.0f\n", (double)(mb << 20) / seconds);
	return (0);
}
