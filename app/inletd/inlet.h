// SPDX-License-Identifier: BSD-3-Clause
// The appliance as one value: every room's instance, wired by boot.c and driven by loop.c. All of
// it belongs to the control thread, except struct worker, which boot hands over when it starts a
// worker.
#ifndef INLETD_INLET_H
#define INLETD_INLET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "amt/amt.h"
#include "amt/amt_io.h"
#include "base/rng.h"
#include "base/timer.h"
#include "channel/channel.h"
#include "config/config.h"
#include "console/local.h"
#include "console/server.h"
#include "crossing/crossing.h"
#include "crossing/spread.h"
#include "driad/driad.h"
#include "driad/holddown.h"
#include "driad/resolver.h"
#include "fastpath/worker.h"
#include "inletd/capture.h"
#include "inletd/evidence.h"
#include "inletd/health.h"
#include "inletd/idle.h"
#include "inletd/notify.h"
#include "inletd/steering.h"
#include "joinfile/export.h"
#include "joinfile/import.h"
#include "kif/kif.h"
#include "kif/netlink.h"
#include "membership/membership.h"
#include "membership/membership_io.h"
#include "metrics/server.h"
#include "mfib/mfib.h"
#include "observe/observe.h"
#include "pim/pim.h"
#include "pim/pim_io.h"
#include "port/port.h"

#define BOOT_ERR_LEN	  512
#define IFACE_MAX_ADDRS	  16
#define INLET_MAX_LCORES  64
#define INLET_PUNT_RING	  512  // mbufs a worker, CROSSING_PUNT_FRAMES()
#define INLET_TX_RING	  1024 // frames that wait for a worker with a transmit queue
#define INLET_SPREAD_RING 1024 // frames that wait for the worker that they were spread to

struct inlet;

// An ethdev port, and what its interfaces have in common.
struct inlet_port {
	struct inlet *in;
	const struct config_if *cfg;  // its first interface
	const struct config_if *bond; // the one that names its members, or NULL
	struct port port;
	bool is_open;
	bool link_up;
	// The netdev under it was deleted or moved away: its driver cannot have it back.
	bool lost;
	int netdev_index;    // the kernel's; 0: there is none
	uint32_t netdev_mtu; // as the kernel has told; 0: not yet
	uint8_t netdev_mac[6];
	struct observe_port seen;
	bool stopped;			      // by the console: nothing new begins here
	struct timer down;		      // it says goodbye first
	uint16_t rx_queues[INLET_MAX_LCORES]; // of the workers, while they do not poll it
	bool upstream;			      // of one of its interfaces
	uint8_t untagged;		      // interface index, or WORKER_NO_IF
	uint8_t *by_vlan;		      // 4096 interface indices, or NULL
	uint16_t mtu;			      // wanted; 0: the port's own
	uint16_t rx_desc, tx_desc;
	uint32_t mbufs; // wanted; 0: reckoned
	uint8_t mac[6]; // wanted; all 0: the port's own
	enum config_spread spread;
	// The worker that has queue 0; queue q is that of the q-th after it.
	unsigned int first_worker;
	enum spread_mode mode;
	struct steering_port steering; // the same for steering.c
};

// What there is once a family.
enum { IFACE_V4, IFACE_V6, IFACE_FAMILIES };
static inline unsigned int iface_family(uint8_t family)
{
	return family == ADDR_V6 ? IFACE_V6 : IFACE_V4;
}

// PIM of one family on an interface.
struct iface_pim {
	struct iface *ifc;
	uint8_t family;
	struct pim_if *pim; // NULL where it is off
	struct pim_io *io;
	struct event *event;
	struct timer reopen;
};

// IGMP or MLD on an interface.
struct iface_membership {
	struct iface *ifc;
	uint8_t family;
	struct membership *m; // NULL where it is off
	struct membership_io *io;
	struct event *event;
	struct timer reopen;
};

// A named interface: a port or a VLAN of one, its kernel-interface port, and PIM, IGMP and MLD on
// it where downstream.
struct iface {
	struct inlet *in;
	const struct config_if *cfg;
	unsigned int index;   // ours: bit of an oif set
	struct timer again;   // the addresses are said once more
	unsigned int n_again; // how often that was
	struct inlet_port *port;
	struct kif *kif;
	struct event *kif_event;
	bool netdev_up;
	bool netdev_gone; // deleted, or moved to another network namespace
	uint64_t netdev_losses;
	struct timer netdev_again; // it is made again
	uint16_t mtu;		   // octets of an IP datagram: the netdev's, at most the port's
	struct config_addr addrs[IFACE_MAX_ADDRS]; // what the kernel has, primary ones first
	unsigned int n_addrs;
	bool deprecated[IFACE_MAX_ADDRS]; // of addrs: not for new tunnels where there is another

	struct iface_pim pim[IFACE_FAMILIES];
	struct iface_membership membership[IFACE_FAMILIES];

	// Of IPv4 and IPv6, opened with the first Discovery of the family that leaves here.
	struct amt_endpoint *discovery[2];
	uint64_t inject_drops; // frames of the kernel that did not fit the ring
};

// A tunnel's socket, and the tunnel it belongs to once there is one.
struct endpoint {
	struct inlet *in;
	struct iface *ifc;
	struct addr local;
	struct amt_endpoint *io;
	struct amt_tunnel *tunnel;
	struct steering_tunnel *steering;
};

// What the operator's "drain" has come to.
struct drain {
	bool on;
	bool yielded; // PIM has told the others that we would rather not
	bool off;     // PIM, IGMP and MLD are closed
	uint64_t since_us, until_us;
	uint64_t bye_us; // when Goodbye was said; 0: not yet
};

// police.c's.
struct inlet_police {
	struct addr resolvers[CONFIG_MAX_RESOLVERS];
	unsigned int n_resolvers;
	uint32_t limits[PUNT_CLASSES]; // for the console
	uint64_t said[PUNT_CLASSES];   // held back, as told in the log
	uint64_t due_us[PUNT_CLASSES]; // when the next line may be
};

// again.c's.
struct inlet_again {
	struct timer timer;
	bool wanted;	   // to be walked, once there is room
	uint64_t refused;  // channels, as seen last
	unsigned int part; // of the walk: interface, PIM or membership, family
	uint32_t cursor;
};

struct inlet {
	struct config cfg;
	struct event_base *base;
	struct event *tick;
	struct event *signals[3];
	struct timers timers;
	struct rng rng;
	bool stop, workers_run, eal_runs;
	uint64_t busy_until_us; // the punt rings are polled closely until then

	struct inlet_port ports[CONFIG_MAX_IFS];
	unsigned int n_ports;
	struct iface ifs[CONFIG_MAX_IFS];
	unsigned int n_ifs;

	int control_cpu;
	int worker_cpus[INLET_MAX_LCORES];
	unsigned int n_workers;
	struct worker *workers[INLET_MAX_LCORES]; // one an lcore, in worker_cpus order
	struct idle *idle;			  // NULL where they poll
	struct event *idle_event;
	struct crossing *crossing;
	struct inlet_police police;
	struct inlet_again again;
	struct mfib *mfib;
	struct steering *steering;

	struct netlink *netlink;
	struct event *netlink_event;
	struct resolver *resolver;
	struct driad *driad;
	struct holddown held;
	struct evidence evidence; // of relays that we talk to
	struct observe_health health;
	struct health_workers health_workers;
	struct health_relays health_relays;
	uint64_t health_followed_us;			   // when somebody last asked for it
	uint64_t health_sent, health_packets;		   // as packets_of() saw them last
	struct amt_discovery *health_asked[HEALTH_RELAYS]; // under way
	struct drain drain;
	struct amt_gateway *amt;
	struct channels *channels;
	struct membership_total memberships;
	struct timer housekeeping, reclaim;
	struct timer state;		 // armed while the state file is kept
	struct state_write *state_write; // while it is being written
	uint64_t state_earliest_us;
	struct joinfile_import *joinfile_import; // NULL: none is read
	struct event *joinfile_event;
	uint64_t joinfile_oifs;			 // where its channels are wanted
	struct joinfile_export *joinfile_export; // NULL: none is written
	struct joinfile_stats joinfile_stats;
	struct notify notify; // of the service manager
	struct timer alive;
	uint64_t load_due_us;
	uint64_t ecn_said, ecn_due_us; // packets told of in the log, and when the next line may be
	struct observe observe;	       // for the console; observe.c keeps it
	struct observe_loop loop;      // loop.c keeps it
	// loop.c: when the next turn is to begin, at the latest; the longest delay until it is told
	uint64_t planned_us, longest_us, longest_due_us;
	struct observe_reload reload; // reload.c keeps it
	const char *path;	      // of the configuration file
	char *text;		      // of it, as it was read last; NULL: not to be had
	size_t text_len;
	struct config *file;		     // what it said then
	uint32_t cfg_changes;		     // of cfg, by the console
	struct reload_job *reload_job;	     // that is under way; NULL: none
	bool reload_again;		     // SIGHUP came meanwhile
	struct wants_changes *wants_changes; // static channels that are on their way; NULL: none
	struct timer wants_timer;
	struct capture_run *capture; // that runs, or the last one; NULL: there was none
	struct console_server *console;
	struct console_local *local;
	struct metrics_server *metrics; // NULL: nobody may ask
	struct observe_scrapes scrapes;
};

// boot.c: brings everything up, in order; on error one line in err, and everything that was begun
// is undone. 0 or a negative errno.
int boot_up(struct inlet *in, bool interactive, char err[BOOT_ERR_LEN]);
// Says goodbye to routers and relays, waits until it is on the wire, stops the workers, frees all.
void boot_down(struct inlet *in);

// cpus.c: control_cpu, worker_cpus and n_workers. 0 or a negative errno.
int cpus_choose(struct inlet *in, char err[BOOT_ERR_LEN]);

// eal.c: chooses memory, starts DPDK's EAL. 0 or a negative errno.
int eal_start(struct inlet *in, char err[BOOT_ERR_LEN]);
void eal_stop(void);

// ports.c: fills in the interfaces' order and ports, and opens the ports. 0 or a negative errno.
int ports_open(struct inlet *in, char err[BOOT_ERR_LEN]);
void ports_close(struct inlet *in);
// What happens to the netdevs under ports.
void ports_netlink(struct inlet *in, const struct netlink_event *ev);
// workers.c: crossing, forwarding table and workers, with the queues dealt out. 0 or a negative
// errno; what there is then goes with workers_destroy(), before the ports close.
int workers_create(struct inlet *in, char err[BOOT_ERR_LEN]);
int workers_launch(struct inlet *in, char err[BOOT_ERR_LEN]);
void workers_stop(struct inlet *in);
void workers_destroy(struct inlet *in);

// health_run.c: whether routers are to be led here; between start and stop, ten times a second.
void health_start(struct inlet *in);
void health_say(const struct observe_health *h); // its state, in the log
void health_tick(struct inlet *in, uint64_t now_us);
void health_stop(struct inlet *in);
// drain.c: out of service, make before break, and back. As struct observe's drain_cb.
int drain_set(struct inlet *in, bool on, char why[OBSERVE_WHY_LEN]);
void drain_tick(struct inlet *in, uint64_t now_us);
// Whether PIM is to leave its links to others: while we are drained, or not healthy. After a change
// of health drain_review() tells PIM.
bool drain_yields(const struct inlet *in);
void drain_review(struct inlet *in);
// inletd is about to end: says Goodbye, and forwards on for a while where another router may take
// over what is joined.
void drain_before_end(struct inlet *in);

// again.c: wants of routers and receivers (neighbor: who asks, NULL: not known), and those again
// that were refused and may be taken now: PIM and membership tell of changes alone.
void again_want(struct iface *ifc, const struct sg *sg, enum channel_origin origin, bool wanted,
	const struct addr *neighbor, uint64_t now_us);
void again_init(struct inlet *in);
void again_stop(struct inlet *in);
void again_begin(struct inlet *in);		    // what is refused is another thing now
void again_look(struct inlet *in, uint64_t now_us); // once a second or so

// police.c: what workers may hand up, by in->cfg. 0 or -ENOMEM.
int police_set(struct inlet *in);
// Once a second or so.
void police_look(struct inlet *in, uint64_t now_us);
// Senders that are known: a relay that was asked something, a PIM neighbor until then.
void police_relay(struct iface *ifc, const struct addr *relay, uint64_t now_us);
void police_neighbor(
	struct iface *ifc, const struct addr *neighbor, uint64_t until_us, uint64_t now_us);

// service.c: takes the port of the interface of that name out of service (routers are told, tunnels
// move away, then the workers no longer poll it and its link goes down), or puts it back. As struct
// observe's port_cb.
int service_port(struct inlet *in, bool start, const char *ifname, char why[OBSERVE_WHY_LEN]);
void service_init(struct inlet *in);
// PIM, IGMP and MLD on an interface where they had been closed. 0 or a negative errno.
int iface_serve(struct iface *ifc, uint64_t now_us, char err[BOOT_ERR_LEN]);
// Before the ports close: a netdev that was stopped is brought up again.
void service_close(struct inlet *in);

// iface.c: the kernel side of one interface.
int iface_open_kernel(struct iface *ifc, char err[BOOT_ERR_LEN]);
// Addresses and routes of the configuration that `was` does not have, or (add: not) that are in
// `was` and no more in the configuration. 0 or a negative errno of the first that could not be had.
int iface_reload_addresses(struct iface *ifc, const struct config_if *is,
	const struct config_if *was, bool add, char err[BOOT_ERR_LEN]);
// When the workers have stopped.
void iface_close(struct iface *ifc);
void iface_netlink_cb(void *arg, const struct netlink_event *ev); // arg: struct inlet
bool iface_is_local(const struct inlet *in, const struct addr *a);

// pim.c: PIM on one interface, where the configuration has it on. Closed before the channels go
// (Goodbye).
int iface_open_pim(struct iface *ifc, char err[BOOT_ERR_LEN]);
void iface_close_pim(struct iface *ifc);
// The interface's addresses are others now.
void iface_pim_address(struct iface *ifc, uint64_t now_us);
// Whether it is us who serves receivers of the channel that are attached directly: always, where
// there is no PIM of the family.
bool iface_pim_include(const struct iface *ifc, const struct sg *sg);
// A frame that came in on the interface: true when it is native data, which is for PIM to see and
// not for the kernel.
bool iface_native(struct iface *ifc, const uint8_t *frame, size_t len, uint64_t now_us);
// struct channel_env's.
void iface_unwanted_cb(void *ctx, const struct sg *sg, unsigned int ifindex, uint64_t now_us);

// By ifc->cfg and whether we are being drained, from now on.
void iface_pim_configure(struct iface *ifc);
// By ifc->cfg, where `was` was before: what did not change goes on, with all that is joined. 0 or a
// negative errno.
int iface_reload_pim(struct iface *ifc, const struct config_pim *was, char err[BOOT_ERR_LEN]);

// membership.c: IGMP and MLD on one interface, where the configuration has them on. Closed before
// PIM.
int iface_open_membership(struct iface *ifc, char err[BOOT_ERR_LEN]);
void iface_close_membership(struct iface *ifc);
void iface_membership_address(struct iface *ifc, uint64_t now_us);
// As iface_reload_pim().
int iface_reload_membership(struct iface *ifc, char err[BOOT_ERR_LEN]);
// What iface_pim_include() says of a channel is another thing now, or of all of a family (sg NULL).
void iface_membership_review(
	struct iface *ifc, uint8_t family, const struct sg *sg, uint64_t now_us);

// watch.c: PIM on one interface in watch mode.
bool watch_on(const struct iface *ifc);
bool watch_elsewhere(const struct iface *ifc); // on another device than its kernel-interface port
const char *watch_netdev(const struct iface *ifc);
// Tells PIM the addresses that the device has now.
void watch_addresses(struct iface *ifc);
void watch_netlink(struct inlet *in, const struct netlink_event *ev);

// upstream.c: sockets towards relays.
extern const struct amt_ops upstream_amt_ops; // ctx: struct inlet
extern const struct channel_env upstream_env; // ctx is filled in by boot
void upstream_close(struct iface *ifc);
// struct driad_cfg's; ctx: struct inlet.
bool upstream_path(void *ctx, const struct addr *relay, struct driad_path *out);
// The addresses of upstream interfaces are others now.
void upstream_changed(struct inlet *in);
uint32_t upstream_stats_cb(void *endpoint, struct mfib_stats *out); // for steering_create()

// state.c, state_write.c: what is joined, kept on file for the next start.
void state_restore(struct inlet *in);
void state_changed(struct inlet *in, uint64_t now_us);
// The file's name is another one, or there is none any more.
void state_reload(struct inlet *in, uint64_t now_us);
// Writes it a last time, before PIM leaves.
void state_close(struct inlet *in);

// rooms.c: discovery, tunnels and channels. 0 or a negative errno.
int rooms_discovery(struct inlet *in, char err[BOOT_ERR_LEN]);
int rooms_channels(struct inlet *in, char err[BOOT_ERR_LEN]);
// By in->cfg, where `was` was before. resolver: one for the dns that is new, or NULL when the old
// one is as good. On an error the resolver stays the caller's.
int rooms_reload(struct inlet *in, const struct config *was, struct resolver *resolver,
	char err[BOOT_ERR_LEN]);
// Where metrics are served.
int rooms_metrics(struct inlet *in, char err[BOOT_ERR_LEN]);
int rooms_reload_metrics(struct inlet *in, const struct config *was, char err[BOOT_ERR_LEN]);
bool rooms_resolver_differs(const struct config_dns *a, const struct config_dns *b);
// NULL with one line in err.
struct resolver *rooms_resolver(
	struct inlet *in, const struct config_dns *dns, char err[BOOT_ERR_LEN]);

// wants.c: the static channels, the joinfile and the exported one. 0 or a negative errno; what
// there is then goes with wants_stop(), before the channels do.
int wants_start(struct inlet *in, char err[BOOT_ERR_LEN]);
void wants_stop(struct inlet *in);
// As in struct observe's static_cb.
int wants_static(struct inlet *in, bool add, const struct sg *sg, const char *ifname,
	struct observe_static *out, char why[OBSERVE_WHY_LEN]);

// Our interface indices for a set of the configuration, which counts downstream ones alone.
uint64_t wants_oifs(const struct inlet *in, uint64_t down);
void wants_on(struct inlet *in, const struct sg *sg, uint64_t oifs, enum channel_origin origin,
	bool wanted, uint64_t now_us);
int wants_import_start(struct inlet *in, uint64_t now_us, char err[BOOT_ERR_LEN]);
int wants_export_start(struct inlet *in, uint64_t now_us, char err[BOOT_ERR_LEN]);
void wants_joinfile_stop(struct inlet *in); // what is wanted stays wanted

// wants_reload.c
void wants_reload_stop(struct inlet *in);
// What the console added is part of in->cfg. From `was` to in->cfg: the joinfile and the export at
// once, static channels some at a time between turns of the loop. prepare() does what may fail and
// is to be called first; in->cfg is `was` then.
int wants_reload_prepare(struct inlet *in, const struct config *to, char err[BOOT_ERR_LEN]);
int wants_reload(struct inlet *in, const struct config *was, char err[BOOT_ERR_LEN]);
// Static channels are still being added or taken away.
bool wants_busy(const struct inlet *in);

// reload.c: the configuration file, read again. path must live as long as inlet.
void reload_begin(struct inlet *in, const char *path);
void reload_end(struct inlet *in);
// One that is under way ends without effect. When no console can ask for it any more.
void reload_stop(struct inlet *in);
// As in struct observe.
struct reload_job *reload_start(struct inlet *in, bool check, char why[OBSERVE_WHY_LEN]);
int reload_result(const struct reload_job *job, const struct config_change **rows, unsigned int *n,
	char why[OBSERVE_WHY_LEN]);
void reload_forget(struct reload_job *job);
// SIGHUP: one that comes while a reload is under way makes another one follow.
void reload_hangup(struct inlet *in);
// reload_apply.c: from in->cfg to another configuration, as config_target() has made it. 0 or a
// negative errno with nothing changed.
int reload_apply(struct inlet *in, const struct config *to, char err[BOOT_ERR_LEN]);
// save.c: writes what runs to a file. As in struct observe.
int save_run(
	struct inlet *in, const char *path, struct observe_saved *out, char why[OBSERVE_WHY_LEN]);

// observe.c: what the console sees of us. Called again when an interface changes.
void observe_fill(struct inlet *in);
// The workers' load since the last time; every second or so.
void observe_load(struct inlet *in);

// loop.c
// Runs until in->stop.
void loop_run(struct inlet *in);
// Runs for so long, whatever in->stop says.
void loop_drain(struct inlet *in, uint64_t for_us);

#endif
