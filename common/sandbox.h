/*
 * What a process gives up before it reads a stranger's byte. Each function
 * either does the whole of it and proves it, or returns -errno; the caller
 * must then end.
 */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include <sys/types.h>

/*
 * chroot(2) into dir, which must be an empty directory of root's that nobody
 * else may write; chdir("/").
 */
int sandbox_chroot(const char *dir);

/*
 * A session keyring of its own, empty: keyrings(7) of whoever started the daemon
 * are neither ours nor for our children to share. As root, whose quota holds.
 */
int sandbox_own_keyring(void);

/*
 * The same; groups, gid and uid in all three forms, all capability sets empty, then
 * tries to take root back: success of that is -EPERM. Never to uid or gid 0.
 * Needs libcap. The kernel forgets the parent-death signal and the dumpable
 * flag here, so sandbox_harden comes after it.
 */
int sandbox_drop_to(uid_t, gid_t);

/* no_new_privs, not dumpable, no core files, parent-death signal SIGKILL. */
int sandbox_harden(void);

/*
 * seccomp: nothing may leave this process but bytes. sendmsg, sendmmsg,
 * setsockopt(SO_LINGER) and io_uring kill it; so do foreign architectures.
 * (Design rule 7.) Needs libseccomp.
 */
int sandbox_no_fd_passing(void);

#endif
