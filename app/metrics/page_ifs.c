// SPDX-License-Identifier: BSD-3-Clause
// Interfaces and their ports, PIM, IGMP and MLD on them; and what was dropped, for which reason.
#include "amt/amt.h"
#include "channel/channel.h"
#include "crossing/crossing.h"
#include "crossing/drops.h"
#include "driad/driad.h"
#include "joinfile/joinfile.h"
#include "kif/kif.h"
#include "membership/membership.h"
#include "metrics/page_internal.h"
#include "pim/pim.h"
#include "port/port.h"

#define PORT_LIST(X)                                                                               \
	X(PORT_UP, "inlet_port_up", OM_GAUGE, NULL, "1 while the link is up.")                     \
	X(RX_PACKETS, "inlet_port_receive_packets", OM_COUNTER, NULL, "Frames that came in.")      \
	X(RX_BYTES, "inlet_port_receive_bytes", OM_COUNTER, "bytes", "Octets of them.")            \
	X(RX_MISSED, "inlet_port_receive_missed", OM_COUNTER, NULL,                                \
		"Frames lost because the receive queues were full.")                               \
	X(RX_ERRORS, "inlet_port_receive_errors", OM_COUNTER, NULL, "Frames that were damaged.")   \
	X(RX_NOMBUF, "inlet_port_receive_nombuf", OM_COUNTER, NULL,                                \
		"Frames lost because there was no mbuf.")                                          \
	X(TX_PACKETS, "inlet_port_transmit_packets", OM_COUNTER, NULL, "Frames that went out.")    \
	X(TX_BYTES, "inlet_port_transmit_bytes", OM_COUNTER, "bytes", "Octets of them.")           \
	X(TX_ERRORS, "inlet_port_transmit_errors", OM_COUNTER, NULL, "Frames not sent.")           \
	X(MBUFS_USED, "inlet_port_mbufs_in_use", OM_GAUGE, NULL, "mbufs of the port in use.")      \
	X(MBUFS, "inlet_port_mbufs", OM_GAUGE, NULL, "mbufs that the port has.")                   \
	X(RECEIVED, "inlet_interface_received_packets", OM_COUNTER, NULL,                          \
		"Frames of the interface that workers took.")                                      \
	X(RECEIVED_BYTES, "inlet_interface_received_bytes", OM_COUNTER, "bytes",                   \
		"Octets of them.")                                                                 \
	X(NATIVE, "inlet_interface_native_packets", OM_COUNTER, NULL,                              \
		"Native multicast packets sent.")                                                  \
	X(NATIVE_BYTES, "inlet_interface_native_bytes", OM_COUNTER, "bytes", "Octets of them.")    \
	X(TX_FULL, "inlet_interface_transmit_full", OM_COUNTER, NULL,                              \
		"Native multicast packets that the driver did not take.")                          \
	X(PUNTED_CONTROL, "inlet_interface_punted_control_packets", OM_COUNTER, NULL,              \
		"Frames given to the control thread: PIM, IGMP, ARP, AMT control.")                \
	X(PUNTED_OTHER, "inlet_interface_punted_other_packets", OM_COUNTER, NULL,                  \
		"Frames given to the control thread: all else.")                                   \
	X(INJECTED, "inlet_interface_injected_packets", OM_COUNTER, NULL,                          \
		"Frames of the kernel sent.")                                                      \
	X(KERNEL_ERRORS, "inlet_interface_kernel_errors", OM_COUNTER, NULL,                        \
		"Frames lost at the kernel-interface port.")                                       \
	X(KERNEL_LOSSES, "inlet_interface_netdev_losses", OM_COUNTER, NULL,                        \
		"Times that the kernel-interface port was deleted or moved away.")                 \
	X(LINK_DOWNS, "inlet_port_link_downs", OM_COUNTER, NULL, "Times that the link went down.") \
	X(LOSSES, "inlet_port_losses", OM_COUNTER, NULL,                                           \
		"Times that the device under the port was lost.")

#define PIM_LIST(X)                                                                             \
	X(NEIGHBORS, "inlet_pim_neighbors", OM_GAUGE, NULL, "PIM neighbors.")                   \
	X(PIM_JOINS, "inlet_pim_joined_channels", OM_GAUGE, NULL, "Channels joined by PIM.")    \
	X(IS_DR, "inlet_pim_designated_router", OM_GAUGE, NULL,                                 \
		"1 while this is the designated router.")                                       \
	X(WON, "inlet_pim_asserts_won", OM_GAUGE, NULL, "Channels of which the Assert is won.") \
	X(LOST_ASSERTS, "inlet_pim_asserts_lost", OM_GAUGE, NULL,                               \
		"Channels of which the Assert is lost.")                                        \
	X(HELLO_RX, "inlet_pim_hellos_received", OM_COUNTER, NULL, "Hellos received.")          \
	X(HELLO_TX, "inlet_pim_hellos_sent", OM_COUNTER, NULL, "Hellos sent.")                  \
	X(JOINS_RX, "inlet_pim_joins_received", OM_COUNTER, NULL, "Joins received.")            \
	X(PRUNES_RX, "inlet_pim_prunes_received", OM_COUNTER, NULL, "Prunes received.")         \
	X(JOINS_EXPIRED, "inlet_pim_joins_expired", OM_COUNTER, NULL, "Joins that ran out.")    \
	X(ASSERT_RX, "inlet_pim_asserts_received", OM_COUNTER, NULL, "Asserts received.")       \
	X(ASSERT_TX, "inlet_pim_asserts_sent", OM_COUNTER, NULL, "Asserts sent.")               \
	X(DR_CHANGES, "inlet_pim_designated_router_changes", OM_COUNTER, NULL,                  \
		"Changes of the designated router.")

#define MEMBERSHIP_LIST(X)                                                                        \
	X(GM_CHANNELS, "inlet_membership_channels", OM_GAUGE, NULL,                               \
		"Channels wanted by receivers attached directly.")                                \
	X(QUERIER, "inlet_membership_querier", OM_GAUGE, NULL, "1 while this is the querier.")    \
	X(REPORTS_RX, "inlet_membership_reports_received", OM_COUNTER, NULL, "Reports received.") \
	X(QUERIES_TX, "inlet_membership_queries_sent", OM_COUNTER, NULL, "Queries sent.")         \
	X(GM_JOINS, "inlet_membership_joins", OM_COUNTER, NULL, "Channels begun.")                \
	X(GM_LEAVES, "inlet_membership_leaves", OM_COUNTER, NULL, "Channels ended by a leave.")   \
	X(GM_EXPIRED, "inlet_membership_expired", OM_COUNTER, NULL, "Channels that ran out.")

#define DROP_FAMILIES(X)                          \
	X(DROPS, "inlet_drops", OM_COUNTER, NULL, \
		"What was dropped or not used, by room and reason (inlet show drops all).")

enum { PORT_LIST(PAGE_ID) N_PORT };
enum { PIM_LIST(PAGE_ID) N_PIM };
enum { MEMBERSHIP_LIST(PAGE_ID) N_MEMBERSHIP };
enum { DROP_FAMILIES(PAGE_ID) N_DROPS };
static const struct om_family port_families[] = {PORT_LIST(PAGE_FAMILY)};
static const struct om_family pim_families[] = {PIM_LIST(PAGE_FAMILY)};
static const struct om_family membership_families[] = {MEMBERSHIP_LIST(PAGE_FAMILY)};
static const struct om_family drop_families[] = {DROP_FAMILIES(PAGE_FAMILY)};

static void add_drops(struct page *p, const char *room, const char *ifname,
	const char *const *names, const uint64_t *counts, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct set_row *row = set_add(&p->sets[SET_DROPS]);

		if (!row)
			return;
		page_label(row, "room", room);
		page_label(row, "interface", ifname);
		page_label(row, "reason", names[i]);
		row->values[DROPS] = (double)counts[i];
	}
}

static void fill_device(const struct observe_if *f, double *v)
{
	struct port_counters c;
	unsigned int in_use, size;

	v[PORT_UP] = port_link_up(f->port);
	if (!f->first)
		return;
	port_counters(f->port, &c);
	port_mbufs(f->port, &in_use, &size);
	v[RX_PACKETS] = (double)c.rx_packets;
	v[RX_BYTES] = (double)c.rx_bytes;
	v[RX_MISSED] = (double)c.rx_missed;
	v[RX_ERRORS] = (double)c.rx_errors;
	v[RX_NOMBUF] = (double)c.rx_nombuf;
	v[TX_PACKETS] = (double)c.tx_packets;
	v[TX_BYTES] = (double)c.tx_bytes;
	v[TX_ERRORS] = (double)c.tx_errors;
	v[MBUFS_USED] = in_use;
	v[MBUFS] = size;
}

static void collect_port(struct page *p, unsigned int i)
{
	const struct observe_if *f = &p->o->ifs[i];
	struct set_row *row = set_add(&p->sets[SET_PORTS]);
	struct crossing_if_stats x = {0};

	if (!row)
		return;
	page_label(row, "interface", f->name);
	page_label(row, "role",
		f->role == IF_BOTH	 ? "both"
		: f->role == IF_UPSTREAM ? "upstream"
					 : "downstream");
	if (f->port)
		fill_device(f, row->values);
	if (p->o->crossing)
		crossing_if_stats(p->o->crossing, i, &x);
	row->values[RECEIVED] = (double)x.rx_packets;
	row->values[RECEIVED_BYTES] = (double)x.rx_bytes;
	row->values[NATIVE] = (double)x.tx_packets;
	row->values[NATIVE_BYTES] = (double)x.tx_bytes;
	row->values[TX_FULL] = (double)x.tx_full;
	row->values[PUNTED_CONTROL] = (double)crossing_punted(&x, true);
	row->values[PUNTED_OTHER] = (double)crossing_punted(&x, false);
	row->values[INJECTED] = (double)x.injected;
	row->values[KERNEL_LOSSES] = (double)f->netdev_losses;
	if (f->seen && f->first) {
		row->values[LINK_DOWNS] = (double)f->seen->link_downs;
		row->values[LOSSES] = (double)f->seen->losses;
	}
	if (f->kif)
		row->values[KERNEL_ERRORS] =
			(double)(kif_stats(f->kif)->write_errors + kif_stats(f->kif)->read_errors);
}

static void collect_pim(struct page *p, const char *ifname, int family, const struct pim_if *pim)
{
	const struct pim_stats *s = pim_if_stats(pim);
	struct set_row *row = set_add(&p->sets[SET_PIM]);
	struct pim_if_view v;
	double *to;

	if (!row)
		return;
	pim_if_view(pim, &v);
	page_label(row, "interface", ifname);
	page_label(row, "address_family", family ? "ipv6" : "ipv4");
	to = row->values;
	to[NEIGHBORS] = v.neighbors;
	to[PIM_JOINS] = v.joins;
	to[IS_DR] = v.is_dr;
	to[WON] = v.asserts_won;
	to[LOST_ASSERTS] = v.asserts_lost;
	to[HELLO_RX] = (double)s->hello_rx;
	to[HELLO_TX] = (double)s->hello_tx;
	to[JOINS_RX] = (double)s->joins_rx;
	to[PRUNES_RX] = (double)s->prunes_rx;
	to[JOINS_EXPIRED] = (double)s->expired;
	to[ASSERT_RX] = (double)s->assert_rx;
	to[ASSERT_TX] = (double)s->assert_tx;
	to[DR_CHANGES] = (double)s->dr_changes;
	add_drops(p, family ? "pim6" : "pim", ifname, pim_drop_names, s->drops, PIM_DROP_COUNT);
}

static void collect_membership(
	struct page *p, const char *ifname, int family, const struct membership *m)
{
	const struct membership_stats *s = membership_stats(m);
	struct set_row *row = set_add(&p->sets[SET_MEMBERSHIP]);
	struct membership_view v;
	double *to;

	if (!row)
		return;
	membership_view(m, &v);
	page_label(row, "interface", ifname);
	page_label(row, "protocol", family ? "mld" : "igmp");
	to = row->values;
	to[GM_CHANNELS] = v.channels;
	to[QUERIER] = v.querier;
	to[REPORTS_RX] = (double)s->reports_rx;
	to[QUERIES_TX] = (double)(s->general_tx + s->specific_tx);
	to[GM_JOINS] = (double)s->joins;
	to[GM_LEAVES] = (double)s->leaves;
	to[GM_EXPIRED] = (double)s->expired;
	add_drops(p, family ? "mld" : "igmp", ifname, membership_drop_names, s->drops,
		MEMBERSHIP_DROP_COUNT);
}

// One at a time: what a driver takes to tell its counters is the driver's.
bool page_collect_ifs(struct page *p)
{
	const struct observe_if *f = &p->o->ifs[p->cursor];

	if (p->cursor == 0) {
		set_init(&p->sets[SET_PORTS], port_families, N_PORT);
		set_init(&p->sets[SET_PIM], pim_families, N_PIM);
		set_init(&p->sets[SET_MEMBERSHIP], membership_families, N_MEMBERSHIP);
		set_init(&p->sets[SET_DROPS], drop_families, N_DROPS);
	}
	if (p->cursor >= p->o->n_ifs)
		return false;
	collect_port(p, p->cursor);
	for (int k = 0; k < OBSERVE_FAMILIES; k++) {
		if (f->pim[k])
			collect_pim(p, f->name, k, f->pim[k]);
		if (f->membership[k])
			collect_membership(p, f->name, k, f->membership[k]);
	}
	return ++p->cursor < p->o->n_ifs;
}

bool page_collect_drops(struct page *p)
{
	const struct observe *o = p->o;
	uint64_t fastpath[DROP_COUNT];

	for (unsigned int i = 0; o->crossing && i < DROP_COUNT; i++)
		fastpath[i] = crossing_drop(o->crossing, (enum drop_reason)i);
	if (o->crossing)
		add_drops(p, "fastpath", NULL, drop_names, fastpath, DROP_COUNT);
	if (o->amt)
		add_drops(p, "amt", NULL, amt_drop_names, amt_gateway_stats(o->amt)->drops,
			AMT_DROP_COUNT);
	if (o->driad)
		add_drops(p, "driad", NULL, driad_drop_names, driad_stats(o->driad)->drops,
			DRIAD_DROP_COUNT);
	if (o->channels)
		add_drops(p, "channel", NULL, channel_drop_names, channels_drops(o->channels),
			CHANNEL_DROP_COUNT);
	if (o->joinfile_stats)
		add_drops(p, "joinfile", NULL, joinfile_drop_names, o->joinfile_stats->drops,
			JOINFILE_DROP_COUNT);
	return false;
}
