// SPDX-License-Identifier: BSD-3-Clause
#include "inletd/probe.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inletd/sysfs.h"

// A path that is too long is one that is not there.
__attribute__((format(printf, 3, 4))) static void text(char *out, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	// NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not see va_start
	n = vsnprintf(out, size, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= size)
		out[0] = '\0';
}

// The last part of where a link leads.
static void link_name(const char *dir, const char *file, char *out, size_t size)
{
	char path[PATH_MAX], to[PATH_MAX];
	ssize_t n;

	text(path, sizeof(path), "%s/%s", dir, file);
	n = readlink(path, to, sizeof(to) - 1);
	out[0] = '\0';
	if (n <= 0)
		return;
	to[n] = '\0';
	text(out, size, "%s", strrchr(to, '/') ? strrchr(to, '/') + 1 : to);
}

static struct probe_port *add_port(struct probe *p)
{
	struct probe_port *port;

	if (p->n_ports == PROBE_MAX_PORTS)
		return NULL;
	port = &p->ports[p->n_ports++];
	*port = (struct probe_port){.mtu = -1,
		.speed = -1,
		.numa = -1,
		.rx_queues = -1,
		.tx_queues = -1,
		.max_queues = -1,
		.max_rx_ring = -1,
		.carrier = -1,
		.udp4 = -1,
		.udp6 = -1,
		.rx_csum = -1,
		.max_mtu = -1,
		.reta = -1};
	return port;
}

static void pci_device(const char *root, const char *address, struct probe *p)
{
	char dir[PATH_MAX], path[PATH_MAX], class[16], vendor[16], device[16];
	struct probe_port *port;

	text(dir, sizeof(dir), "%s/bus/pci/devices/%s", root, address);
	text(path, sizeof(path), "%s/class", dir);
	if (!sysfs_line(path, class, sizeof(class)) || strncmp(class, "0x02", 4) != 0)
		return;
	port = add_port(p);
	if (!port)
		return;
	text(port->pci, sizeof(port->pci), "%.15s", address);
	link_name(dir, "driver", port->bound, sizeof(port->bound));
	port->numa = sysfs_int(dir, "numa_node");
	text(path, sizeof(path), "%s/vendor", dir);
	sysfs_line(path, vendor, sizeof(vendor));
	text(path, sizeof(path), "%s/device", dir);
	sysfs_line(path, device, sizeof(device));
	if (strlen(vendor) == 6 && strlen(device) == 6)
		text(port->pci_id, sizeof(port->pci_id), "%.4s:%.4s", vendor + 2, device + 2);
}

static int count_queues(const char *dir, const char *prefix)
{
	char path[PATH_MAX];
	struct dirent *de;
	int n = 0;
	DIR *d;

	text(path, sizeof(path), "%s/queues", dir);
	d = opendir(path);
	while (d && (de = readdir(d)))
		n += strncmp(de->d_name, prefix, strlen(prefix)) == 0;
	if (d)
		closedir(d);
	return n > 0 ? n : -1;
}

static bool is_pci_address(const char *s)
{
	return strlen(s) == 12 && s[4] == ':' && s[7] == ':' && s[10] == '.';
}

// The port of the PCI device that the netdev is on; a virtio device is one level below it. A new
// port for a netdev that is on none.
static struct probe_port *port_of_netdev(const char *dir, struct probe *p)
{
	char path[PATH_MAX], full[PATH_MAX];

	text(path, sizeof(path), "%s/device", dir);
	if (realpath(path, full)) {
		for (char *at = strrchr(full, '/'); at; at = strrchr(full, '/')) {
			for (unsigned int i = 0; is_pci_address(at + 1) && i < p->n_ports; i++)
				if (strcmp(p->ports[i].pci, at + 1) == 0 && !p->ports[i].name[0])
					return &p->ports[i];
			*at = '\0';
		}
	}
	return add_port(p);
}

static void netdev(const char *root, const char *name, struct probe *p)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct probe_port *port;

	text(dir, sizeof(dir), "%s/class/net/%s", root, name);
	if (strcmp(name, "lo") == 0 || strlen(name) >= sizeof(port->name) ||
		sysfs_int(dir, "type") != 1) // ARPHRD_ETHER
		return;
	port = port_of_netdev(dir, p);
	if (!port)
		return;
	text(port->name, sizeof(port->name), "%.15s", name);
	port->mtu = sysfs_int(dir, "mtu");
	port->carrier = sysfs_int(dir, "carrier");
	port->speed = sysfs_int(dir, "speed");
	port->rx_queues = count_queues(dir, "rx-");
	port->tx_queues = count_queues(dir, "tx-");
	text(path, sizeof(path), "%s/address", dir);
	sysfs_line(path, port->mac, sizeof(port->mac));
	text(path, sizeof(path), "%s/device", dir);
	link_name(path, "driver", port->kind, sizeof(port->kind));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void each(const char *root, const char *below, struct probe *p,
	void (*look)(const char *root, const char *name, struct probe *p))
{
	char path[PATH_MAX];
	struct dirent **list = NULL;
	int n;

	text(path, sizeof(path), "%s/%s", root, below);
	n = scandir(path, &list, NULL, by_name);
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.')
			look(root, list[i]->d_name, p);
		free(list[i]);
	}
	free(list);
}

static void huge_pages(const char *root, struct probe *p)
{
	static const struct {
		const char *dir;
		unsigned int mb;
	} sizes[] = {{"hugepages-2048kB", 2}, {"hugepages-1048576kB", 1024}};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char dir[PATH_MAX];
		int all, free_pages;

		text(dir, sizeof(dir), "%s/kernel/mm/hugepages/%s", root, sizes[i].dir);
		all = sysfs_int(dir, "nr_hugepages");
		free_pages = sysfs_int(dir, "free_hugepages");
		p->huge_mb += all > 0 ? (uint64_t)all * sizes[i].mb : 0;
		p->huge_free_mb += free_pages > 0 ? (uint64_t)free_pages * sizes[i].mb : 0;
	}
}

static void count_node(const char *root, const char *name, struct probe *p)
{
	(void)root;
	p->nodes += strncmp(name, "node", 4) == 0 && name[4] >= '0' && name[4] <= '9';
}

// How many are in a list such as "0-3,8".
static int count_cpus(const char *list)
{
	int n = 0;

	while (*list) {
		char *end;
		long from = strtol(list, &end, 10), to = from;

		if (end == list)
			break;
		if (*end == '-')
			to = strtol(end + 1, &end, 10);
		n += to >= from ? (int)(to - from + 1) : 0;
		list = *end == ',' ? end + 1 : end;
	}
	return n;
}

void probe_sysfs(const char *sysfs, struct probe *out)
{
	const char *root = sysfs ? sysfs : "/sys";
	char path[PATH_MAX];

	memset(out, 0, sizeof(*out));
	each(root, "bus/pci/devices", out, pci_device);
	each(root, "class/net", out, netdev);
	each(root, "devices/system/node", out, count_node);
	huge_pages(root, out);
	text(path, sizeof(path), "%s/devices/system/cpu/online", root);
	sysfs_line(path, out->online, sizeof(out->online));
	text(path, sizeof(path), "%s/devices/system/cpu/isolated", root);
	sysfs_line(path, out->isolated, sizeof(out->isolated));
	out->n_cpus = count_cpus(out->online);
	text(path, sizeof(path), "%s/bus/pci/drivers/vfio-pci", root);
	out->vfio = access(path, F_OK) == 0;
}

int probe_main(void)
{
	static struct probe p; // large

	probe_sysfs(NULL, &p);
	probe_netdevs(&p);
	probe_dpdk(&p);
	probe_report(&p, stdout);
	return probe_suggest(&p, stdout) ? 0 : 1;
}
