/*
 * What the files of libtelepilot share. Functions return 0 or a code of
 * common/status.h, and leave their words in the client's status.
 */
#ifndef CLI_LIB_INTERNAL_H
#define CLI_LIB_INTERNAL_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include "cli/lib/address.h"
#include "cli/telepilot.h"
#include "common/grpc.h"
#include "common/status.h"

#define REPLY_MAX		(4u << 20)	/* the longest message taken from a server */
#define STREAM_WINDOW		(4 << 20)
#define CONNECTION_WINDOW	(16 << 20)
#define CONNECT_TIMEOUT_MS	10000
#define NO_DEADLINE		INT64_MAX

#define IO_IN_SIZE		(64 * 1024)
#define IO_OUT_SIZE		(64 * 1024)

struct call;

struct telepilot {
	int fd;
	int wake_fd;			/* eventfd of telepilot_interrupt() */
	char peer[PEER_SIZE];
	char user[128];			/* of our own certificate, for messages */
	uint64_t timeout_ms;
	struct status status;

	SSL_CTX *ctx;
	SSL *ssl;
	int verify_error;		/* X509_V_ERR_*: why the server was not believed */
	X509 *verify_cert;		/* the certificate that was at fault */

	nghttp2_session *h2;
	struct call *call;		/* under way, or NULL */
	bool settings_seen;		/* the server let us in */
	bool going_away;		/* it sent GOAWAY */
	char goodbye[128];		/* the words in it */
	bool dead;			/* no more calls */
	bool write_failed;
	short want_write;		/* what SSL_write waits for: poll events, or 0 */
	uint8_t in[IO_IN_SIZE];
	uint8_t out[IO_OUT_SIZE];
	size_t out_off, out_len;
};

/* connect.c */
int connect_tcp(struct telepilot *, const char *host, const char *port, int64_t deadline);

/* sockbio.c: a socket that never raises SIGPIPE. NULL when out of memory. */
BIO *sockbio_new(int fd);

/* credentials.c: our own certificate and key, checked before they are used. */
int credentials_load(struct telepilot *, const struct telepilot_settings *);

/* tls.c */
int tls_context(struct telepilot *);
int tls_open(struct telepilot *, const struct telepilot_settings *, const char *host,
    int64_t deadline);

/* tlswords.c: what went wrong, in words, from OpenSSL's error queue. */
int tls_handshake_failed(struct telepilot *, const struct telepilot_settings *,
    const char *name, int ssl_error);
int tls_connection_failed(struct telepilot *, int ssl_error);
/* "3 h", "12 d" */
void span_words(int64_t seconds, char *dst, size_t size);

/* io.c */
int64_t monotonic_ns(void);
int64_t deadline_after_ms(uint64_t ms);		/* 0: NO_DEADLINE */
/* Waits for the socket. 0, CANCELLED by telepilot_interrupt, or DEADLINE_EXCEEDED. */
int io_poll(struct telepilot *, short events, int64_t deadline);
/* Sends and receives until done() holds. As io_poll, or UNAVAILABLE. */
int io_run(struct telepilot *, bool (*done)(const struct telepilot *), int64_t deadline);
void io_flush_all(struct telepilot *, int64_t deadline);	/* as far as it goes */
void io_clear_wake(struct telepilot *);

/* http2.c */
int http2_open(struct telepilot *);

/* call.c */
struct call {
	struct telepilot *client;
	int32_t stream_id;
	uint8_t *request;		/* prefix and message */
	size_t request_len, request_off;
	struct grpc_deframer deframer;
	/* A message; nonzero ends the call, with that as its code. */
	int (*message)(void *arg, struct telepilot *, const uint8_t *, size_t);
	void *arg;

	int http_status;
	bool grpc_content;		/* content-type: application/grpc* */
	int grpc_status;		/* -1: none came */
	char *grpc_message;		/* as it came: percent-encoded */
	char *details;			/* grpc-status-details-bin, base64 */
	bool closed;
	uint32_t h2_error;
	int failed;			/* a code decided here; the status has the words */
};

int call_run(struct telepilot *, const char *method, const uint8_t *message, size_t len,
    int (*on_message)(void *arg, struct telepilot *, const uint8_t *, size_t), void *arg);
/* From http2.c, as they arrive. */
int call_header(struct call *, const uint8_t *name, size_t name_len, const uint8_t *value,
    size_t value_len);
void call_data(struct call *, const uint8_t *, size_t);
void call_closed(struct call *, uint32_t h2_error);
bool call_done(const struct telepilot *);

/* outcome.c: what an ended call says. Sets the client's status, returns its code. */
int outcome(struct telepilot *, const struct call *);
int outcome_of_http(int http_status);
int outcome_of_h2(uint32_t h2_error);

/*
 * details.c: the first field of the BadRequest in a google.rpc.Status, or "".
 */
void details_field(const uint8_t *, size_t, char *field, size_t size);

#endif
