// SPDX-License-Identifier: BSD-3-Clause
// inletd --probe on a sysfs of the test's: what it reads, and that what it suggests parses.
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "inletd/probe.h"

static char root[] = "/tmp/probe-test-XXXXXX";

static void sh(const char *fmt, const char *arg)
{
	char cmd[1024], text[896];

	snprintf(text, sizeof(text), fmt, arg);
	snprintf(cmd, sizeof(cmd), "cd %s && %s", root, text);
	assert_int_equal(system(cmd), 0);
}

static void put(const char *path, const char *text)
{
	char full[512];
	FILE *f;

	sh("mkdir -p $(dirname %s)", path);
	snprintf(full, sizeof(full), "%s/%s", root, path);
	f = fopen(full, "w");
	assert_non_null(f);
	fprintf(f, "%s\n", text);
	fclose(f);
}

static void fresh(void)
{
	sh("rm -rf -- *%s", "");
	put("devices/system/cpu/online", "0-3,8");
	put("devices/system/node/node0/x", "");
	put("devices/system/node/node1/x", "");
	put("kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512");
	put("kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "256");
}

static void pci(const char *address, const char *class, const char *driver)
{
	char path[256], link[300];

	snprintf(path, sizeof(path), "bus/pci/devices/%s/class", address);
	put(path, class);
	snprintf(path, sizeof(path), "bus/pci/devices/%s/vendor", address);
	put(path, "0x8086");
	snprintf(path, sizeof(path), "bus/pci/devices/%s/device", address);
	put(path, "0x1592");
	snprintf(path, sizeof(path), "bus/pci/devices/%s/numa_node", address);
	put(path, "1");
	if (!driver)
		return;
	snprintf(link, sizeof(link), "ln -s ../../drivers/%s bus/pci/devices/%s/driver", driver,
		address);
	sh("%s", link);
}

// at: the device's folder below bus/pci/devices, or NULL.
static void netdev(const char *name, const char *at, const char *mtu, int rx_queues)
{
	char path[256], link[300];

	snprintf(path, sizeof(path), "class/net/%s/mtu", name);
	put(path, mtu);
	snprintf(path, sizeof(path), "class/net/%s/type", name);
	put(path, "1");
	snprintf(path, sizeof(path), "class/net/%s/carrier", name);
	put(path, "1");
	snprintf(path, sizeof(path), "class/net/%s/queues/tx-0/x", name);
	put(path, "");
	for (int i = 0; i < rx_queues; i++) {
		snprintf(path, sizeof(path), "class/net/%s/queues/rx-%d/x", name, i);
		put(path, "");
	}
	if (!at)
		return;
	snprintf(link, sizeof(link),
		"mkdir -p bus/pci/devices/%s && ln -s ../../../bus/pci/devices/%s "
		"class/net/%s/device",
		at, at, name);
	sh("%s", link);
}

// What is suggested for it, as a configuration; and the whole output is one file that parses.
static void suggested(const struct probe *p, struct config *c, char *text, size_t size)
{
	char path[128], err[CONFIG_ERR_LEN];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/out.conf", root);
	f = fopen(path, "w+");
	assert_non_null(f);
	probe_report(p, f);
	assert_true(probe_suggest(p, f));
	rewind(f);
	n = fread(text, 1, size - 1, f);
	text[n] = '\0';
	fclose(f);
	if (config_load(path, c, err) != 0)
		fail_msg("%s in:\n%s", err, text);
}

static struct probe p;
static struct config c;
static char text[16384];

static void has(const char *part)
{
	if (!strstr(text, part))
		fail_msg("no '%s' in:\n%s", part, text);
}

static void a_server(void **state)
{
	(void)state;
	fresh();
	put("devices/system/cpu/isolated", "2-3,8");
	put("bus/pci/drivers/vfio-pci/x", "");
	pci("0000:01:00.0", "0x020000", "ice");
	pci("0000:01:00.1", "0x020000", "vfio-pci");
	pci("0000:02:00.0", "0x020000", "mlx5_core");
	pci("0000:03:00.0", "0x010802", "nvme");
	netdev("ens1f0", "0000:01:00.0", "9000", 8);
	netdev("ens2", "0000:02:00.0", "1500", 8);
	netdev("br0", NULL, "1500", 1);
	probe_sysfs(root, &p);
	assert_int_equal(p.n_ports, 4);
	assert_string_equal(p.ports[0].pci, "0000:01:00.0");
	assert_string_equal(p.ports[0].name, "ens1f0");
	assert_string_equal(p.ports[0].bound, "ice");
	assert_string_equal(p.ports[0].pci_id, "8086:1592");
	assert_int_equal(p.ports[0].numa, 1);
	assert_int_equal(p.ports[0].mtu, 9000);
	assert_int_equal(p.ports[0].rx_queues, 8);
	assert_string_equal(p.ports[1].bound, "vfio-pci");
	assert_string_equal(p.ports[3].name, "br0");
	assert_int_equal(p.n_cpus, 5);
	assert_int_equal(p.nodes, 2);
	assert_int_equal(p.huge_mb, 1024);
	assert_int_equal(p.huge_free_mb, 512);
	assert_true(p.vfio);
	// The one with the default route is upstream.
	strcpy(p.ports[2].addrs[0], "192.0.2.9/24");
	strcpy(p.ports[2].addrs[1], "2001:db8::9/64");
	p.ports[2].n_addrs = 2;
	strcpy(p.ports[2].gateway[0], "192.0.2.1");
	strcpy(p.ports[2].gateway[1], "fe80::1");
	suggested(&p, &c, text, sizeof(text));
	assert_int_equal(c.n_ifs, 3); // not the bridge
	assert_string_equal(c.ifs[0].device, "0000:02:00.0");
	assert_int_equal(c.ifs[0].role, IF_UPSTREAM);
	assert_int_equal(c.ifs[0].n_addrs, 2);
	assert_int_equal(c.ifs[0].n_routes, 2);
	assert_string_equal(c.ifs[1].device, "0000:01:00.0");
	assert_int_equal(c.ifs[1].mtu, 9000);
	assert_int_equal(c.ifs[1].role, IF_DOWNSTREAM);
	assert_string_equal(c.ifs[2].device, "0000:01:00.1");
	assert_int_equal(c.n_workers, 3);
	assert_int_equal(c.workers[0], 2);
	assert_int_equal(c.workers[2], 8);
	assert_int_equal(c.memory, MEMORY_HUGEPAGES);
	has("drivers-config/bind 0000:01:00.0, which takes ens1f0");
	has("cuts you off");
	has("drivers-config/ice.md");
	has("beside the kernel's: no bind (drivers-config/mlx5.md)");
	has("isolated: 2-3,8");
}

// Virtual machines and namespaces: netdevs as they are.
static void netdevs_alone(void **state)
{
	(void)state;
	fresh();
	pci("0000:00:03.0", "0x020000", "virtio-pci");
	netdev("eth0", "0000:00:03.0/virtio0", "1500", 2);
	netdev("up0", NULL, "1500", 1);
	netdev("dn0", NULL, "9000", 1);
	netdev("lo", NULL, "65536", 1);
	probe_sysfs(root, &p);
	assert_int_equal(p.n_ports, 3);
	assert_string_equal(p.ports[0].name, "eth0");
	assert_string_equal(p.ports[0].pci, "0000:00:03.0");
	strcpy(p.ports[1].kind, "veth");
	strcpy(p.ports[2].kind, "veth");
	p.ports[0].carrier = 0;
	suggested(&p, &c, text, sizeof(text));
	assert_int_equal(c.n_ifs, 3);
	// In the order of names; without a link last.
	assert_string_equal(c.ifs[0].device,
		"net_af_packet0,iface=dn0,framesz=16384,blocksz=65536,framecnt=256");
	assert_string_equal(c.ifs[1].device, "net_af_xdp1,iface=up0");
	assert_string_equal(c.ifs[2].device, "net_af_packet2,iface=eth0");
	assert_int_equal(c.ifs[0].mtu, 9000);
	assert_int_equal(c.n_workers, 0);
	has("vfio-pci: not in this kernel");
}

static void one_port_or_none(void **state)
{
	(void)state;
	fresh();
	put("devices/system/cpu/online", "0");
	put("kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0");
	netdev("up0", NULL, "1500", 1);
	probe_sysfs(root, &p);
	assert_false(probe_suggest(&p, stderr)); // of an unknown kind
	strcpy(p.ports[0].kind, "veth");
	suggested(&p, &c, text, sizeof(text));
	assert_int_equal(c.n_ifs, 1);
	assert_int_equal(c.ifs[0].role, IF_BOTH);
	assert_true(c.share_cpu);
	assert_int_equal(c.memory, MEMORY_AUTO);
	// A gateway that is in no network of the addresses, as clouds have it: no route is
	// suggested.
	strcpy(p.ports[0].addrs[0], "10.0.0.7/32");
	p.ports[0].n_addrs = 1;
	strcpy(p.ports[0].gateway[0], "10.0.0.1");
	suggested(&p, &c, text, sizeof(text));
	assert_int_equal(c.ifs[0].n_routes, 0);
	assert_int_equal(c.ifs[0].n_addrs, 1);
	probe_sysfs("/nonexistent", &p);
	assert_int_equal(p.n_ports, 0);
	assert_false(probe_suggest(&p, stderr));
}

// More than are wanted, or than there is room for.
static void many(void **state)
{
	char name[16];

	(void)state;
	fresh();
	for (int i = 0; i < PROBE_MAX_PORTS + 6; i++) {
		snprintf(name, sizeof(name), "v%d", i);
		netdev(name, NULL, "1500", 1);
	}
	probe_sysfs(root, &p);
	assert_int_equal(p.n_ports, PROBE_MAX_PORTS);
	for (unsigned int i = 0; i < p.n_ports; i++)
		strcpy(p.ports[i].kind, "veth");
	suggested(&p, &c, text, sizeof(text));
	assert_int_equal(c.n_ifs, 9);
	assert_string_equal(c.ifs[8].name, "lan8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server),
		cmocka_unit_test(netdevs_alone),
		cmocka_unit_test(one_port_or_none),
		cmocka_unit_test(many),
	};
	int ret;

	if (!mkdtemp(root))
		return 1;
	ret = RUN_TESTS(tests);
	sh("rm -rf -- *%s", "");
	rmdir(root);
	return ret;
}
