// SPDX-License-Identifier: BSD-3-Clause
#include "vectors.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "unit/unit.h"

static const char *golden(const char *file, char *buf, size_t size)
{
	const char *dir = getenv("GOLDEN_DIR");

	assert_non_null(dir);
	snprintf(buf, size, "%s/%s", dir, file);
	return buf;
}

// Ethernet, IPv4 or IPv6 without extension headers, UDP. Lengths from UDP: short frames are padded.
static void frame_parse(const uint8_t *p, size_t len, struct vector *v)
{
	struct rd r = rd_init(p, len);
	uint32_t v4;
	uint8_t v6[16];
	uint16_t type;

	rd_bytes(&r, 12);
	type = rd_be16(&r);
	if (type == 0x0800) {
		rd_bytes(&r, 12);
		rd_copy(&r, &v4, 4);
		v->src = addr_from_v4(v4);
		rd_copy(&r, &v4, 4);
		v->dst = addr_from_v4(v4);
	} else {
		assert_int_equal(type, 0x86dd);
		rd_bytes(&r, 8);
		rd_copy(&r, v6, sizeof(v6));
		v->src = addr_from_v6(v6);
		rd_copy(&r, v6, sizeof(v6));
		v->dst = addr_from_v6(v6);
	}
	v->src_port = rd_be16(&r);
	v->dst_port = rd_be16(&r);
	v->len = rd_be16(&r);
	rd_be16(&r);
	assert_in_range(v->len, 8, 8 + sizeof(v->amt));
	v->len -= 8;
	rd_copy(&r, v->amt, v->len);
	assert_false(r.bad);
}

static void frame_read(const char *file, unsigned int frame, struct vector *v)
{
	char path[512], err[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(golden(file, path, sizeof(path)), err);
	struct pcap_pkthdr *hdr = NULL;
	const uint8_t *data = NULL;

	assert_non_null(pcap);
	for (unsigned int i = 0; i < frame; i++)
		assert_int_equal(pcap_next_ex(pcap, &hdr, &data), 1);
	assert_non_null(hdr);
	if (hdr)
		frame_parse(data, hdr->caplen, v);
	pcap_close(pcap);
}

size_t vectors_load(struct vector out[VECTORS_MAX])
{
	char path[512], line[256], file[64];
	FILE *f = fopen(golden("amt-vectors.names", path, sizeof(path)), "r");
	unsigned int frame;
	size_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		assert_true(n < VECTORS_MAX);
		assert_int_equal(sscanf(line, "%63s %u %63s", file, &frame, out[n].name), 3);
		frame_read(file, frame, &out[n++]);
	}
	fclose(f);
	return n;
}

void vector_get(const char *id, struct vector *out)
{
	static struct vector all[VECTORS_MAX];
	static size_t n;

	if (n == 0)
		n = vectors_load(all);
	for (size_t i = 0; i < n; i++) {
		if (strncmp(all[i].name, id, strlen(id)) == 0) {
			*out = all[i];
			return;
		}
	}
	fail_msg("no vector %s", id);
}
