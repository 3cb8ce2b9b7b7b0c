/* peer: who is at the other end, and through which descriptors. */
#ifndef PIPEPOST_SMTP_RECV_PEER_H
#define PIPEPOST_SMTP_RECV_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct peer {
	int in, out;			/* non-blocking */
	bool is_local;			/* pipes and no address: somebody on this host */
	char address[INET6_ADDRSTRLEN];	/* "" if local; v4-mapped is v4 */
	char local_address[INET6_ADDRSTRLEN];	/* "" where not known */
	uint16_t local_port;		/* 0 where not known */
	char host[256];			/* the super-server's name for it, "localhost" or "unknown" */
	char shown[sizeof "[IPv6:]" + INET6_ADDRSTRLEN];	/* "[192.0.2.1]", "[IPv6:::1]", "[local]" */
	bool is_loopback;
	bool may_relay;			/* $RELAYCLIENT is set */
};

/* Finds out, in the order of smtp-recv(8). is_forced_local: option -b.
 * trusts_environment: option -e, the environment's address counts even where
 * descriptor 0 is a socket. Fails with *why, one line for the log, where
 * the peer has gone, or stays unknown although it should be known. */
bool peer_find(struct peer *p, bool is_forced_local, bool trusts_environment, const char **why);

#endif
