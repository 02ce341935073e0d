/*
 * Who has which ids of the host: every user has a block of their own, given
 * once and for ever, so that no file and no process of one user can ever be
 * taken for another's.
 *
 * The state directory's file `ids` has a line "NAME FIRST-LAST" a user. It is
 * only ever appended to, and synced before a block is used.
 */
#ifndef MONITOR_IDS_H
#define MONITOR_IDS_H

#include <stddef.h>
#include <stdint.h>

#include "monitor/config.h"

#define IDS_BLOCK	65536u
#define IDS_FILE	"ids"

struct ids;

/*
 * Reads the file in state_fd, or makes it. A line that is damaged, or that lies
 * out of the range, is refused: *line is its number, else 0. state_fd is borrowed.
 * 0 or -errno with words.
 */
int ids_open(struct ids **, int state_fd, const struct id_range *, unsigned int *line,
    char *why, size_t size);
void ids_free(struct ids *);			/* NULL is allowed */

/*
 * The first id of the user's block; one is given and synced if there is none.
 * 0, -ERANGE when the range is used up, or -errno. A write that failed is taken
 * back; no block is given when the file was replaced (-ESTALE), or, until it is
 * read anew, after a sync that failed.
 */
int ids_block(struct ids *, const char *user, uint32_t *first);

/*
 * Refuses a range that holds an id of the host's: of an account, a group, or a
 * line of subuid(5) or subgid(5). Uses getpwent and getgrent: only for the
 * short-lived child of monitor/accounts. 0, or -EEXIST or -errno with words.
 */
int ids_check_host(const struct id_range *, char *why, size_t size);
/* One file of subuid(5)'s form; a missing one is fine. */
int ids_check_subids(const struct id_range *, const char *path, char *why, size_t size);

#endif
