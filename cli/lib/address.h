/*
 * The server's address as people write it. Pure.
 */
#ifndef CLI_LIB_ADDRESS_H
#define CLI_LIB_ADDRESS_H

#define HOST_SIZE	256
#define PORT_SIZE	6
#define PEER_SIZE	(HOST_SIZE + PORT_SIZE + 3)	/* "[host]:port" */

/* "host", "host:port", "[v6]:port", "v6". 0 or -EINVAL. */
int address_parse(const char *, char host[HOST_SIZE], char port[PORT_SIZE]);
void address_format(const char *host, const char *port, char peer[PEER_SIZE]);
int address_is_ip(const char *host);

#endif
