// SPDX-License-Identifier: BSD-3-Clause
// What `inlet-bench forward` and `latency` judge by.
#include "unit/unit.h"

#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/forward_frame.h"
#include "bench/gateway_table.h"
#include "bench/latency_hist.h"

#include "tests.h"
#include "wire/ip.h"

static const struct frame_shape shape = {.channels = 100, .tunnels = 10, .payload = 65};

static uint16_t udp_sum(const uint8_t *ip, size_t udp_len)
{
	uint32_t sum = ip_cksum_add(IP_PROTO_UDP + (uint32_t)udp_len, ip + 12, 8);

	return ip_cksum_fold(ip_cksum_add(sum, ip + 20, udp_len));
}

void frames_of_a_relay(void **state)
{
	struct frame_shape s = shape;
	uint8_t p[FRAME_MAX];
	uint64_t seq;
	uint32_t channel;
	size_t len;

	(void)state;
	s.udp_cksum = true;
	len = frame_build(p, &s, 42);
	assert_int_equal(len, FRAME_OVERHEAD + s.payload);
	// A number more does not change a checksum, at an odd place neither.
	for (uint64_t n = 0; n < 3; n++) {
		frame_number(p, len, n * 0x0102030405060708);
		assert_int_equal(ip_cksum(p + 14, 20), 0);
		assert_int_equal(ip_cksum(p + 44, 20), 0);
		assert_int_equal(udp_sum(p + 14, len - 34), 0);
		assert_int_equal(udp_sum(p + 44, len - 64), 0);
		assert_true(frame_read(p, len, &s, false, &channel, &seq));
		assert_int_equal(channel, 42);
		assert_int_equal(seq, n * 0x0102030405060708);
	}
	s.udp_cksum = false;
	frame_build(p, &s, 42);
	assert_int_equal(p[40] | p[41], 0);
}

// As a worker has to make it.
static size_t native(uint8_t *p, uint32_t channel)
{
	uint8_t frame[FRAME_MAX], *ip = p + 14;
	size_t len = frame_build(frame, &shape, channel) - (FRAME_OVERHEAD - FRAME_NATIVE);
	uint16_t sum;

	memcpy(ip, frame + 44, len - 14);
	memcpy(p, (uint8_t[]){1, 0, 0x5e, ip[17] & 0x7f, ip[18], ip[19]}, 6);
	ip[8]--;
	ip[10] = ip[11] = 0;
	sum = ip_cksum(ip, 20);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	return len;
}

void frames_that_came_out(void **state)
{
	static const unsigned int spoilt[] = {0, 5, 14 + 8, 14 + 10, 14 + 17, FRAME_NATIVE + 64};
	uint8_t p[FRAME_MAX];
	size_t len = native(p, 99);
	uint32_t channel;
	uint64_t seq;

	(void)state;
	assert_true(frame_read(p, len, &shape, true, &channel, &seq));
	assert_int_equal(channel, 99);
	assert_int_equal(seq, 0);
	assert_false(frame_read(p, len - 1, &shape, true, &channel, &seq));
	assert_false(frame_read(p, len, &shape, false, &channel, &seq));
	for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
		p[spoilt[i]] ^= 0x10;
		assert_false(frame_read(p, len, &shape, true, &channel, &seq));
		p[spoilt[i]] ^= 0x10;
	}
	len = native(p, 100); // not one of 100 channels
	assert_false(frame_read(p, len, &shape, true, &channel, &seq));
}

void captures_in_memory(void **state)
{
	char path[FRAME_PATH_LEN], err[PCAP_ERRBUF_SIZE];
	int fd = frame_capture(&shape, 10, path);
	const uint8_t *data;
	struct pcap_pkthdr *h;
	unsigned int n = 0;
	pcap_t *pcap;

	(void)state;
	assert_true(fd >= 0);
	pcap = pcap_open_offline(path, err);
	assert_non_null(pcap);
	while (pcap_next_ex(pcap, &h, &data) == 1) {
		uint32_t channel;
		uint64_t seq;

		assert_true(frame_read(data, h->caplen, &shape, false, &channel, &seq));
		n++;
	}
	assert_int_equal(n, 10);
	pcap_close(pcap);
	close(fd);
}

void quantiles_of_a_histogram(void **state)
{
	static struct hist h;

	(void)state;
	memset(&h, 0, sizeof(h));
	assert_true(hist_quantile(&h, 0.5) == 0);
	for (uint32_t v = 1; v <= 100000; v++)
		hist_add(&h, v);
	assert_in_range((uint64_t)hist_quantile(&h, 0.5), 50000, 51000);
	assert_in_range((uint64_t)hist_quantile(&h, 0.999), 99900, 100000);
	assert_true(hist_quantile(&h, 1) == 100000);
	// Every value lies in a bucket that ends at it or less than 1/64 above.
	for (uint64_t v = 1; v <= UINT32_MAX; v = v * 3 / 2 + 1) {
		double upper = hist_upper(hist_bucket((uint32_t)v));

		assert_true(hist_bucket((uint32_t)v) < HIST_BUCKETS);
		assert_true(upper >= (double)v && upper < (double)v * (1 + 1.0 / 64) + 1);
	}
}

void channels_of_the_socket_gateway(void **state)
{
	struct gateway_table *t = gateway_table_create(&shape);
	uint8_t p[FRAME_MAX];

	(void)state;
	assert_non_null(t);
	for (uint32_t c = 0; c < shape.channels; c++) {
		const struct gateway_entry *e;

		frame_build(p, &shape, c);
		e = gateway_table_find(t, p + 44 + 12);
		assert_non_null(e);
		assert_memory_equal(&e->relay, p + 14 + 12, 4);
	}
	frame_build(p, &(struct frame_shape){.channels = 101, .tunnels = 10, .payload = 64}, 100);
	assert_null(gateway_table_find(t, p + 44 + 12));
	free(t);
}
