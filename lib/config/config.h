// SPDX-License-Identifier: BSD-3-Clause
// The configuration file as a validated value. config_load() is the only way in; nothing else in
// inlet sees libconfig. The reference of all keys is drivers-config/examples and the schema table
// in config_schema.c.
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/log.h"

#define CONFIG_MAX_IFS	     72
#define CONFIG_MAX_DOWN	     64 // with a downstream role
#define CONFIG_MAX_ADDRS     8
#define CONFIG_MAX_ROUTES    16
#define CONFIG_MAX_RANGES    16
#define CONFIG_MAX_NEIGHBORS 32
#define CONFIG_MAX_RESOLVERS 8
#define CONFIG_MAX_DOMAINS   4
#define CONFIG_MAX_PROBES    4
#define CONFIG_DOMAIN_LEN    240 // with "_amt._udp." before it, still a name
#define CONFIG_MAX_ANCHORS   16
#define CONFIG_ANCHOR_LEN    1024 // a DNSKEY record with 4096 bits of RSA
#define CONFIG_MAX_INSECURE  16
#define CONFIG_MAX_METHODS   3
#define CONFIG_MAX_STATIC    256
#define CONFIG_MAX_CHANNELS  16384 // static ones
#define CONFIG_MAX_MEMBERS   8
#define CONFIG_MEMBER_LEN    128
#define CONFIG_MAX_CPUS	     64
#define CONFIG_MAX_EAL	     32
#define CONFIG_IFNAME_LEN    16 // IFNAMSIZ: the name is the TAP's name too
#define CONFIG_PATH_LEN	     256

enum if_role { IF_UPSTREAM = 1, IF_DOWNSTREAM = 2, IF_BOTH = 3 }; // a bit set
// Shared: hugepages that other processes of DPDK may attach to (dpdk-dumpcap).
enum config_memory { MEMORY_AUTO, MEMORY_HUGEPAGES, MEMORY_NO_HUGE, MEMORY_SHARED };
// What a worker does while no packet comes. Auto: poll, but sleep where a CPU is shared.
enum config_idle { CONFIG_IDLE_AUTO, CONFIG_IDLE_POLL, CONFIG_IDLE_SLEEP };
// The software spreader of a port (crossing/spread.h). Auto: by tunnel where the port has fewer
// queues than there are workers, and no RSS.
enum config_spread {
	CONFIG_SPREAD_AUTO,
	CONFIG_SPREAD_OFF,
	CONFIG_SPREAD_TUNNEL,
	CONFIG_SPREAD_CHANNEL
};

// How relays are found where none is configured for the source.
enum config_discovery { DISCOVERY_DNS_SD, DISCOVERY_ANYCAST, DISCOVERY_DRIAD };

// What DNSSEC is for. A forged answer is never used unless it is off.
enum config_dnssec {
	DNSSEC_OFF,	   // the resolvers asked are trusted
	DNSSEC_PERMISSIVE, // what is not signed is used as well
	DNSSEC_REQUIRE	   // only what is signed
};

// An address with its on-link prefix length; host bits kept.
struct config_addr {
	struct addr addr;
	uint8_t len;
};

struct config_route {
	struct prefix to;
	struct addr via; // of the same family; on an IPv6 link its link-local address too
};

enum config_families { CONFIG_IPV4 = 1, CONFIG_IPV6 = 2, CONFIG_BOTH = 3 }; // a bit set

// Watch: another daemon is the PIM router, and what it is asked for is wanted here; nothing is
// sent.
enum config_pim_mode { CONFIG_PIM_SPEAK, CONFIG_PIM_WATCH, CONFIG_PIM_OFF };

struct config_watch {
	// Where it is heard: any network device of the kernel, which may come and go. "": the
	// kernel-interface port of the interface.
	char netdev[CONFIG_IFNAME_LEN];
	// Joins to these upstream neighbors count, whoever sends them. None: those to an address of
	// the network device, and those that leave from one.
	struct prefix upstream[CONFIG_MAX_NEIGHBORS];
	unsigned int n_upstream;
};

// PIM on a downstream interface (RFC 7761 section 4.11 has the defaults). In the file a string in
// place of the group is its mode.
struct config_pim {
	enum config_pim_mode mode;	   // speak
	bool enabled;			   // false: as mode off, or without a downstream role
	enum config_families families;	   // both; that of IPv6 where the interface has IPv6
	struct config_watch watch;	   // in that mode
	uint32_t hello_interval_s;	   // 30
	uint32_t hello_holdtime_s;	   // 105
	uint32_t triggered_hello_delay_ms; // 5000; the first Hello waits up to this, at random
	uint32_t dr_priority;		   // 1
	uint32_t propagation_delay_ms;	   // 500
	uint32_t override_interval_ms;	   // 2500
	// What our Asserts say (section 4.6.3): lower wins. 250: a router that has the source by
	// any unicast routing protocol is preferred to a tunnel. 10.
	uint32_t assert_preference, assert_metric;
	struct prefix neighbors[CONFIG_MAX_NEIGHBORS]; // none: everybody
	unsigned int n_neighbors;
	uint32_t max_neighbors;	     // 256
	uint32_t max_joins;	     // of the interface; 0: as limits.channels
	uint32_t max_joins_neighbor; // of one neighbor; 0: likewise
	// 20000: messages a second of one neighbor, each as one for each 256 octets begun; all who
	// are none together have an eighth. 0: no limit.
	uint32_t neighbor_rate;
};

// Querier for receivers attached to a downstream interface directly, by IGMPv3 or by MLDv2 (RFC
// 9776 section 8 and RFC 9777 section 9 have the defaults but for the last two).
struct config_membership {
	bool enabled;			  // false
	uint32_t query_interval_s;	  // 125
	uint32_t query_response_ms;	  // 10000
	uint32_t robustness;		  // 2
	uint32_t last_member_interval_ms; // 1000
	uint32_t last_member_count;	  // 2
	bool fast_leave;		  // false; true: a leave ends the channel unasked
	uint32_t max_channels;		  // 10000; reports past it are refused
};

// An interface is a port, or a VLAN of one: those that name the same device share it.
struct config_if {
	char name[CONFIG_IFNAME_LEN];
	char device[256]; // DPDK devargs: PCI address or vdev string
	// Ports that a bond of ports (net_bonding) finds as its slaves: devargs, probed before it.
	char members[CONFIG_MAX_MEMBERS][CONFIG_MEMBER_LEN];
	unsigned int n_members;
	uint16_t vlan; // 1..4094; 0: untagged
	enum if_role role;
	uint16_t mtu; // 0: the port's own
	struct config_addr addrs[CONFIG_MAX_ADDRS];
	unsigned int n_addrs;
	struct config_route routes[CONFIG_MAX_ROUTES];
	unsigned int n_routes;
	struct config_pim pim;
	struct config_membership igmp, mld;
	// The port's; interfaces that share one do not contradict each other.
	uint8_t mac[6];	  // all 0: the port's own
	uint16_t rx_desc; // 1024; the largest counts
	uint16_t tx_desc; // 1024
	uint32_t mbufs;	  // of the port's pool, the largest counts; 0: as many as can be in use
	enum config_spread spread;
};

struct config_static_relay {
	struct prefix sources;
	struct addr relay;
	bool discovery;	    // true: Discovery first (the address may be a broker); false: Request
	uint8_t precedence; // lower first, 0..255
};

// What a relay is known to do against RFC 7450; nothing is then learned of it while running.
#define CONFIG_MAX_QUIRKS 5
#define CONFIG_QUIRK_LEN  16
struct config_relay_quirks {
	struct addr relay;
	char quirks[CONFIG_MAX_QUIRKS][CONFIG_QUIRK_LEN]; // "p-0x80" ...; none: it has none
	unsigned int n_quirks;
};

struct config_dns {
	struct addr resolvers[CONFIG_MAX_RESOLVERS]; // none: /etc/resolv.conf
	uint16_t ports[CONFIG_MAX_RESOLVERS];	     // 53
	unsigned int n_resolvers;
	uint32_t queries_per_100ms;			     // 10 (RFC 8777 section 3.2.2)
	uint32_t retry_initial_ms;			     // 1000
	uint32_t retry_max_s;				     // 120
	uint32_t negative_ttl_max_s;			     // 300; cap of the negative cache
	char domains[CONFIG_MAX_DOMAINS][CONFIG_DOMAIN_LEN]; // for DNS-SD, absolute; default: none
	unsigned int n_domains;
	bool private_sources; // false; true: reverse names of private addresses are asked for too
	enum config_dnssec dnssec; // permissive
	// DS or DNSKEY records, in text; and a file of them. Neither: Debian's file of the root
	// zone's, if it is there; "require" needs it.
	char trust_anchors[CONFIG_MAX_ANCHORS][CONFIG_ANCHOR_LEN];
	unsigned int n_trust_anchors;
	char trust_anchor_file[CONFIG_PATH_LEN];
	// Not validated, with all below: zones of one's own that the Internet's DNS denies.
	char insecure_domains[CONFIG_MAX_INSECURE][CONFIG_DOMAIN_LEN];
	unsigned int n_insecure_domains;
};
#define CONFIG_ROOT_ANCHOR_FILE "/usr/share/dns/root.key" // Debian package dns-root-data

struct config_amt {
	uint32_t retry_initial_ms; // 1000 (RFC 7450 section 5.2.3.4.3)
	uint32_t retry_max_s;	   // 120
	uint32_t
		request_tries; // 4: unanswered Discoveries or Requests before the relay is given up
	uint32_t hold_down_s;  // 180: a relay that failed is no candidate for so long
	uint32_t full_hold_down_s; // 600: the same for one that answered L=1
	// 4000: a source without a packet for so long tries another relay, doubling each time in
	// vain ...
	uint32_t traffic_timeout_ms;
	uint32_t traffic_timeout_max_s; // 120: ... up to so many seconds; 0 ms: never
	// 250 and 1000: how long a relay has the field to itself before the next one is raced
	// against it, of the same preference and of less; 0: until it has failed
	uint32_t race_delay_ms, race_next_ms;
	uint16_t update_mtu; // 1280: octets of an Update's IP datagram at most
	bool ecn; // true: relays are told that we do RFC 6040 (E flag in Requests, RFC 9601)
	// 1..16, default 1: endpoints towards one relay, each at another address of the upstream
	// interface, with the channels spread over them
	uint32_t endpoints;
	uint32_t relay_rate; // 1000: messages a second of one relay to a tunnel; 0: no limit
	uint32_t linger_s;   // 0..: an idle tunnel is kept for so long; default 2
	// Outer fragments of tunnels' data: true, since relays on Linux send without DF and a path
	// with a smaller MTU would lose every large packet; false: they are dropped.
	bool reassemble;
	// 256, a worker: incomplete at one time, the oldest gives way. Each may hold an mbuf.
	uint32_t fragment_datagrams;
	// 200. A relay's 16-bit identifications must not come round within it (RFC 4963): 200 ms
	// are safe to 327,000 fragmented packets a second.
	uint32_t fragment_timeout_ms;
};

// A channel that is wanted though nobody joins it.
struct config_channel {
	struct sg sg;  // in the ssm_ranges
	uint64_t down; // where: bit i is the i-th interface of the file with a downstream role
};

// Channels that other programs want, and what is joined for them to read (lib/joinfile).
struct config_joinfile {
	char path[CONFIG_PATH_LEN];   // "": none is read
	uint64_t down;		      // where they are wanted, as in config_channel
	char export[CONFIG_PATH_LEN]; // "": none is written
};

// Where metrics are served (OpenMetrics over HTTP), and how many rows of what there may be many of.
struct config_listen {
	struct addr addr; // none: nowhere
	uint16_t port;
	bool named; // by the file: then it must be to be had
};
#define CONFIG_METRICS_PORT 9568
struct config_metrics {
	struct config_listen listen; // 127.0.0.1:9568
	uint32_t channels;	     // 20: those with the most packets a second
	uint32_t tunnels;	     // 256: those with the most packets
};

// When routers are to be led to this box, and how it leaves.
struct config_health {
	uint32_t up_after_s;	    // 10: nothing bad for so long before it is up
	uint32_t worker_timeout_ms; // 1000: a worker that does not poll for so long is stuck
	uint32_t relay_timeout_ms;  // 3000: neither packets nor an answer of a relay
	uint32_t drain_timeout_s;   // 60: then routers that still join hear a Goodbye
	uint32_t linger_ms; // 1000: forwards so long after a Goodbye, for others to take over
	struct addr probe[CONFIG_MAX_PROBES]; // asked all the time; none: those that served us
	unsigned int n_probe;
};

// Addresses that are refused: those in deny, and where permit has any, those that are not in it.
#define CONFIG_MAX_ACL 64
struct config_acl {
	struct prefix permit[CONFIG_MAX_ACL], deny[CONFIG_MAX_ACL];
	unsigned int n_permit, n_deny;
};
static inline bool config_acl_refuses(const struct config_acl *l, const struct addr *a)
{
	return prefix_match_any(l->deny, l->n_deny, a) ||
	       (l->n_permit > 0 && !prefix_match_any(l->permit, l->n_permit, a));
}
struct config_acls {
	struct config_acl sources, groups, relays;
};

// Frames a second and interface that a worker hands to the control thread, by class
// (lib/crossing/police.h); 0: no limit.
struct config_punt {
	uint32_t neighbor;   // 4000: ARP and neighbor discovery
	uint32_t pim;	     // 40000, a unit for each 256 octets begun: a Join of many routers
	uint32_t membership; // 20000, in the same units
	uint32_t amt, dns;   // 10000 each
	uint32_t stray;	     // 100: AMT data of no tunnel, that its sender is told of
	uint32_t other;	     // 20000
};

struct config {
	enum log_level log_level;
	enum log_format log_format; // text
	uint32_t log_rate;	    // 1000 lines a second at most; 0: as many as come
	struct config_metrics metrics;
	struct config_health health;
	enum config_memory memory;
	uint32_t memory_mb; // 0: chosen at start
	int control_cpu;    // -1: auto
	int workers[CONFIG_MAX_CPUS];
	unsigned int n_workers; // 0: auto
	bool share_cpu;		// false; true: a CPU may have several of our threads
	enum config_idle idle;
	char eal[CONFIG_MAX_EAL][128];
	unsigned int n_eal; // extra EAL arguments, verbatim
	struct config_if ifs[CONFIG_MAX_IFS];
	unsigned int n_ifs;
	struct prefix ssm_ranges[CONFIG_MAX_RANGES];
	// Default 232.0.0.0/8 and ff3x::/32; the x is any scope, here 0 (group_in_range()).
	unsigned int n_ssm_ranges;
	struct config_static_relay relays[CONFIG_MAX_STATIC];
	unsigned int n_relays;
	struct config_relay_quirks relay_quirks[CONFIG_MAX_STATIC];
	unsigned int n_relay_quirks;
	// After relays, in this order; default: DNS-SD, anycast, DRIAD (RFC 8777 section 3.1.2).
	enum config_discovery discovery[CONFIG_MAX_METHODS];
	unsigned int n_discovery;
	struct config_channel channels[CONFIG_MAX_CHANNELS];
	unsigned int n_channels;
	struct config_joinfile joinfile;
	struct config_dns dns;
	struct config_amt amt;
	char console_socket[108]; // default /run/inlet/console.sock
	// Where what is joined is written for the next start; "" for nowhere. Default: the
	// console's socket with ".state" behind it.
	char state_file[128];
	struct config_punt punt;
	struct config_acls acl;
	uint32_t max_channels;	  // 65536
	uint32_t max_tunnels;	  // 4096
	uint32_t max_lookups;	  // 65536: of DNS, under way or waiting for their turn
	uint32_t max_per_source;  // channels of one source; 0: as channels
	uint32_t max_memberships; // 65536: channels of receivers attached directly, all interfaces
};

// Whether two device strings name the same device: PCI addresses in their long and short form are
// equal, and the arguments do not count, since DPDK knows a vdev by its name alone.
bool config_same_device(const char *a, const char *b);

// The number of an interface of c among those with a downstream role, in the order of the file: its
// bit in config_channel.down. -1 for one without such a role.
int config_down_index(const struct config *c, const struct config_if *f);

// A key that two configurations have otherwise.
#define CONFIG_KEY_LEN	 160
#define CONFIG_VALUE_LEN 256 // longer texts are cut
struct config_change {
	char key[CONFIG_KEY_LEN]; // "interfaces.lan.pim.dr_priority", "channels.(S, G)"
	// As the file would say it, lists as "a, b"; "" for what is not there, or has no value.
	char was[CONFIG_VALUE_LEN], is[CONFIG_VALUE_LEN];
	bool restart; // takes effect with another start only
};
typedef void (*config_change_cb)(void *arg, const struct config_change *c);
// Tells cb every key in which `is` differs from `was`, in the order of the schema: interfaces,
// relays, quirks, routes and channels are the same by their names, wherever they stand in the
// file. Returns how many, or -ENOMEM.
int config_diff(const struct config *was, const struct config *is, config_change_cb cb, void *arg);
// The static channels by sg_cmp(), and the order of two elements of such a list, for bsearch(). The
// caller's to free; NULL when out of memory.
const struct config_channel **config_channels_sorted(const struct config *c);
int config_channel_cmp(const void *a, const void *b);
// What `file` makes of what runs: everything that may change without another start. The interfaces
// are those of `runs`, in their order; channels are not wanted on those that it does not have.
void config_target(const struct config *runs, const struct config *file, struct config *out);

// The text of a file with what `runs` has otherwise than `target`, which is config_target() of what
// the text says: the static channels, which the console may change. All the rest, and the comments
// of what stays, is as it was. *out is the caller's to free. Returns how many changes were made, or
// -ENOMEM, or -EINVAL with a clause in why: the text has them in a form that cannot be edited.
// Pure.
int config_edit(const char *text, const struct config *target, const struct config *runs,
	char **out, char why[CONFIG_VALUE_LEN]);

#define CONFIG_DEFAULT_FILE "/etc/inlet/inlet.conf"
#define CONFIG_ERR_LEN	    512
#define CONFIG_MAX_OCTETS   (4 << 20) // of a file

// Reads and validates a file. 0 with *out filled; or a negative errno (-EINVAL for what the file
// says, -ENOENT ... for reading it) with one line "FILE:LINE: what is wrong" in err and *out
// untouched.
int config_load(const char *path, struct config *out, char err[CONFIG_ERR_LEN]);
// The file's octets, *len of them and a NUL, the caller's to free(). 0, or a negative errno:
// -EINVAL for what is no file, -EFBIG for more than CONFIG_MAX_OCTETS.
int config_file_read(const char *file, char **out, size_t *len);

#endif
