/* SPDX-License-Identifier: ISC */
/*
 * The disks that a limit on disk I/O is set on.
 */
#ifndef JOBMGR_DISK_H
#define JOBMGR_DISK_H

#include <stddef.h>

#define DISK_NAME_MAX	63

struct disk {
	unsigned int major, minor;
	char name[DISK_NAME_MAX + 1];
};

/*
 * sysfs is a descriptor of /sys. *disks is the caller's to free, sorted by
 * device. 0 or -errno.
 */
int disk_list(int sysfs, struct disk **disks, size_t *n);
/* The same of this host. */
int disk_list_host(struct disk **disks, size_t *n);

#endif
