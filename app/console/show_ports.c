// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdio.h>

#include "console/baseline.h"
#include "console/filter.h"
#include "console/verb.h"
#include "kif/kif.h"
#include "port/port.h"

static const struct render_column columns[] = {
	{"name", RENDER_LEFT},
	{"role", RENDER_LEFT},
	// "up", "down": the link; "not-present": the netdev under the port or its
	// kernel-interface port is gone
	{"oper_status", RENDER_LEFT},
	{"admin_status", RENDER_LEFT}, // "down" after `port stop`
	{"phys_address", RENDER_LEFT},
	{"vlan", RENDER_RIGHT},
	{"mtu", RENDER_RIGHT},
	{"in_pkts", RENDER_RIGHT},
	{"in_octets", RENDER_RIGHT_DETAIL},
	{"in_discards", RENDER_RIGHT},
	{"in_errors", RENDER_RIGHT_DETAIL},
	{"in_nombuf", RENDER_RIGHT_DETAIL},
	{"out_pkts", RENDER_RIGHT},
	{"out_octets", RENDER_RIGHT_DETAIL},
	{"out_errors", RENDER_RIGHT_DETAIL},
	{"received_packets", RENDER_RIGHT_DETAIL},
	{"native_packets", RENDER_RIGHT},
	{"punted_control", RENDER_RIGHT_DETAIL},
	{"punted_other", RENDER_RIGHT_DETAIL},
	{"injected", RENDER_RIGHT_DETAIL},
	{"mbufs_in_use", RENDER_RIGHT},
	{"mbufs", RENDER_RIGHT_DETAIL},
	{"to_kernel", RENDER_RIGHT_DETAIL},
	{"from_kernel", RENDER_RIGHT_DETAIL},
	{"kernel_errors", RENDER_RIGHT_DETAIL},
	{"netdev_losses", RENDER_RIGHT_DETAIL},
	{"link_downs", RENDER_RIGHT_DETAIL},
	{"losses", RENDER_RIGHT_DETAIL},
	{"addresses", RENDER_LEFT},
	{"rx_queues", RENDER_RIGHT},
	{"tx_queues", RENDER_RIGHT_DETAIL},
	{"spread", RENDER_LEFT_DETAIL},
	{"steering", RENDER_LEFT}, // of tunnels over IPv4
	{"steering_ipv6", RENDER_LEFT},
	{"driver", RENDER_LEFT_DETAIL},
	{"device", RENDER_LEFT_DETAIL},
};

static const char *role_name(enum if_role role)
{
	return role == IF_BOTH ? "both" : role == IF_UPSTREAM ? "upstream" : "downstream";
}

// The port's own, at the first of its interfaces.
static void show_port(struct verb_ctx *v, unsigned int ifindex)
{
	const struct observe_if *f = &v->o->ifs[ifindex];
	struct render *r = v->r;
	struct port_counters c;

	if (!f->port || !f->first) {
		for (int i = 0; i < 8; i++)
			render_none(r);
		return;
	}
	port_counters(f->port, &c);
	baseline_since(v, BASELINE_PORT, ifindex, &c, &c, sizeof(c));
	render_u64(r, c.rx_packets);
	render_u64(r, c.rx_bytes);
	render_u64(r, c.rx_missed);
	render_u64(r, c.rx_errors);
	render_u64(r, c.rx_nombuf);
	render_u64(r, c.tx_packets);
	render_u64(r, c.tx_bytes);
	render_u64(r, c.tx_errors);
}

static void show_counters(struct verb_ctx *v, unsigned int ifindex)
{
	const struct observe *o = v->o;
	struct render *r = v->r;
	const struct observe_if *f = &o->ifs[ifindex];
	struct crossing_if_stats x = {0};
	unsigned int in_use, size;

	if (o->crossing)
		crossing_if_stats(o->crossing, ifindex, &x);
	baseline_since(v, BASELINE_IF, ifindex, &x, &x, sizeof(x));
	render_u64(r, x.rx_packets);
	render_u64(r, x.tx_packets);
	render_u64(r, crossing_punted(&x, true));
	render_u64(r, crossing_punted(&x, false));
	render_u64(r, x.injected);
	if (f->port && f->first) {
		port_mbufs(f->port, &in_use, &size);
		render_u64(r, in_use);
		render_u64(r, size);
	} else {
		render_none(r);
		render_none(r);
	}
}

static void show_device(struct render *r, const struct observe_if *f)
{
	if (f->port && f->first) {
		render_u64(r, f->port->n_queues);
		render_u64(r, f->port->n_tx_queues);
	} else {
		render_none(r);
		render_none(r);
	}
	render_text(r, f->spread);
	render_text(r, f->steering);
	render_text(r, f->steering6);
	render_text(r, f->port ? f->port->driver : NULL);
	render_text(r, f->device);
}

static void show_kernel(struct verb_ctx *v, unsigned int ifindex)
{
	const struct observe_if *f = &v->o->ifs[ifindex];
	struct render *r = v->r;
	struct kif_stats k = {0};
	char text[ADDR_STRLEN], both[PREFIX_STRLEN];

	if (f->kif)
		k = *kif_stats(f->kif);
	baseline_since(v, BASELINE_KIF, ifindex, &k, &k, sizeof(k));
	render_u64(r, k.to_kernel);
	render_u64(r, k.from_kernel);
	render_u64(r, k.write_errors + k.read_errors);
	render_u64(r, f->netdev_losses);
	render_u64(r, f->seen ? f->seen->link_downs : 0);
	render_u64(r, f->seen ? f->seen->losses : 0);
	render_list_begin(r);
	for (unsigned int i = 0; i < f->n_addrs; i++) {
		snprintf(both, sizeof(both), "%s/%u", addr_format(&f->addrs[i].addr, text),
			f->addrs[i].len);
		render_list_item(r, both);
	}
	render_list_end(r);
}

void verb_show_ports(struct verb_ctx *v)
{
	struct render *r = v->r;
	struct filter filter;
	char mac[18];

	if (!filter_parse(v, &filter))
		return;
	render_table_begin(r, "ports", columns, RTE_DIM(columns));
	for (unsigned int i = 0; i < v->o->n_ifs; i++) {
		const struct observe_if *f = &v->o->ifs[i];

		if (!filter_if(&filter, i))
			continue;
		render_text(r, f->name);
		render_text(r, role_name(f->role));
		if (f->port) {
			const uint8_t *m = f->port->mac;

			snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
				m[2], m[3], m[4], m[5]);
			render_text(r, f->lost || f->netdev_gone	      ? "not-present"
				       : !f->stopped && port_link_up(f->port) ? "up"
									      : "down");
			render_text(r, f->stopped ? "down" : "up");
			render_text(r, mac);
		} else {
			for (int k = 0; k < 3; k++)
				render_none(r);
		}
		if (f->vlan)
			render_u64(r, f->vlan);
		else
			render_none(r);
		render_u64(r, f->mtu);
		show_port(v, i);
		show_counters(v, i);
		show_kernel(v, i);
		show_device(r, f);
	}
	render_table_end(r);
}
