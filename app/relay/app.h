// SPDX-License-Identifier: BSD-3-Clause
// inlet-relay: what its files share. One thread, one libevent loop.
#ifndef RELAY_APP_H
#define RELAY_APP_H

#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "amt/relay.h"
#include "base/addr.h"
#include "base/rng.h"
#include "base/timer.h"

#define APP_MAX_RELAYS 256
#define APP_BATCH      64
#define APP_DATAGRAM   16384 // largest datagram taken from the source side, with its headroom

struct app;
struct source;
struct control;

// Of a message: its TOS or traffic class.
union tos_control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

// One relay: its engine, and a UDP socket bound to its address (and one to an anycast address that
// it answers for).
struct server {
	struct app *app;
	struct relay *relay;
	struct addr address, anycast; // anycast: none for most
	int fd, anycast_fd;
	struct event *ev, *anycast_ev;
	struct mmsghdr out[APP_BATCH]; // data not sent yet, in buffers of the source
	struct iovec out_iov[APP_BATCH];
	union tos_control out_tos[APP_BATCH];
	struct sockaddr_storage out_to[APP_BATCH];
	unsigned int n_out;
	STAILQ_HEAD(delayed_list, delayed) delayed; // oldest first
	struct timer delay;
	uint64_t send_errors; // control messages and data that the kernel did not take
};

struct app {
	// Options.
	char source_if[IF_NAMESIZE]; // "" for none: control only
	const char *control_path;    // NULL for none
	bool all_multicast;	     // take everything on source_if instead of joining
	bool ttl_decrement;
	bool udp_checksum;
	bool df;
	uint32_t delay_ms; // of data
	uint32_t mtu;	   // of the paths to the gateways
	struct relay_options relay;

	struct event_base *base;
	struct event *wake;
	struct timers timers;
	struct rng rng;
	struct server *servers[APP_MAX_RELAYS];
	unsigned int n_servers;
	struct source *source;
	struct control *control;
};

// Runs what is due and sets the loop's timer. Called after whatever may have armed a timer.
void app_run_timers(struct app *app);

// server.c. Opens the sockets; a negative errno, said on stderr.
int server_open(struct server *s);
void server_close(struct server *s);
// Queues data, which stays the caller's until server_flush().
void server_queue(struct server *s, const struct addr *dst, uint16_t port, uint8_t ecn,
	const uint8_t *buf, size_t len);
// Sends the data queued; before the buffers it is in are used again.
void server_flush(struct server *s);
extern const struct relay_ops server_ops; // ctx is the struct server

// delay.c
void delay_init(struct server *s);
void delay_fini(struct server *s);
// Copies data, to be queued and sent after --delay-ms.
void delay_data(struct server *s, const struct addr *dst, uint16_t port, uint8_t ecn,
	const uint8_t *buf, size_t len);

// source.c. Said on stderr when NULL.
struct source *source_open(struct app *app);
void source_close(struct source *src);
// Counts the relays that want sg, and joins or leaves it on the interface.
void source_want(struct source *src, const struct sg *sg, bool wanted);
void source_status(struct source *src, FILE *out); // a JSON object

// settings.c: one table for the command line and the control socket. 0, -ENOENT for an unknown
// name, or -EINVAL with the reason in err.
int setting_apply(
	struct relay_options *opt, const char *name, const char *value, char *err, size_t err_size);
const char *setting_name(unsigned int i); // NULL after the last
void settings_help(FILE *out);
void settings_status(const struct relay_options *opt, FILE *out); // a JSON object

// control.c. The socket; said on stderr when NULL.
struct control *control_open(struct app *app);
void control_close(struct control *c);
void control_help(FILE *out);
// The client: sends one command, prints the answer. The exit code.
int control_client(int argc, char **argv);

#endif
