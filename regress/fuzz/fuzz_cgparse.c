/* SPDX-License-Identifier: ISC */

/*
 * The parsers of the kernel's cgroup texts: a mountinfo text, a NUL, and a
 * /proc/self/cgroup text.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/jobmgr/cgroup_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *mounts, *self, *text;
	struct cg_host h;
	pid_t pid = 0;

	if ((text = malloc(size + 2)) == NULL)
		return (0);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = text[size + 1] = '\0';
	(void)cg_only_pid(text, &pid);
	mounts = text;
	self = text + strlen(text) + 1;
	if (cg_host_parse(&h, mounts, self) == 0)
		cg_host_free(&h);
	free(text);
	return (0);
}
