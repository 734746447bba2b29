// SPDX-License-Identifier: BSD-3-Clause
// Several workers on ports with one queue each: the software spreader, frames handed over to the
// worker with the transmit queue, and VLANs of a port, on ring ports in one process.
#include "unit/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "crossing/spread.h"
#include "frames.h"
#include "rig.h"

#define WORKERS	 3
#define TUNNELS	 8
#define CHANNELS 64 // channel i is in tunnel i % TUNNELS
#define RING	 1024
#define SMALL	 16 // the ring by which worker 2 hands over: 15 frames
#define VLAN	 100
#define INNER	 44 // offset of the inner datagram in a frame
#define SEQ	 28 // of a sequence number in the inner datagram: behind its UDP header

// Interfaces: 0 wan, untagged; 1 lan; 2 VLAN 100 of lan; 3 VLAN 100 of wan.
enum { WAN, LAN, LAN_VLAN, WAN_VLAN, IFS };
enum { WAN_PORT, LAN_PORT, PORTS };

static struct rte_mempool *pool;
static struct rte_ring *rx[PORTS], *tx[PORTS];
static uint16_t port_ids[PORTS];
static struct crossing *crossing;
static struct mfib *mfib;
static struct mfib_tunnel *tunnels[TUNNELS];
static struct mfib_channel *channels[CHANNELS];
static struct worker *workers[WORKERS];
static uint8_t by_vlan[PORTS][4096];

static struct addr relay_of(unsigned int tunnel)
{
	return addr_from_v4(rte_cpu_to_be_32(0xcb007100 + 10 + tunnel));
}

static uint16_t port_of(unsigned int tunnel)
{
	return (uint16_t)(40000 + 7 * tunnel);
}

static struct sg sg_of(unsigned int channel)
{
	return (struct sg){addr_from_v4(rte_cpu_to_be_32(0xc0000200 + 1 + channel / 4)),
		addr_from_v4(rte_cpu_to_be_32(0xe8010000 + channel))};
}

static void port_open(unsigned int i)
{
	static struct rte_eth_conf conf;
	char name[32];
	int port;

	snprintf(name, sizeof(name), "srx%u", i);
	rx[i] = rte_ring_create(name, RING, SOCKET_ID_ANY, 0);
	snprintf(name, sizeof(name), "stx%u", i);
	tx[i] = rte_ring_create(name, RING, SOCKET_ID_ANY, 0);
	snprintf(name, sizeof(name), "sport%u", i);
	port = rte_eth_from_rings(name, &rx[i], 1, &tx[i], 1, 0);
	assert_true(port >= 0);
	port_ids[i] = (uint16_t)port;
	assert_int_equal(rte_eth_dev_configure(port_ids[i], 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(port_ids[i], 0, 64, 0, NULL, pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(port_ids[i], 0, 64, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(port_ids[i]), 0);
}

// Worker 0 has the queues of the wan port, worker 1 those of the lan port, worker 2 none.
static void worker_fill(struct worker *w, unsigned int index)
{
	static const uint16_t port_of_if[IFS] = {WAN_PORT, LAN_PORT, LAN_PORT, WAN_PORT};

	w->n_ports = PORTS;
	w->n_ifs = IFS;
	w->table = mfib_worker_table(mfib, index);
	w->x = crossing->workers[index];
	for (unsigned int i = 0; i < PORTS; i++)
		w->ports[i] = (struct worker_port){.port_id = port_ids[i],
			.rx_queue = index == i ? 0 : WORKER_NO_QUEUE,
			.tx_queue = index == i ? 0 : WORKER_NO_QUEUE,
			.tx_worker = (uint8_t)i,
			.spread = i == WAN_PORT ? SPREAD_TUNNEL : SPREAD_OFF,
			.untagged = (uint8_t)(i == WAN_PORT ? WAN : LAN),
			.by_vlan = by_vlan[i]};
	for (unsigned int i = 0; i < IFS; i++)
		w->ifs[i] = (struct worker_if){.port = port_of_if[i],
			.vlan = i >= LAN_VLAN ? VLAN : 0,
			.mtu = 1500,
			.upstream = i == WAN || i == WAN_VLAN,
			.mac = {2, 0, 0, 0, 0, (uint8_t)port_of_if[i]}};
	worker_prepare(w);
}

static void team_setup(void)
{
	struct addr local = addr_from_v4(rte_cpu_to_be_32(0xc633640a));

	pool = rte_pktmbuf_pool_create(
		"team", 8191, 0, 0, RTE_PKTMBUF_HEADROOM + RIG_FRAME, SOCKET_ID_ANY);
	assert_non_null(pool);
	port_open(WAN_PORT);
	port_open(LAN_PORT);
	crossing = crossing_create(WORKERS, NULL, IFS, 64, 64, 1518);
	assert_non_null(crossing);
	assert_int_equal(crossing_spread_get_tunnel(crossing, 0), -ENODEV);
	assert_int_equal(crossing_spread_open(crossing, 0, RING), 0);
	for (unsigned int i = 0; i < WORKERS; i++)
		for (unsigned int k = 0; k < PORTS; k++)
			if (i != k)
				assert_int_equal(
					crossing_tx_open(crossing, i, k, i == 2 ? SMALL : RING), 0);
	for (unsigned int i = 0; i < IFS; i++)
		assert_int_equal(crossing_inject_owner(crossing, i, i == LAN || i == LAN_VLAN), 0);
	mfib = mfib_create(WORKERS, NULL);
	assert_non_null(mfib);
	memset(by_vlan, WORKER_NO_IF, sizeof(by_vlan));
	by_vlan[WAN_PORT][VLAN] = WAN_VLAN;
	by_vlan[LAN_PORT][VLAN] = LAN_VLAN;
	for (unsigned int i = 0; i < TUNNELS; i++) {
		struct addr relay = relay_of(i);

		tunnels[i] = mfib_tunnel_add(mfib, &relay, &local, port_of(i));
		assert_non_null(tunnels[i]);
	}
	for (unsigned int i = 0; i < CHANNELS; i++) {
		struct sg sg = sg_of(i);

		channels[i] = mfib_channel_add(mfib, tunnels[i % TUNNELS], &sg, 1u << LAN);
		assert_non_null(channels[i]);
	}
	for (unsigned int i = 0; i < WORKERS; i++) {
		workers[i] = aligned_alloc(64, (sizeof(struct worker) + 63) / 64 * 64);
		assert_non_null(workers[i]);
		memset(workers[i], 0, sizeof(struct worker));
		worker_fill(workers[i], i);
	}
}

static void team_teardown(void)
{
	for (unsigned int i = 0; i < CHANNELS; i++)
		mfib_channel_del(mfib, channels[i]);
	for (unsigned int i = 0; i < TUNNELS; i++)
		mfib_tunnel_del(mfib, tunnels[i]);
	mfib_destroy(mfib);
	crossing_destroy(crossing);
	for (unsigned int i = 0; i < WORKERS; i++)
		free(workers[i]);
	for (unsigned int i = 0; i < PORTS; i++) {
		rte_eth_dev_stop(port_ids[i]);
		rte_eth_dev_close(port_ids[i]);
	}
	if (rte_mempool_in_use_count(pool) != 0)
		abort();
	rte_mempool_free(pool);
}

static void put32(uint8_t *p, uint32_t v)
{
	v = rte_cpu_to_be_32(v);
	memcpy(p, &v, sizeof(v));
}

// AMT data of a channel, without a UDP checksum.
static void data_frame(unsigned int channel, uint32_t seq, struct frame *f)
{
	struct sg sg = sg_of(channel);
	struct addr relay = relay_of(channel % TUNNELS);
	uint16_t port = port_of(channel % TUNNELS);

	frame_golden("A11", f);
	memcpy(f->p + 26, relay.bytes, 4);
	f->p[36] = (uint8_t)(port >> 8);
	f->p[37] = (uint8_t)port;
	memcpy(f->p + INNER + 12, sg.s.bytes, 4);
	memcpy(f->p + INNER + 16, sg.g.bytes, 4);
	assert_true(f->len >= INNER + SEQ + 4);
	put32(f->p + INNER + SEQ, seq);
	frame_fix_ip(f, 14);
	frame_fix_ip(f, INNER);
}

static struct rte_mbuf *to_mbuf(const struct frame *f)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_non_null(m);
	if (m)
		memcpy(rte_pktmbuf_append(m, (uint16_t)f->len), f->p, f->len);
	return m;
}

static void arrive(unsigned int port, const struct frame *f)
{
	assert_int_equal(rte_ring_enqueue(rx[port], to_mbuf(f)), 0);
}

static void arrive_data(unsigned int channel, uint32_t seq)
{
	struct frame f;

	data_frame(channel, seq, &f);
	arrive(WAN_PORT, &f);
}

// A turn of every worker, the receiver first and the transmitter last.
static void turn(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		worker_round(workers[0]);
		worker_round(workers[2]);
		worker_round(workers[1]);
	}
}

// Group and sequence number of the next native frame, false: there is none.
static bool native(unsigned int port, uint32_t *group, uint32_t *seq, bool *tagged)
{
	const uint8_t *p;
	void *m = NULL;

	if (rte_ring_dequeue(tx[port], &m) != 0)
		return false;
	p = rte_pktmbuf_mtod((struct rte_mbuf *)m, const uint8_t *);
	*tagged = p[12] == 0x81;
	if (*tagged)
		assert_memory_equal(p + 12, ((uint8_t[]){0x81, 0, 0, VLAN, 0x08, 0}), 6);
	p += *tagged ? 18 : 14;
	memcpy(group, p + 16, 4);
	memcpy(seq, p + SEQ, 4);
	*group = rte_be_to_cpu_32(*group);
	*seq = rte_be_to_cpu_32(*seq);
	rte_pktmbuf_free(m);
	return true;
}

static unsigned int native_count(unsigned int port)
{
	uint32_t group, seq;
	unsigned int n = 0;
	bool tagged;

	while (native(port, &group, &seq, &tagged))
		n++;
	return n;
}

static unsigned int entry_of(unsigned int tunnel)
{
	struct addr relay = relay_of(tunnel);

	return crossing_spread_tunnel(&relay, port_of(tunnel));
}

static void all_tunnels_to(unsigned int worker)
{
	for (unsigned int i = 0; i < SPREAD_ENTRIES; i++)
		assert_int_equal(crossing_spread_set_tunnel(crossing, i, worker), 0);
}

static uint64_t rx_of(unsigned int worker)
{
	return crossing->workers[worker]->ifs[WAN].rx_packets;
}

static void entries_are_dealt_out(void **state)
{
	unsigned int n[WORKERS] = {0}, distinct = 0;
	uint8_t seen[SPREAD_ENTRIES] = {0};

	(void)state;
	for (unsigned int i = 0; i < SPREAD_ENTRIES; i++) {
		n[crossing_spread_get_tunnel(crossing, i)]++;
		assert_in_range(crossing_spread_get_channel(crossing, i), 0, WORKERS - 1);
	}
	for (unsigned int i = 0; i < WORKERS; i++)
		assert_in_range(n[i], SPREAD_ENTRIES / WORKERS, SPREAD_ENTRIES / WORKERS + 1);
	for (unsigned int i = 0; i < CHANNELS; i++) {
		struct sg sg = sg_of(i);
		unsigned int e = crossing_spread_channel(&sg);

		assert_in_range(e, 0, SPREAD_ENTRIES - 1);
		distinct += !seen[e];
		seen[e] = 1;
	}
	assert_true(distinct > CHANNELS / 2);
	assert_int_equal(crossing_spread_get_tunnel(crossing, SPREAD_ENTRIES), -EINVAL);
	assert_int_equal(crossing_spread_set_tunnel(crossing, SPREAD_ENTRIES, 0), -EINVAL);
	assert_int_equal(crossing_spread_set_tunnel(crossing, 0, WORKERS), -EINVAL);
	assert_int_equal(crossing_spread_set_channel(crossing, 0, SPREAD_BY_CHANNEL), -EINVAL);
	assert_int_equal(crossing_spread_open(crossing, WORKERS, RING), -EINVAL);
	assert_int_equal(crossing_tx_open(crossing, 1, 1, RING), -EINVAL);
	assert_int_equal(crossing_inject_owner(crossing, IFS, 0), -EINVAL);
	assert_int_equal(crossing_inject_owner(crossing, 0, WORKERS), -EINVAL);
}

static void a_tunnel_goes_where_its_entry_says(void **state)
{
	(void)state;
	for (unsigned int to = 0; to < WORKERS; to++) {
		uint64_t before = rx_of(to), count, spread = crossing->workers[0]->load.spread;

		all_tunnels_to((to + 1) % WORKERS);
		assert_int_equal(crossing_spread_set_tunnel(crossing, entry_of(3), to), 0);
		count = crossing_spread_count_tunnel(crossing, entry_of(3));
		for (unsigned int i = 0; i < 10; i++)
			arrive_data(3 + TUNNELS * (i % 4), i);
		turn();
		assert_int_equal(rx_of(to), before + 10);
		assert_int_equal(native_count(LAN_PORT), 10);
		assert_int_equal(crossing_spread_count_tunnel(crossing, entry_of(3)), count + 10);
		assert_int_equal(crossing->workers[0]->load.spread, spread + (to == 0 ? 0 : 10));
	}
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void an_elephant_goes_by_channel(void **state)
{
	uint64_t before[WORKERS], counted = 0, moved = 0;
	struct sg sg;

	(void)state;
	all_tunnels_to(1);
	assert_int_equal(crossing_spread_set_tunnel(crossing, entry_of(2), SPREAD_BY_CHANNEL), 0);
	assert_int_equal(crossing_spread_get_tunnel(crossing, entry_of(2)), SPREAD_BY_CHANNEL);
	for (unsigned int i = 0; i < WORKERS; i++)
		before[i] = rx_of(i);
	for (unsigned int i = 0; i < CHANNELS; i++) {
		sg = sg_of(i);
		assert_int_equal(crossing_spread_set_channel(
					 crossing, crossing_spread_channel(&sg), 2 * (i / 8 % 2)),
			0);
	}
	for (unsigned int i = 0; i < CHANNELS; i++)
		arrive_data(i, i);
	turn();
	assert_int_equal(native_count(LAN_PORT), CHANNELS);
	for (unsigned int i = 0; i < WORKERS; i++)
		moved += rx_of(i) - before[i];
	assert_int_equal(moved, CHANNELS);
	// The other tunnels stayed whole.
	assert_int_equal(rx_of(1) - before[1], CHANNELS - CHANNELS / TUNNELS);
	for (unsigned int i = 2; i < CHANNELS; i += TUNNELS) {
		sg = sg_of(i);
		counted += crossing_spread_count_channel(crossing, crossing_spread_channel(&sg));
	}
	assert_true(counted >= CHANNELS / TUNNELS);
	assert_true(rx_of(0) > before[0] && rx_of(2) > before[2]);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void a_port_can_spread_by_channel(void **state)
{
	uint64_t before = rx_of(2);

	(void)state;
	all_tunnels_to(1);
	for (unsigned int i = 0; i < SPREAD_ENTRIES; i++)
		assert_int_equal(crossing_spread_set_channel(crossing, i, 2), 0);
	workers[0]->ports[WAN_PORT].spread = SPREAD_CHANNEL;
	for (unsigned int i = 0; i < 12; i++)
		arrive_data(i, i);
	turn();
	workers[0]->ports[WAN_PORT].spread = SPREAD_TUNNEL;
	assert_int_equal(rx_of(2), before + 12);
	assert_int_equal(native_count(LAN_PORT), 12);
}

// The tunnels of both families, tagged or not; what cannot be told stays where it is.
static void what_is_spread(void **state)
{
	static const char *const stay[] = {"A01", "A04", "A17", "A30"};
	uint64_t at0, at2;
	struct frame f;

	(void)state;
	all_tunnels_to(2);
	at0 = crossing->workers[0]->load.spread;
	frame_golden("A39", &f);
	arrive(WAN_PORT, &f);
	data_frame(0, 1, &f);
	memmove(f.p + 16, f.p + 12, f.len - 12);
	memcpy(f.p + 12, (uint8_t[]){0x81, 0, 0, VLAN}, 4);
	f.len += 4;
	arrive(WAN_PORT, &f);
	turn();
	assert_int_equal(crossing->workers[0]->load.spread, at0 + 2);
	assert_int_equal(native_count(LAN_PORT), 1);
	at2 = crossing->workers[2]->load.packets;
	at0 = rx_of(0);
	for (unsigned int i = 0; i < 3; i++) {
		frame_golden(stay[i == 2 ? 3 : i], &f);
		arrive(WAN_PORT, &f);
	}
	data_frame(0, 1, &f);
	f.p[20] = 0x20; // a fragment
	frame_fix_ip(&f, 14);
	arrive(WAN_PORT, &f);
	for (size_t cut = 1; cut < 64; cut++) {
		data_frame(0, 1, &f);
		f.len = cut;
		arrive(WAN_PORT, &f);
		if (cut % WORKER_BURST == 0)
			turn();
	}
	turn();
	assert_int_equal(crossing->workers[2]->load.packets, at2);
	assert_int_equal(rx_of(0), at0 + 4 + 63);
	assert_int_equal(native_count(LAN_PORT), 0);
	for (struct rte_mbuf *m; crossing_punt_dequeue(crossing, PUNT_ALL, &m, 1) == 1;)
		rte_pktmbuf_free(m);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void full_rings_drop_and_count(void **state)
{
	uint64_t spread_full = crossing_drop(crossing, DROP_SPREAD_FULL);
	uint64_t tx_full = crossing_drop(crossing, DROP_TX_FULL);
	struct crossing_if_stats before, s;

	(void)state;
	// Worker 2 does not run: 1023 frames wait for it, the others are lost.
	all_tunnels_to(2);
	for (unsigned int i = 0; i < RING + WORKER_BURST; i++) {
		arrive_data(0, i);
		if (i % WORKER_BURST == WORKER_BURST - 1)
			worker_round(workers[0]);
	}
	assert_int_equal(crossing_drop(crossing, DROP_SPREAD_FULL), spread_full + WORKER_BURST + 1);
	assert_int_equal(rte_mempool_in_use_count(pool), RING - 1);
	// It can hand over 15 frames while worker 1 does not run.
	crossing_if_stats(crossing, LAN, &before);
	worker_round(workers[2]);
	assert_int_equal(
		crossing_drop(crossing, DROP_TX_FULL), tx_full + WORKER_BURST - (SMALL - 1));
	crossing_if_stats(crossing, LAN, &s);
	assert_int_equal(s.tx_full, before.tx_full + WORKER_BURST - (SMALL - 1));
	assert_int_equal(s.tx_packets, before.tx_packets + SMALL - 1);
	for (unsigned int i = 0; i < RING / 8; i++) {
		worker_round(workers[1]);
		worker_round(workers[2]);
		native_count(LAN_PORT);
	}
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

// The kernel's frames get the tag of their interface, and are sent by the worker with the queue.
static void injected_frames_are_tagged(void **state)
{
	uint8_t frame[60] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 6, 0xaa};
	struct rte_mbuf *m;
	uint8_t *p;
	void *q = NULL;

	(void)state;
	assert_int_equal(crossing_inject(crossing, LAN_VLAN, frame, sizeof(frame)), 0);
	assert_int_equal(crossing_inject(crossing, LAN, frame, sizeof(frame)), 0);
	assert_int_equal(crossing_inject(crossing, LAN_VLAN, frame, 13), 0); // no frame
	worker_round(workers[0]);
	worker_round(workers[2]);
	assert_int_equal(rte_ring_count(tx[LAN_PORT]), 0);
	worker_round(workers[1]);
	assert_int_equal(rte_ring_count(tx[LAN_PORT]), 2);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(rte_ring_dequeue(tx[LAN_PORT], &q), 0);
		m = q;
		if (!m)
			return; // for the analyser
		p = rte_pktmbuf_mtod(m, uint8_t *);
		if (rte_pktmbuf_data_len(m) == sizeof(frame)) {
			assert_memory_equal(p, frame, sizeof(frame));
		} else {
			assert_int_equal(rte_pktmbuf_data_len(m), sizeof(frame) + 4);
			assert_memory_equal(p, frame, 12);
			assert_memory_equal(p + 12, ((uint8_t[]){0x81, 0, 0, VLAN}), 4);
			assert_memory_equal(p + 16, frame + 12, sizeof(frame) - 12);
		}
		rte_pktmbuf_free(m);
	}
	assert_int_equal(rte_mempool_in_use_count(crossing->inject_pool), 0);
}

static void punted_frames_are_untagged(void **state)
{
	struct frame f;
	struct rte_mbuf *m;

	(void)state;
	frame_golden("A04", &f);
	arrive(WAN_PORT, &f);
	memmove(f.p + 16, f.p + 12, f.len - 12);
	memcpy(f.p + 12, (uint8_t[]){0x81, 0, 0, VLAN}, 4);
	f.len += 4;
	arrive(WAN_PORT, &f);
	f.p[15] = VLAN + 1; // nobody's
	arrive(WAN_PORT, &f);
	turn();
	frame_golden("A04", &f);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(crossing_punt_dequeue(crossing, PUNT_ALL, &m, 1), 1);
		assert_int_equal(m->port, i == 0 ? WAN : WAN_VLAN);
		assert_int_equal(rte_pktmbuf_data_len(m), f.len);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), f.p, f.len);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(crossing_punt_dequeue(crossing, PUNT_ALL, &m, 1), 0);
	assert_int_equal(crossing_drop(crossing, DROP_VLAN), 1);
}

// A frame to a port and its VLAN: two Ethernet headers.
static void native_frames_are_tagged(void **state)
{
	unsigned int n_tagged = 0;
	uint32_t group, seq;
	bool tagged;

	(void)state;
	all_tunnels_to(1);
	mfib_channel_oifs(mfib, channels[5], 1u << LAN | 1u << LAN_VLAN);
	arrive_data(5, 77);
	turn();
	mfib_channel_oifs(mfib, channels[5], 1u << LAN);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(native(LAN_PORT, &group, &seq, &tagged));
		assert_int_equal(seq, 77);
		n_tagged += tagged;
	}
	assert_int_equal(n_tagged, 1);
	assert_int_equal(native_count(LAN_PORT), 0);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

// All workers on threads of their own; frames of all channels, in order in each.

static void *run(void *arg)
{
	worker_run(arg);
	return NULL;
}

struct sink {
	uint32_t next[CHANNELS];
	unsigned int got, disorder;
};

static void drain(struct sink *s)
{
	uint32_t group, seq;
	bool tagged;

	while (native(LAN_PORT, &group, &seq, &tagged)) {
		unsigned int c = group - 0xe8010000;

		assert_in_range(c, 0, CHANNELS - 1);
		s->disorder += seq != s->next[c];
		s->next[c] = seq + 1;
		s->got++;
	}
}

static void wait_ms(void)
{
	struct timespec t = {.tv_nsec = 1000000};

	nanosleep(&t, NULL);
}

// moves: entries change hands all the time.
static void stream(struct sink *s, unsigned int rounds, bool moves)
{
	pthread_t threads[WORKERS];
	unsigned int sent = 0;

	memset(s, 0, sizeof(*s));
	for (unsigned int i = 0; i < WORKERS; i++) {
		atomic_store(&crossing->workers[i]->stop, false);
		assert_int_equal(pthread_create(&threads[i], NULL, run, workers[i]), 0);
	}
	for (unsigned int r = 0; r < rounds; r++) {
		for (unsigned int c = 0; c < CHANNELS; c++, sent++)
			arrive_data(c, r);
		if (moves) {
			crossing_spread_set_tunnel(crossing, entry_of(r % TUNNELS), r % 2);
			crossing_spread_set_tunnel(
				crossing, entry_of((r + 3) % TUNNELS), SPREAD_BY_CHANNEL);
		}
		// Never more in flight than the rings hold.
		for (int i = 0; i < 20000 && sent - s->got > 512; i++) {
			drain(s);
			if (sent - s->got > 512)
				wait_ms();
		}
	}
	for (int i = 0; i < 20000 && s->got < sent; i++) {
		drain(s);
		wait_ms();
	}
	for (unsigned int i = 0; i < WORKERS; i++)
		atomic_store_explicit(&crossing->workers[i]->stop, true, memory_order_release);
	for (unsigned int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	drain(s);
	assert_int_equal(s->got, sent);
	assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void channels_stay_in_order(void **state)
{
	uint64_t before[WORKERS], drops = 0, full = crossing_drop(crossing, DROP_TX_FULL);
	struct sink s;

	(void)state;
	for (unsigned int i = 0; i < SPREAD_ENTRIES; i++) {
		crossing_spread_set_tunnel(crossing, i, i % 2);
		crossing_spread_set_channel(crossing, i, i % 2);
	}
	crossing_spread_set_tunnel(crossing, entry_of(0), 0);
	crossing_spread_set_tunnel(crossing, entry_of(1), 1);
	crossing_spread_set_tunnel(crossing, entry_of(4), SPREAD_BY_CHANNEL);
	for (unsigned int i = 0; i < WORKERS; i++)
		before[i] = rx_of(i);
	stream(&s, 200, false);
	assert_int_equal(s.disorder, 0);
	assert_true(rx_of(0) > before[0]);
	assert_true(rx_of(1) > before[1]);
	for (int i = 0; i < DROP_COUNT; i++)
		drops += crossing_drop(crossing, (enum drop_reason)i);
	assert_true(drops > 0); // of the tests before
	assert_int_equal(crossing_drop(crossing, DROP_TX_FULL), full);
	assert_true(crossing->workers[0]->load.handed > 0);
	assert_true(crossing->workers[0]->load.timed_packets > 0);
	assert_true(crossing->workers[0]->load.busy_cycles > 0);
	assert_true(crossing->workers[0]->load.idle_cycles > 0);
}

// Entries that move may swap packets, but lose or double none.
static void moving_entries_loses_nothing(void **state)
{
	struct sink s;

	(void)state;
	stream(&s, 200, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_dealt_out),
		cmocka_unit_test(a_tunnel_goes_where_its_entry_says),
		cmocka_unit_test(an_elephant_goes_by_channel),
		cmocka_unit_test(a_port_can_spread_by_channel),
		cmocka_unit_test(what_is_spread),
		cmocka_unit_test(full_rings_drop_and_count),
		cmocka_unit_test(injected_frames_are_tagged),
		cmocka_unit_test(punted_frames_are_untagged),
		cmocka_unit_test(native_frames_are_tagged),
		cmocka_unit_test(channels_stay_in_order),
		cmocka_unit_test(moving_entries_loses_nothing),
	};
	int failed;

	rig_eal_init("t_spread");
	team_setup();
	failed = RUN_TESTS(tests);
	team_teardown();
	return failed;
}
