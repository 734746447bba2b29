// SPDX-License-Identifier: BSD-3-Clause
#include "port/port_rss.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <rte_ethdev.h>

#include "base/log.h"
#include "port/port.h"

#define GROUP	   RTE_ETH_RETA_GROUP_SIZE
#define MAX_GROUPS (STEER_MAX_RETA / GROUP)

// A table in ethdev's form.
struct table {
	struct rte_eth_rss_reta_entry64 groups[MAX_GROUPS];
};

uint64_t port_rss_types(uint64_t driver_types)
{
	return driver_types & (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_IPV6 |
				      RTE_ETH_RSS_NONFRAG_IPV6_UDP);
}

static void select_all(struct table *t, unsigned int size)
{
	memset(t, 0, sizeof(*t));
	for (unsigned int i = 0; i < size; i++)
		t->groups[i / GROUP].mask |= 1ull << i % GROUP;
}

static void read_key(struct port *p, unsigned int key_size)
{
	struct steer_rss *s = &p->steer;
	uint8_t key[UINT8_MAX] = {0};
	struct rte_eth_rss_conf conf = {
		.rss_key = key,
		// net_null tells no size and copies the usual one.
		.rss_key_len = (uint8_t)(key_size != 0 ? key_size : STEER_KEY_LEN),
	};

	if (key_size > sizeof(s->key) || rte_eth_dev_rss_hash_conf_get(p->port_id, &conf) != 0)
		return;
	if (conf.rss_key_len == 0 || conf.rss_key_len > sizeof(s->key))
		return;
	s->key_len = conf.rss_key_len;
	memcpy(s->key, key, s->key_len);
	s->ipv4_udp = (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_UDP) != 0;
	s->ipv6_udp = (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV6_UDP) != 0;
}

static void read_table(struct port *p, unsigned int size)
{
	struct steer_rss *s = &p->steer;
	struct table t;

	if (size == 0 || size > STEER_MAX_RETA)
		return;
	select_all(&t, size);
	if (rte_eth_dev_rss_reta_query(p->port_id, t.groups, (uint16_t)size) != 0)
		return;
	s->reta_size = (uint16_t)size;
	for (unsigned int i = 0; i < size; i++)
		s->reta[i] = t.groups[i / GROUP].reta[i % GROUP];
}

static bool one_queue_only(const struct steer_rss *s)
{
	for (unsigned int i = 1; i < s->reta_size; i++)
		if (s->reta[i] != s->reta[0])
			return false;
	return true;
}

static void usual_table(struct port *p)
{
	uint16_t reta[STEER_MAX_RETA];

	for (unsigned int i = 0; i < p->steer.reta_size; i++)
		reta[i] = (uint16_t)(i % p->n_queues);
	if (port_reta_set(p, reta) < 0)
		log_warn("port", "RSS leads to one queue only, and that cannot be changed port=%u",
			p->port_id);
}

void port_rss_read(struct port *p)
{
	struct rte_eth_dev_info info;

	memset(&p->steer, 0, sizeof(p->steer));
	p->steer.n_queues = (uint16_t)RTE_MIN(p->n_queues, STEER_MAX_QUEUES);
	p->reta_settable = false;
	// Drivers settle the size of the table when they are configured.
	if (p->n_queues < 2 || rte_eth_dev_info_get(p->port_id, &info) != 0)
		return;
	read_key(p, info.hash_key_size);
	read_table(p, info.reta_size);
	if (p->steer.reta_size == 0)
		return;
	p->reta_settable = true;
	if (one_queue_only(&p->steer))
		usual_table(p);
}

int port_reta_set(struct port *p, const uint16_t *reta)
{
	struct steer_rss *s = &p->steer;
	struct table t;
	int rc;

	if (s->reta_size == 0 || !p->reta_settable)
		return -ENOTSUP;
	select_all(&t, s->reta_size);
	for (unsigned int i = 0; i < s->reta_size; i++) {
		if (reta[i] >= p->n_queues)
			return -EINVAL;
		t.groups[i / GROUP].reta[i % GROUP] = reta[i];
	}
	rc = rte_eth_dev_rss_reta_update(p->port_id, t.groups, s->reta_size);
	if (rc != 0) {
		p->reta_settable = rc != -ENOTSUP;
		return rc;
	}
	memcpy(s->reta, reta, s->reta_size * sizeof(s->reta[0]));
	return 0;
}
