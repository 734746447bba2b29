// SPDX-License-Identifier: BSD-3-Clause
// RSS key and table of a vdev that has them (net_null), and flow rules. No vdev here makes rules,
// so that a driver's side of rte_flow is played by this file: its functions come before DPDK's.
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>

#include "port/port.h"
#include "port/port_flow.h"
#include "port/port_rss.h"
#include "unit/eal.h"

static struct {
	int validate, create; // errno to fail with
	unsigned int rules, created, destroyed, flushed;
	// The last rule.
	enum rte_flow_item_type types[8];
	unsigned int n_items;
	uint16_t queue, vlan, sport, dport;
	uint8_t src[16], dst[16];
	bool full_masks, transfer;
} driver;

static char token; // any address that is no rule of DPDK's

int rte_flow_validate(uint16_t port_id, const struct rte_flow_attr *attr,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	(void)port_id;
	(void)pattern;
	(void)error;
	assert_true(attr->ingress);
	assert_int_equal(actions[0].type, RTE_FLOW_ACTION_TYPE_QUEUE);
	assert_int_equal(actions[1].type, RTE_FLOW_ACTION_TYPE_END);
	rte_errno = driver.validate;
	return -driver.validate;
}

static bool ones(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (((const uint8_t *)p)[i] != 0xff)
			return false;
	return true;
}

static void note_item(const struct rte_flow_item *it)
{
	const struct rte_flow_item_ipv4 *v4 = it->spec, *m4 = it->mask;
	const struct rte_flow_item_ipv6 *v6 = it->spec, *m6 = it->mask;
	const struct rte_flow_item_udp *udp = it->spec, *mu = it->mask;
	const struct rte_flow_item_vlan *vlan = it->spec, *mv = it->mask;

	switch (it->type) {
	case RTE_FLOW_ITEM_TYPE_VLAN:
		driver.vlan = rte_be_to_cpu_16(vlan->tci);
		driver.full_masks &= mv->tci == RTE_BE16(0x0fff);
		break;
	case RTE_FLOW_ITEM_TYPE_IPV4:
		memcpy(driver.src, &v4->hdr.src_addr, 4);
		memcpy(driver.dst, &v4->hdr.dst_addr, 4);
		driver.full_masks &= ones(&m4->hdr.src_addr, 8);
		break;
	case RTE_FLOW_ITEM_TYPE_IPV6:
		memcpy(driver.src, v6->hdr.src_addr, 16);
		memcpy(driver.dst, v6->hdr.dst_addr, 16);
		driver.full_masks &= ones(m6->hdr.src_addr, 32);
		break;
	case RTE_FLOW_ITEM_TYPE_UDP:
		driver.sport = rte_be_to_cpu_16(udp->hdr.src_port);
		driver.dport = rte_be_to_cpu_16(udp->hdr.dst_port);
		driver.full_masks &= ones(&mu->hdr.src_port, 4);
		break;
	default:
		break;
	}
}

struct rte_flow *rte_flow_create(uint16_t port_id, const struct rte_flow_attr *attr,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	(void)port_id;
	(void)error;
	if (driver.create) {
		rte_errno = driver.create;
		return NULL;
	}
	driver.full_masks = true;
	driver.transfer = attr->transfer;
	driver.vlan = 0;
	driver.queue = ((const struct rte_flow_action_queue *)actions[0].conf)->index;
	driver.n_items = 0;
	for (const struct rte_flow_item *it = pattern; it->type != RTE_FLOW_ITEM_TYPE_END; it++) {
		driver.types[driver.n_items++] = it->type;
		note_item(it);
	}
	driver.rules++;
	driver.created++;
	return (struct rte_flow *)(void *)&token;
}

int rte_flow_destroy(uint16_t port_id, struct rte_flow *flow, struct rte_flow_error *error)
{
	(void)port_id;
	(void)error;
	assert_ptr_equal(flow, &token);
	driver.rules--;
	driver.destroyed++;
	return 0;
}

int rte_flow_flush(uint16_t port_id, struct rte_flow_error *error)
{
	(void)port_id;
	(void)error;
	driver.rules = 0;
	driver.flushed++;
	return 0;
}

static void must_open(const char *device, uint16_t n_queues, struct port *p)
{
	const struct port_cfg cfg = {
		.device = device, .n_queues = n_queues, .rx_desc = 256, .tx_desc = 256};
	char err[PORT_ERR_LEN];

	if (port_open(&cfg, 512, p, err) != 0)
		fail_msg("%s", err);
}

static struct steer_tuple tuple(const char *relay, const char *local)
{
	struct steer_tuple t = {.relay_port = 2268, .local_port = 40001};

	assert_int_equal(addr_parse(relay, &t.relay), 0);
	assert_int_equal(addr_parse(local, &t.local), 0);
	return t;
}

static void reset_driver(int validate, int create)
{
	memset(&driver, 0, sizeof(driver));
	driver.validate = validate;
	driver.create = create;
}

static void rss_is_read_back(void **state)
{
	struct port p;

	(void)state;
	reset_driver(ENOSYS, 0);
	must_open("net_null0", 4, &p);
	assert_int_equal(p.steer.n_queues, 4);
	assert_int_equal(p.steer.key_len, 40);
	assert_int_equal(p.steer.key[0], 0x6d);
	assert_int_equal(p.steer.key[39], 0xfa);
	assert_true(p.steer.ipv4_udp);
	assert_true(p.steer.ipv6_udp);
	assert_int_equal(p.steer.reta_size, 128);
	// The driver begins with zeros, one queue; now all are in use.
	for (unsigned int i = 0; i < 128; i++)
		assert_int_equal(p.steer.reta[i], i % 4);
	assert_null(steer_problem(&p.steer, ADDR_V4));
	assert_null(steer_problem(&p.steer, ADDR_V6));
	port_close(&p);
}

static void table_is_set(void **state)
{
	struct rte_eth_rss_reta_entry64 groups[2] = {{.mask = UINT64_MAX}, {.mask = UINT64_MAX}};
	uint16_t reta[128];
	struct port p;

	(void)state;
	reset_driver(ENOSYS, 0);
	must_open("net_null0", 3, &p);
	for (unsigned int i = 0; i < 128; i++)
		reta[i] = i < 100 ? 1 : 2;
	assert_int_equal(port_reta_set(&p, reta), 0);
	assert_int_equal(rte_eth_dev_rss_reta_query(p.port_id, groups, 128), 0);
	for (unsigned int i = 0; i < 128; i++) {
		assert_int_equal(groups[i / 64].reta[i % 64], i < 100 ? 1 : 2);
		assert_int_equal(p.steer.reta[i], i < 100 ? 1 : 2);
	}
	reta[127] = 3; // there are three
	assert_int_equal(port_reta_set(&p, reta), -EINVAL);
	assert_int_equal(p.steer.reta[127], 2);
	port_close(&p);
}

// One queue needs nothing; a driver without RSS tells nothing.
static void ports_without_rss(void **state)
{
	const uint16_t reta[1] = {0};
	struct port p;

	(void)state;
	reset_driver(0, 0);
	must_open("net_null0", 1, &p);
	assert_string_equal(steer_problem(&p.steer, ADDR_V4), "one queue");
	assert_false(p.flow_steer);
	assert_int_equal(driver.created, 0);
	port_close(&p);
	must_open("net_ring0", 2, &p);
	assert_string_equal(steer_problem(&p.steer, ADDR_V4), "the port tells no RSS key or table");
	assert_int_equal(port_reta_set(&p, reta), -ENOTSUP);
	port_close(&p);
}

static void rules(void **state)
{
	struct steer_tuple t4 = tuple("203.0.113.15", "192.0.2.2");
	struct steer_tuple t6 = tuple("2001:db8::15", "2001:db8::2");
	struct rte_flow *rule;
	struct port p;

	(void)state;
	reset_driver(0, 0);
	must_open("net_null0", 4, &p);
	assert_true(p.flow_steer);
	assert_int_equal(driver.created, 1); // the probe
	assert_int_equal(driver.rules, 0);
	assert_int_equal(port_flow_steer(&p, &t4, 0, 2, &rule), 0);
	assert_non_null(rule);
	assert_int_equal(driver.n_items, 3);
	assert_int_equal(driver.types[0], RTE_FLOW_ITEM_TYPE_ETH);
	assert_int_equal(driver.types[1], RTE_FLOW_ITEM_TYPE_IPV4);
	assert_int_equal(driver.types[2], RTE_FLOW_ITEM_TYPE_UDP);
	assert_int_equal(driver.queue, 2);
	assert_memory_equal(driver.src, t4.relay.bytes, 4);
	assert_memory_equal(driver.dst, t4.local.bytes, 4);
	assert_int_equal(driver.sport, 2268);
	assert_int_equal(driver.dport, 40001);
	assert_true(driver.full_masks);
	assert_false(driver.transfer);
	port_flow_unsteer(&p, rule);
	port_flow_unsteer(&p, NULL);
	assert_int_equal(driver.destroyed, 2);
	assert_int_equal(port_flow_steer(&p, &t6, 100, 0, &rule), 0);
	assert_int_equal(driver.n_items, 4);
	assert_int_equal(driver.types[1], RTE_FLOW_ITEM_TYPE_VLAN);
	assert_int_equal(driver.types[2], RTE_FLOW_ITEM_TYPE_IPV6);
	assert_int_equal(driver.vlan, 100);
	assert_memory_equal(driver.src, t6.relay.bytes, 16);
	assert_memory_equal(driver.dst, t6.local.bytes, 16);
	assert_true(driver.full_masks);
	// Refused here already.
	assert_int_equal(port_flow_steer(&p, &t6, 0, 4, &rule), -EINVAL);
	assert_null(rule);
	t6.local = t4.local;
	assert_int_equal(port_flow_steer(&p, &t6, 0, 0, &rule), -EINVAL);
	// A rule that is left goes with the port.
	assert_int_equal(driver.rules, 1);
	port_close(&p);
	assert_int_equal(driver.flushed, 1);
	assert_int_equal(driver.rules, 0);
}

static void drivers_without_rules(void **state)
{
	struct steer_tuple t = tuple("203.0.113.15", "192.0.2.2");
	struct rte_flow *rule;
	struct port p;

	(void)state;
	reset_driver(ENOSYS, 0);
	must_open("net_null0", 4, &p);
	assert_false(p.flow_steer);
	assert_int_equal(port_flow_steer(&p, &t, 0, 1, &rule), -ENOTSUP);
	port_close(&p);
	// net_tap in a kernel without cls_flower: validated, not made.
	reset_driver(0, ENOTSUP);
	must_open("net_null0", 4, &p);
	assert_false(p.flow_steer);
	port_close(&p);
	assert_int_equal(driver.flushed, 0);
	// A full table is the caller's to deal with.
	reset_driver(0, 0);
	must_open("net_null0", 4, &p);
	driver.create = ENOSPC;
	assert_int_equal(port_flow_steer(&p, &t, 0, 1, &rule), -ENOSPC);
	assert_null(rule);
	assert_true(p.flow_steer);
	port_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rss_is_read_back),
		cmocka_unit_test(table_is_set),
		cmocka_unit_test(ports_without_rss),
		cmocka_unit_test(rules),
		cmocka_unit_test(drivers_without_rules),
	};

	return eal_begin("test_port_steer", "128") ? RUN_TESTS(tests) : 1;
}
