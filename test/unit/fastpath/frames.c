// SPDX-License-Identifier: BSD-3-Clause
#include "frames.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

static FILE *list_open(void)
{
	char path[512];
	FILE *f;

	assert_non_null(getenv("GOLDEN_DIR"));
	snprintf(path, sizeof(path), "%s/amt-vectors.names", getenv("GOLDEN_DIR"));
	f = fopen(path, "r");
	assert_non_null(f);
	return f;
}

static void frame_read(const char *file, unsigned int number, struct frame *out)
{
	char path[512], err[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *hdr = NULL;
	const uint8_t *data = NULL;
	pcap_t *pcap;

	snprintf(path, sizeof(path), "%s/%s", getenv("GOLDEN_DIR"), file);
	pcap = pcap_open_offline(path, err);
	assert_non_null(pcap);
	for (unsigned int i = 0; i < number; i++)
		assert_int_equal(pcap_next_ex(pcap, &hdr, &data), 1);
	assert_true(hdr && hdr->caplen <= sizeof(out->p));
	if (!hdr)
		return; // for the analyser, which does not know that assert_true() leaves
	memcpy(out->p, data, hdr->caplen);
	out->len = hdr->caplen;
	pcap_close(pcap);
}

static bool frame_find(const char *id, unsigned int nth, struct frame *out)
{
	FILE *f = list_open();
	unsigned int number, i = 0;
	char line[256], file[64];
	bool found = false;

	while (!found && fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		assert_int_equal(sscanf(line, "%63s %u %63s", file, &number, out->name), 3);
		found = id ? strncmp(out->name, id, strlen(id)) == 0 : i++ == nth;
	}
	fclose(f);
	if (found)
		frame_read(file, number, out);
	return found;
}

void frame_golden(const char *id, struct frame *out)
{
	assert_true(frame_find(id, 0, out));
}

bool frame_nth(unsigned int i, struct frame *out)
{
	return frame_find(NULL, i, out);
}

static uint32_t sum16(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static void put_cksum(uint8_t *p, uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum;
	p[0] = (uint8_t)(sum >> 8);
	p[1] = (uint8_t)sum;
}

static void fix_ip(uint8_t *p)
{
	p[10] = p[11] = 0;
	put_cksum(p + 10, sum16(p, (size_t)(p[0] & 0xf) * 4));
}

void frame_fix_ip(struct frame *f, size_t off)
{
	fix_ip(f->p + off);
}

void frame_fix_udp(struct frame *f)
{
	uint8_t *udp = f->p + 34;
	size_t len = (size_t)udp[4] << 8 | udp[5];

	udp[6] = udp[7] = 0;
	put_cksum(udp + 6, sum16(f->p + 26, 8) + 17 + (uint32_t)len + sum16(udp, len));
	if (udp[6] == 0 && udp[7] == 0)
		udp[6] = udp[7] = 0xff;
}

// RFC 6040 section 4.2, in words.
static uint8_t ecn_of(uint8_t outer, uint8_t inner)
{
	if (inner == 0 || inner == 3)
		return inner; // Not-ECT under an outer CE does not get here
	if (outer == 3)
		return 3;
	if (inner == 2 && outer == 1)
		return 1;
	return inner;
}

size_t frame_expect(const struct frame *in, const uint8_t mac[6], uint8_t *out)
{
	size_t l3 = in->p[12] == 0x81 ? 18 : 14;
	size_t l4 = l3 + (size_t)(in->p[l3] & 0xf) * 4;
	const uint8_t *inner = in->p + l4 + 8 + 2;
	size_t len = (size_t)inner[2] << 8 | inner[3];
	uint8_t *ip = out + 14;

	memcpy(ip, inner, len);
	ip[1] = (uint8_t)((ip[1] & 0xfc) | ecn_of(in->p[l3 + 1] & 3, ip[1] & 3));
	ip[8]--;
	fix_ip(ip);
	memcpy(out, (uint8_t[]){0x01, 0x00, 0x5e, ip[17] & 0x7f, ip[18], ip[19]}, 6);
	memcpy(out + 6, mac, 6);
	out[12] = 0x08;
	out[13] = 0x00;
	return 14 + len;
}
