// SPDX-License-Identifier: BSD-3-Clause
#include "port/port_flow.h"

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_flow.h>

#include "base/log.h"
#include "port/port.h"

// A pattern, with the room for its items.
struct rule {
	struct rte_flow_item_vlan vlan, vlan_mask;
	struct rte_flow_item_ipv4 v4, v4_mask;
	struct rte_flow_item_ipv6 v6, v6_mask;
	struct rte_flow_item_udp udp, udp_mask;
	struct rte_flow_item items[5];
	unsigned int n_items;
	struct rte_flow_action_queue queue;
	struct rte_flow_action actions[2];
};

static const struct rte_flow_attr attr = {.ingress = 1};

static void item(struct rule *r, enum rte_flow_item_type type, const void *spec, const void *mask)
{
	r->items[r->n_items++] = (struct rte_flow_item){.type = type, .spec = spec, .mask = mask};
}

static void ip_item(struct rule *r, const struct steer_tuple *t)
{
	if (t->relay.family == ADDR_V4) {
		r->v4.hdr.src_addr = addr_to_v4(&t->relay);
		r->v4.hdr.dst_addr = addr_to_v4(&t->local);
		r->v4_mask.hdr.src_addr = r->v4_mask.hdr.dst_addr = UINT32_MAX;
		item(r, RTE_FLOW_ITEM_TYPE_IPV4, &r->v4, &r->v4_mask);
	} else {
		memcpy(r->v6.hdr.src_addr, t->relay.bytes, 16);
		memcpy(r->v6.hdr.dst_addr, t->local.bytes, 16);
		memset(r->v6_mask.hdr.src_addr, 0xff, 16);
		memset(r->v6_mask.hdr.dst_addr, 0xff, 16);
		item(r, RTE_FLOW_ITEM_TYPE_IPV6, &r->v6, &r->v6_mask);
	}
}

static void rule_make(struct rule *r, const struct steer_tuple *t, uint16_t vlan, uint16_t queue)
{
	memset(r, 0, sizeof(*r));
	item(r, RTE_FLOW_ITEM_TYPE_ETH, NULL, NULL);
	if (vlan != 0) {
		r->vlan.tci = rte_cpu_to_be_16(vlan);
		r->vlan_mask.tci = RTE_BE16(0x0fff);
		item(r, RTE_FLOW_ITEM_TYPE_VLAN, &r->vlan, &r->vlan_mask);
	}
	ip_item(r, t);
	r->udp.hdr.src_port = rte_cpu_to_be_16(t->relay_port);
	r->udp.hdr.dst_port = rte_cpu_to_be_16(t->local_port);
	r->udp_mask.hdr.src_port = r->udp_mask.hdr.dst_port = UINT16_MAX;
	item(r, RTE_FLOW_ITEM_TYPE_UDP, &r->udp, &r->udp_mask);
	item(r, RTE_FLOW_ITEM_TYPE_END, NULL, NULL);
	r->queue.index = queue;
	r->actions[0] =
		(struct rte_flow_action){.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &r->queue};
	r->actions[1].type = RTE_FLOW_ACTION_TYPE_END;
}

void port_flow_probe(struct port *p)
{
	struct steer_tuple t = {.relay_port = 2268, .local_port = 49152};
	struct rte_flow *rule;

	p->flow_steer = false;
	if (p->n_queues < 2 || addr_parse("192.0.2.1", &t.relay) < 0 ||
		addr_parse("192.0.2.2", &t.local) < 0)
		return;
	p->flow_steer = true;
	if (port_flow_steer(p, &t, 0, (uint16_t)(p->n_queues - 1), &rule) < 0)
		p->flow_steer = false;
	else
		port_flow_unsteer(p, rule);
}

int port_flow_steer(struct port *p, const struct steer_tuple *t, uint16_t vlan, uint16_t queue,
	struct rte_flow **rule)
{
	struct rte_flow_error error = {0};
	struct rule r;
	int rc;

	*rule = NULL;
	if (!p->flow_steer)
		return -ENOTSUP;
	if (queue >= p->n_queues || t->relay.family != t->local.family)
		return -EINVAL;
	rule_make(&r, t, vlan, queue);
	rc = rte_flow_validate(p->port_id, &attr, r.items, r.actions, &error);
	if (rc != 0)
		return rc < 0 ? rc : -rc;
	*rule = rte_flow_create(p->port_id, &attr, r.items, r.actions, &error);
	if (*rule != NULL)
		return 0;
	return rte_errno != 0 ? -rte_errno : -EIO;
}

void port_flow_unsteer(struct port *p, struct rte_flow *rule)
{
	struct rte_flow_error error = {0};
	int rc;

	if (rule == NULL)
		return;
	rc = rte_flow_destroy(p->port_id, rule, &error);
	if (rc != 0)
		log_warn_limited("port", "a flow rule is not removed port=%u error=\"%s\"",
			p->port_id, error.message != NULL ? error.message : strerror(-rc));
}

void port_flow_close(struct port *p)
{
	struct rte_flow_error error = {0};

	if (p->flow_steer)
		rte_flow_flush(p->port_id, &error);
	p->flow_steer = false;
}
