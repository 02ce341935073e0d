/* SPDX-License-Identifier: ISC */

/*
 * A job's end: what is told to the monitor is what stands in `end`, written
 * once and synced before it is told. Room for it is taken before the job runs.
 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/cgusage.h"
#include "common/fdio.h"
#include "common/joblog.h"
#include "spawner/spawner.h"

#define END_MAX		256

int
end_reserve(struct spawner *sp)
{
	int fd = sp->role[ROLE_END];

	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, END_MAX) == -1 &&
	    errno != EOPNOTSUPP && errno != ENOSYS)
		return (stage_fail(&sp->fail, errno, "reserve room for the job's end"));
	return (0);
}

static void
gather(const struct spawner *sp, struct usage *u)
{
	struct usage_fds fds;

	usage_init(u);
	usage_fds_init(&fds);
	fds.cpu_stat = sp->role[ROLE_CPU_STAT];
	fds.memory_current = sp->role[ROLE_MEMORY_CURRENT];
	fds.memory_peak = sp->role[ROLE_MEMORY_PEAK];
	fds.io_stat = sp->role[ROLE_IO_STAT];
	fds.v1_io_bytes = sp->role[ROLE_V1_IO_BYTES];
	fds.pids_current = sp->role[ROLE_PIDS_CURRENT];
	usage_read(&fds, u);
	u->output_bytes = sp->output.offset;
	u->output_dropped = sp->output.dropped;
}

static int
write_end(int fd, const struct buf *body)
{
	struct buf *b;
	int r;

	if ((b = buf_new(END_MAX)) == NULL)
		return (-ENOMEM);
	if ((r = buf_put_raw(b, buf_data(body), buf_len(body))) == 0 &&
	    (r = buf_put_u32(b, crc32c(0, buf_data(body), buf_len(body)))) == 0 &&
	    (r = pwrite_full(fd, buf_data(b), buf_len(b), 0)) == 0 &&
	    fsync(fd) == -1)
		r = -errno;
	buf_free(b);
	return (r);
}

int
end_report(struct spawner *sp, int wait_status, bool oom)
{
	struct usage u;
	struct buf *body;
	int r;

	if ((body = buf_new(END_MAX)) == NULL)
		return (-ENOMEM);
	gather(sp, &u);
	if ((r = buf_put_u32(body, (uint32_t)wait_status)) == 0 &&
	    (r = buf_put_u8(body, oom)) == 0 &&
	    (r = usage_put(body, &u)) == 0) {
		/* A disk that refuses it does not keep the monitor from knowing. */
		(void)write_end(sp->role[ROLE_END], body);
		if (sp->control != -1)
			r = channel_tell(sp, SPAWN_ENDED, body);
	}
	buf_free(body);
	return (r);
}
