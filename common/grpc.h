/*
 * The parts of gRPC over HTTP/2 that both ends need
 * (grpc/doc/PROTOCOL-HTTP2.md): message framing, percent-encoding, -bin
 * metadata, timeouts. Knows no protobuf and no HTTP/2.
 */
#ifndef COMMON_GRPC_H
#define COMMON_GRPC_H

#include <stddef.h>
#include <stdint.h>

#define GRPC_PREFIX_LEN	5	/* u8 compressed flag, u32 big-endian length */

/* Cuts a byte stream into messages, whatever the DATA frames' borders are. */
struct grpc_deframer {
	uint8_t prefix[GRPC_PREFIX_LEN];
	size_t have_prefix;	/* bytes of the prefix seen */
	uint8_t *msg;		/* owned; length bytes once the prefix is whole */
	size_t length, have;
	size_t max;		/* the longest message allowed */
};

enum grpc_deframe {
	GRPC_MORE,		/* all input used, no whole message yet */
	GRPC_MESSAGE,		/* d->msg, d->length is a message; see grpc_deframer_next */
	GRPC_TOO_LARGE,		/* RESOURCE_EXHAUSTED */
	GRPC_COMPRESSED,	/* flag 1: INTERNAL or UNIMPLEMENTED by grpc-encoding */
	GRPC_BAD_FLAG,		/* INTERNAL */
	GRPC_NOMEM,
};

void grpc_deframer_init(struct grpc_deframer *, size_t max);
void grpc_deframer_free(struct grpc_deframer *);
/* Eats from *p, *len, which it advances; stops after one whole message. */
enum grpc_deframe grpc_deframe(struct grpc_deframer *, const uint8_t **p, size_t *len);
/* Drops the message just taken, so that the next can begin. */
void grpc_deframer_next(struct grpc_deframer *);
/* 1 if it stands between messages: the only place where a stream may end. */
int grpc_deframer_idle(const struct grpc_deframer *);

void grpc_prefix(uint8_t out[GRPC_PREFIX_LEN], uint32_t length);

/*
 * grpc-message: every byte outside 0x20..0x7e and '%' becomes %XX. Decoding never
 * fails: a bad sequence is left as it is. Both return a new string or NULL (memory).
 */
char *grpc_percent_encode(const char *);
char *grpc_percent_decode(const char *, size_t);

/* RFC 4648 section 4, without padding out, with or without padding in. */
char *grpc_base64_encode(const void *, size_t);
/* New buffer, *len bytes; NULL with errno EINVAL or ENOMEM. */
uint8_t *grpc_base64_decode(const char *, size_t, size_t *len);

/*
 * grpc-timeout: 1 to 8 digits and one of H M S m u n, in nanoseconds, saturated at
 * INT64_MAX. 0 or -EINVAL.
 */
int grpc_timeout_parse(const char *, size_t, int64_t *ns);
/* At least as long as ns, at most 8 digits; dst of 10 bytes. */
void grpc_timeout_format(int64_t ns, char *dst, size_t size);

#endif
