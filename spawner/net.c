/* SPDX-License-Identifier: ISC */

/*
 * The job's own network namespace has one interface, lo, which the kernel
 * leaves down. It is brought up (the kernel then gives it its addresses), and
 * that is all: nothing else is reachable.
 */

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "common/fdio.h"
#include "spawner/spawner.h"

int
loopback_up(void)
{
	struct ifreq ifr;
	int fd, r = 0;

	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return (-errno);
	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, "lo", sizeof("lo"));
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) == -1)
		r = -errno;
	else {
		ifr.ifr_flags |= IFF_UP;
		if (ioctl(fd, SIOCSIFFLAGS, &ifr) == -1)
			r = -errno;
	}
	close_fd(&fd);
	return (r);
}
