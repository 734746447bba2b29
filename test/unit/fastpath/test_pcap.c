// SPDX-License-Identifier: BSD-3-Clause
// Capture in, capture out: the golden captures through a worker on pcap ports, what leaves compared
// with the plain reference and read by tshark.
#include "unit/unit.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "frames.h"
#include "rig.h"

static struct rig rig;
static char out_path[64];

static uint16_t port_open(const char *args)
{
	static struct rte_eth_conf conf;
	static unsigned int n; // a closed port keeps its device, so each has a name of its own
	char devargs[600], name[32];
	uint16_t port;

	snprintf(name, sizeof(name), "net_pcap%u", n++);
	snprintf(devargs, sizeof(devargs), "%s,%s", name, args);

	assert_int_equal(rte_dev_probe(devargs), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name(name, &port), 0);
	assert_int_equal(rte_eth_dev_configure(port, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(port, 0, 64, 0, NULL, rig.pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(port, 0, 64, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	return port;
}

// One capture through the worker; returns how many frames it read.
static unsigned int replay(const char *capture)
{
	unsigned int frames = 0, idle = 0;
	struct rte_mbuf *punted[32];
	uint16_t in, out;
	char args[512];

	snprintf(args, sizeof(args), "rx_pcap=%s/%s,tx_pcap=/dev/null", getenv("GOLDEN_DIR"),
		capture);
	in = port_open(args);
	snprintf(args, sizeof(args), "tx_pcap=%s", out_path);
	out = port_open(args);
	rig.worker.ports[0].port_id = in;
	rig.worker.ports[1].port_id = out;
	rig.worker.n_ports = 2;
	rig.worker.n_ifs = 2;
	while (idle < 3) {
		unsigned int n = worker_round(&rig.worker);

		frames += n;
		idle = n ? 0 : idle + 1;
		while ((n = crossing_punt_dequeue(rig.crossing, PUNT_ALL, punted, 32)) > 0)
			rte_pktmbuf_free_bulk(punted, n);
	}
	rte_eth_dev_stop(in);
	rte_eth_dev_close(in);
	rte_eth_dev_stop(out);
	rte_eth_dev_close(out);
	return frames;
}

static void expect_capture(const char *const *ids, size_t n)
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(out_path, err);
	struct pcap_pkthdr *hdr = NULL;
	const uint8_t *data = NULL;

	assert_non_null(pcap);
	for (size_t i = 0; i < n; i++) {
		uint8_t want[RIG_FRAME];
		struct frame f;
		size_t len;

		frame_golden(ids[i], &f);
		len = frame_expect(&f, rig.worker.ifs[1].mac, want);
		if (pcap_next_ex(pcap, &hdr, &data) != 1 || !hdr)
			fail_msg("%s did not come out", f.name);
		else
			assert_int_equal(hdr->caplen, len);
		assert_memory_equal(data, want, len);
	}
	assert_int_equal(pcap_next_ex(pcap, &hdr, &data), PCAP_ERROR_BREAK);
	pcap_close(pcap);
}

static void valid_vectors(void **state)
{
	static const char *const ids[] = {"A11", "A12", "A21", "A22"};
	char cmd[300], line[256];
	unsigned int lines = 0;
	FILE *p;

	(void)state;
	assert_int_equal(replay("amt-vectors.pcap"), 35);
	expect_capture(ids, 4);
	// tshark: address, TTL one less, header checksum good (1), ECN 3 for A22 alone.
	snprintf(cmd, sizeof(cmd),
		"tshark -r %s -o ip.check_checksum:TRUE -T fields -E separator=, -e eth.dst "
		"-e ip.ttl -e ip.checksum.status -e ip.dsfield.ecn 2>/dev/null",
		out_path);
	p = popen(cmd, "r"); // NOLINT(cert-env33-c): a fixed command
	assert_non_null(p);
	while (p && fgets(line, sizeof(line), p)) {
		assert_string_equal(line,
			lines == 3 ? "01:00:5e:7c:00:02,31,1,3\n" : "01:00:5e:7c:00:02,31,1,0\n");
		lines++;
	}
	pclose(p);
	assert_int_equal(lines, 4);
	assert_int_equal(crossing_drop(rig.crossing, DROP_NOT_JOINED), 1); // A17: IPv6 inside
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void negative_vectors(void **state)
{
	static const enum drop_reason reasons[] = {DROP_AMT_VERSION, DROP_INNER_NOT_MULTICAST,
		DROP_NOT_RELAY, DROP_INNER_LINK_LOCAL, DROP_INNER_LENGTH, DROP_INNER_CKSUM,
		DROP_TTL, DROP_ECN, DROP_INNER_SOURCE, DROP_INNER_VERSION};

	(void)state;
	assert_int_equal(replay("amt-vectors-negative.pcap"), 30);
	expect_capture(NULL, 0);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		assert_int_equal(crossing_drop(rig.crossing, reasons[i]), 1);
	assert_int_equal(crossing_drop(rig.crossing, DROP_NOT_JOINED), 2); // A17 above, N26
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_vectors),
		cmocka_unit_test(negative_vectors),
	};
	int failed;

	snprintf(out_path, sizeof(out_path), "/tmp/inlet-test-%d.pcap", (int)getpid());
	rig_eal_init("t_pcap");
	rig_setup(&rig, 1u << 1);
	failed = RUN_TESTS(tests);
	unlink(out_path);
	rig_teardown(&rig);
	return failed;
}
