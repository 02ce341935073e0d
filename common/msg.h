/*
 * One message, one datagram: framing over SOCK_SEQPACKET socketpairs, with
 * descriptors bound to the message that carries them (unix(7), cmsg(3)).
 *
 * On the wire: u16 type, u16 zero, u32 id, then the body (common/buf). Nothing
 * here blocks: every call is MSG_DONTWAIT.
 */
#ifndef COMMON_MSG_H
#define COMMON_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define MSG_HEADER	8
#define MSG_MAX		65536		/* header and body */
#define MSG_BODY_MAX	(MSG_MAX - MSG_HEADER)
#define MSG_FDS_MAX	24

struct msg {
	uint16_t type;
	uint32_t id;			/* of the request; echoed in the answer */
	struct rbuf body;		/* borrows from data */
	int fds[MSG_FDS_MAX];		/* owned by the message until taken */
	size_t nfds;
	uint8_t data[MSG_MAX];
};

/* Both ends close-on-exec and non-blocking. 0 or -errno. */
int msg_pair(int fds[2]);

/*
 * Descriptors sent to this end are refused by the kernel, where it can
 * (SO_PASSRIGHTS, Linux 6.16); elsewhere msg_recv refuses them. 0 or -errno.
 */
int msg_refuse_fds(int fd);

/*
 * Sends one message; body may be NULL (empty). Without descriptors it uses
 * send(2) only, so that it works where sendmsg is filtered. Never raises SIGPIPE.
 *	-EAGAIN		the peer does not read fast enough
 *	-EPIPE, -ECONNRESET	the peer is gone
 *	-EMSGSIZE	the body is too long
 * The descriptors stay the caller's.
 */
int msg_send(int fd, uint16_t type, uint32_t id, const struct buf *body);
int msg_send_fds(int fd, uint16_t type, uint32_t id, const struct buf *body,
    const int *fds, size_t nfds);

/*
 * Receives one message with at most maxfds descriptors, all close-on-exec.
 * Returns 0, -EAGAIN, -EPIPE at end of file, or -EBADMSG when the message is
 * truncated, malformed, or carries more or other control data than allowed;
 * every descriptor that arrived with a refused message is closed.
 * With maxfds 0 it uses recv(2) semantics: descriptors sent anyway are closed
 * and the message is refused.
 */
int msg_recv(int fd, struct msg *, size_t maxfds);

/* Takes descriptor i out of the message: the caller owns it now. */
int msg_take_fd(struct msg *, size_t i);

/* Closes the descriptors that were not taken. */
void msg_close_fds(struct msg *);

/* Bytes sent but not yet received by the peer (SIOCOUTQ), or -errno. */
int msg_unread(int fd);

#endif
