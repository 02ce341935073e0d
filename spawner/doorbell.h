/*
 * The followers of a job's output: for each the write end of a pipe, into
 * which a byte is put when there is something new to read.
 */
#ifndef SPAWNER_DOORBELL_H
#define SPAWNER_DOORBELL_H

#include <stddef.h>

#define DOORBELLS_MAX	1024

struct doorbells {
	int fd[DOORBELLS_MAX];
	size_t n;
};

/*
 * Takes fd over and rings it once: what was recorded before is news to its
 * reader. 0, -EINVAL (not the non-blocking write end of a pipe) or -ENOSPC; on
 * error it is closed.
 */
int doorbell_add(struct doorbells *, int fd);
/* Those whose reader is gone are removed. */
void doorbells_ring(struct doorbells *);
void doorbell_remove(struct doorbells *, size_t i);	/* the last takes place i */
void doorbells_close(struct doorbells *);

#endif
