// SPDX-License-Identifier: BSD-3-Clause
// The TAP against the real kernel, in a network namespace of this process.
#include "unit/unit.h"

#include "unit/kif/netns.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/log.h"
#include "kif/kif.h"
#include "kif/kif_netdev.h"

static const uint8_t mac[6] = {0x02, 0, 0, 0, 0x0a, 0x01};

// The frames that came out of the kernel, of one ethertype.
struct seen {
	uint16_t ethertype;
	size_t amt_at; // when set, only what has AMT's port as UDP destination there
	unsigned int n;
	size_t len;
	uint8_t frame[65536];
};

static void seen_cb(void *arg, const uint8_t *frame, size_t len)
{
	struct seen *s = arg;

	if (len < 14 || (frame[12] << 8 | frame[13]) != s->ethertype)
		return;
	if (s->amt_at && (len < s->amt_at + 2 || memcmp(frame + s->amt_at, "\x08\xdc", 2) != 0))
		return;
	s->n++;
	s->len = len;
	memcpy(s->frame, frame, len);
}

static struct seen seen;
static struct kif *make(const char *name, uint16_t mtu)
{
	struct kif_cfg cfg = {.name = name, .mtu = mtu};
	char err[KIF_ERR_LEN];
	struct kif *k;

	memcpy(cfg.mac, mac, sizeof(mac));
	memset(&seen, 0, sizeof(seen));
	k = kif_create(&cfg, seen_cb, &seen, err);
	if (k == NULL)
		fail_msg("%s", err);
	assert_string_equal(err, "");
	return k;
}

// Reads until a frame of the wanted type has come.
static void wait_frame(struct kif *k)
{
	while (seen.n == 0 && readable(kif_fd(k)))
		assert_true(kif_read(k) >= 0);
	assert_int_not_equal(seen.n, 0);
}

static void file_is(const char *path, const char *text)
{
	char buf[64] = "";
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	assert_non_null(fgets(buf, sizeof(buf), f));
	fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
	assert_string_equal(buf, text);
}

static void test_names(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", "a/b", "a b", "a:b", "tap%d", "sixteencharslong", "x\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct kif_cfg cfg = {.name = bad[i], .mtu = 1500};
		char err[KIF_ERR_LEN] = "";

		assert_false(kif_name_ok(bad[i]));
		errno = 0;
		assert_null(kif_create(&cfg, seen_cb, NULL, err));
		assert_int_equal(errno, EINVAL);
		assert_non_null(strstr(err, "is no name for a network interface"));
	}
	assert_true(kif_name_ok("wan"));
	assert_true(kif_name_ok("fifteen.chars-x"));
}

static void test_settings(void **state)
{
	struct kif *k;

	(void)state;
	NEED_NETNS();
	k = make("kift0", 9000);
	assert_string_equal(kif_name(k), "kift0");
	assert_int_equal(kif_ifindex(k), if_nametoindex("kift0"));
	file_is("/proc/sys/net/ipv4/conf/kift0/rp_filter", "2");
	if (access("/proc/sys/net/ipv6", F_OK) == 0) {
		file_is("/proc/sys/net/ipv6/conf/kift0/addr_gen_mode", "1");
		file_is("/proc/sys/net/ipv6/conf/kift0/accept_ra", "0");
		file_is("/proc/sys/net/ipv6/conf/kift0/keep_addr_on_down", "1");
	}
	SH("ip -o link show kift0 | grep -q 'mtu 9000'");
	SH("ip -o link show kift0 | grep -q '[<,]UP'");
	SH("ip -o link show kift0 | grep -q '02:00:00:00:0a:01'");
	SH("! ip -o link show kift0 | grep -q NOARP");
	SH("! ip -6 -o addr show dev kift0 | grep -q inet6");
	assert_int_equal(kif_carrier(k, false), 0);
	SH("ip -o link show kift0 | grep -q NO-CARRIER");
	assert_int_equal(kif_carrier(k, true), 0);
	SH("! ip -o link show kift0 | grep -q NO-CARRIER");
	kif_destroy(k);
	assert_int_equal(if_nametoindex("kift0"), 0);
	kif_destroy(NULL);
}

// IPv6 where the system has it off, and a link-local address made of the MAC.
static void test_ipv6(void **state)
{
	const struct kif_cfg cfg = {
		.name = "kift0", .mtu = 1500, .mac = {0x02, 0, 0, 0, 0x0a, 0x01}, .ipv6 = true};
	char err[KIF_ERR_LEN];
	struct kif *k;

	(void)state;
	NEED_NETNS();
	if (access("/proc/sys/net/ipv6", F_OK) != 0)
		skip();
	SH("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
	k = kif_create(&cfg, seen_cb, NULL, err);
	if (!k)
		fail_msg("%s", err);
	file_is("/proc/sys/net/ipv6/conf/kift0/disable_ipv6", "0");
	file_is("/proc/sys/net/ipv6/conf/kift0/accept_ra", "0");
	SH("ip -6 -o addr show dev kift0 | grep -q 'fe80::ff:fe00:a01/64'");
	SH("sysctl -qw net.ipv6.conf.default.disable_ipv6=0");
	kif_destroy(k);
}

static void test_create_errors(void **state)
{
	struct kif_cfg cfg = {.name = "kift0", .mtu = 1500, .mac = {0x02, 0, 0, 0, 0, 1}};
	char err[KIF_ERR_LEN];
	struct kif *k;

	(void)state;
	NEED_NETNS();
	k = make("kift0", 1500);
	assert_null(kif_create(&cfg, seen_cb, NULL, err));
	assert_int_equal(errno, EEXIST);
	assert_string_equal(err, "kift0: a network interface of that name exists");
	kif_destroy(k);
	// A persistent TAP without an owner is somebody's too.
	SH("ip tuntap add dev kift0 mode tap");
	assert_null(kif_create(&cfg, seen_cb, NULL, err));
	assert_int_equal(errno, EEXIST);
	SH("ip link del kift0");
	cfg.mac[0] = 0x01;
	assert_null(kif_create(&cfg, seen_cb, NULL, err));
	assert_non_null(strstr(err, "kift0: cannot set the MAC address: "));
	cfg.mac[0] = 0x02;
	cfg.mtu = 60;
	assert_null(kif_create(&cfg, seen_cb, NULL, err));
	assert_non_null(strstr(err, "kift0: cannot set the MTU: "));
	assert_int_equal(errno, EINVAL);
	// Nothing is left behind by a failure.
	assert_int_equal(if_nametoindex("kift0"), 0);
}

// An ARP request for an address of the kernel's goes in, the kernel's answer comes out.
static void test_arp(void **state)
{
	static const uint8_t request[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x77, 0x08, 0x06, // Ethernet
		0, 1, 8, 0, 6, 4, 0, 1,							// who-has
		0x02, 0, 0, 0, 0, 0x77, 10, 9, 1, 9,					// sender
		0, 0, 0, 0, 0, 0, 10, 9, 1, 2,						// target
	};
	struct kif *k;

	(void)state;
	NEED_NETNS();
	k = make("kift0", 1500);
	SH("ip addr add 10.9.1.2/24 dev kift0");
	seen.ethertype = 0x0806;
	assert_int_equal(kif_write(k, request, sizeof(request)), 0);
	wait_frame(k);
	assert_true(seen.len >= 42);
	assert_memory_equal(seen.frame, request + 6, 6); // to the asker
	assert_memory_equal(seen.frame + 6, mac, 6);
	assert_int_equal(seen.frame[21], 2); // reply
	assert_memory_equal(seen.frame + 22, mac, 6);
	assert_memory_equal(seen.frame + 28, request + 38, 4);
	assert_int_equal(kif_stats(k)->to_kernel, 1);
	assert_true(kif_stats(k)->from_kernel >= 1);
	assert_int_equal(kif_stats(k)->write_errors, 0);
	// Too short for Ethernet: refused by the kernel, counted, nothing else.
	assert_int_equal(kif_write(k, request, 5), -EINVAL);
	assert_int_equal(kif_stats(k)->write_errors, 1);
	kif_destroy(k);
}

static uint16_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (len & 1)
		sum += (uint32_t)(p[len - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

// A datagram that a kernel socket sends comes out with its checksums complete, also a big one.
static void udp_of(struct kif *k, size_t payload)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(2268)};
	uint8_t data[8972];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	for (size_t i = 0; i < payload; i++)
		data[i] = (uint8_t)(i * 7 + 1);
	inet_pton(AF_INET, "10.9.1.9", &to.sin_addr);
	assert_true(fd >= 0);
	seen.n = 0;
	seen.ethertype = 0x0800;
	assert_int_equal(sendto(fd, data, payload, 0, (struct sockaddr *)&to, sizeof(to)), payload);
	close(fd);
	wait_frame(k);
	assert_int_equal(seen.len, 14 + 20 + 8 + payload);
	assert_int_equal(seen.frame[14 + 9], 17);
	assert_int_equal(sum16(seen.frame + 14, 20, 0), 0xffff);
	assert_true(seen.frame[40] != 0 || seen.frame[41] != 0); // there is a UDP checksum
	assert_int_equal(
		sum16(seen.frame + 26, 8 + 8 + payload, 17 + 8 + (uint32_t)payload), 0xffff);
	assert_memory_equal(seen.frame + 42, data, payload);
}

static void test_udp_checksum(void **state)
{
	struct kif *k;

	(void)state;
	NEED_NETNS();
	k = make("kift0", 9000);
	SH("ip addr add 10.9.1.2/24 dev kift0");
	SH("ip neigh add 10.9.1.9 lladdr 02:00:00:00:00:77 dev kift0");
	udp_of(k, 100);
	udp_of(k, 1001);
	udp_of(k, 8972);
	kif_destroy(k);
}

// G-05: a checksum that comes out as 0 leaves as 0xffff, for 0 says that there is none.
static void udp_zero_sum(struct kif *k, int family)
{
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(2268)};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(2268)};
	struct sockaddr *to = family == AF_INET ? (void *)&to4 : (void *)&to6;
	socklen_t len = family == AF_INET ? sizeof(to4) : sizeof(to6);
	size_t at = 14 + (family == AF_INET ? 20 : 40) + 6;
	uint8_t data[8] = {3}; // a Request
	int fd = socket(family, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	inet_pton(AF_INET, "10.9.1.9", &to4.sin_addr);
	inet_pton(AF_INET6, "2001:db8:1::9", &to6.sin6_addr);
	seen.ethertype = family == AF_INET ? 0x0800 : 0x86dd;
	seen.amt_at = at - 4;
	for (int i = 0; i < 2; i++) {
		// The second time what the first one's sum was short of.
		seen.n = 0;
		assert_int_equal(sendto(fd, data, sizeof(data), 0, to, len), sizeof(data));
		wait_frame(k);
		memcpy(data + 6, seen.frame + at, 2);
	}
	close(fd);
	assert_memory_equal(seen.frame + at, "\xff\xff", 2);
}

static void test_udp_zero_sum(void **state)
{
	struct kif *k;

	(void)state;
	NEED_NETNS();
	k = make("kift0", 1500);
	SH("ip addr add 10.9.1.2/24 dev kift0");
	SH("ip neigh add 10.9.1.9 lladdr 02:00:00:00:00:77 dev kift0");
	udp_zero_sum(k, AF_INET);
	if (access("/proc/sys/net/ipv6", F_OK) == 0) {
		SH("ip addr add 2001:db8:1::10/64 dev kift0 nodad");
		SH("ip neigh add 2001:db8:1::9 lladdr 02:00:00:00:00:77 dev kift0");
		udp_zero_sum(k, AF_INET6);
	}
	kif_destroy(k);
}

// G-08, G-09: what workers punt. Over IPv6 a datagram without a checksum does not reach a socket,
// on whatever port; with one, and over IPv4 without, it does.
static void test_udp6_without_a_checksum(void **state)
{
	static const uint8_t eth[12] = {0x02, 0, 0, 0, 0x0a, 0x01, 0x02, 0, 0, 0, 0, 0x77};
	uint8_t six[14 + 40 + 8 + 4] = {[12] = 0x86,
		0xdd,
		0x60,
		[19] = 12,
		17,
		64,
		0x20,
		1,
		0x0d,
		0xb8,
		0,
		1,
		[37] = 9,
		0x20,
		1,
		0x0d,
		0xb8,
		0,
		1,
		[53] = 0x10,
		0x08,
		0xdc,
		0x80,
		0,
		0,
		12,
		[62] = 4,
		0,
		0,
		1};
	uint8_t good[sizeof(six)];
	uint8_t four[14 + 20 + 8 + 4] = {[12] = 8,
		0,
		0x45,
		[17] = 32,
		[22] = 64,
		17,
		[26] = 10,
		9,
		1,
		9,
		10,
		9,
		1,
		2,
		0x08,
		0xdc,
		0x80,
		0,
		0,
		12,
		[42] = 4,
		0,
		0,
		3};
	struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(0x8000)};
	struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(0x8000)};
	struct pollfd wait6 = {.events = POLLIN};
	int fd6, fd4, only6 = 1;
	uint8_t got[16];
	struct kif *k;
	uint16_t sum;

	(void)state;
	NEED_NETNS();
	if (access("/proc/sys/net/ipv6", F_OK) != 0)
		skip();
	k = make("kift0", 1500);
	SH("ip addr add 10.9.1.2/24 dev kift0");
	SH("ip addr add 2001:db8:1::10/64 dev kift0 nodad");
	fd6 = socket(AF_INET6, SOCK_DGRAM, 0);
	fd4 = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(setsockopt(fd6, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof(only6)), 0);
	wait6.fd = fd6;
	assert_int_equal(bind(fd6, (struct sockaddr *)&any6, sizeof(any6)), 0);
	assert_int_equal(bind(fd4, (struct sockaddr *)&any4, sizeof(any4)), 0);
	memcpy(six, eth, sizeof(eth));
	memcpy(four, eth, sizeof(eth));
	memcpy(good, six, sizeof(good));
	good[65] = 2;
	sum = (uint16_t)~sum16(good + 22, 32 + 12, 17 + 12);
	good[60] = (uint8_t)(sum >> 8);
	good[61] = (uint8_t)sum;
	// The kernel makes an IPv6 address work by itself, a moment after it was added.
	for (int i = 0; i < 500 && poll(&wait6, 1, 10) == 0; i++)
		assert_int_equal(kif_write(k, good, sizeof(good)), 0);
	while (recv(fd6, got, sizeof(got), MSG_DONTWAIT) == 4)
		;
	assert_int_equal(kif_write(k, six, sizeof(six)), 0);
	assert_int_equal(kif_write(k, good, sizeof(good)), 0);
	assert_true(readable(fd6));
	assert_int_equal(recv(fd6, got, sizeof(got), 0), 4);
	assert_int_equal(got[3], 2); // the second one
	sum = (uint16_t)~sum16(four + 14, 20, 0);
	four[24] = (uint8_t)(sum >> 8);
	four[25] = (uint8_t)sum;
	assert_int_equal(kif_write(k, four, sizeof(four)), 0);
	assert_true(readable(fd4));
	assert_int_equal(recv(fd4, got, sizeof(got), 0), 4);
	assert_int_equal(got[3], 3);
	assert_int_equal(recv(fd6, got, sizeof(got), MSG_DONTWAIT), -1);
	close(fd6);
	close(fd4);
	kif_destroy(k);
}

static void test_batch_is_bounded(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct kif *k;
	unsigned int total = 0;
	int fd;

	(void)state;
	NEED_NETNS();
	k = make("kift0", 1500);
	SH("ip addr add 10.9.1.2/24 dev kift0");
	SH("ip neigh add 10.9.1.9 lladdr 02:00:00:00:00:77 dev kift0");
	seen.ethertype = 0x0800;
	inet_pton(AF_INET, "10.9.1.9", &to.sin_addr);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	for (int i = 0; i < 150; i++)
		assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	close(fd);
	assert_int_equal(kif_read(k), 64);
	while (readable(kif_fd(k)) && seen.n < 150)
		total += (unsigned int)kif_read(k);
	assert_int_equal(seen.n, 150);
	assert_true(total >= 86);
	assert_true(kif_read(k) >= 0); // nothing waits: no error
	kif_destroy(k);
}

static void test_rename_down_mtu(void **state)
{
	static const uint8_t frame[60] = {
		0x02, 0, 0, 0, 0x0a, 0x01, 0x02, 0, 0, 0, 0, 0x77, 0x88, 0xb5};
	struct kif *k;

	(void)state;
	NEED_NETNS();
	k = make("kift0", 1500);
	// A netdev that is up is renamed by newer kernels; go down for the older ones.
	SH("ip link set kift0 down");
	assert_int_equal(kif_write(k, frame, sizeof(frame)), -EIO);
	SH("ip link set kift0 name kift1");
	assert_string_equal(kif_name(k), "kift1");
	SH("ip link set kift1 up mtu 8000");
	SH("ip addr add 10.9.1.2/24 dev kift1");
	SH("ip neigh add 10.9.1.9 lladdr 02:00:00:00:00:77 dev kift1");
	assert_int_equal(kif_write(k, frame, sizeof(frame)), 0);
	udp_of(k, 7000); // what the operator made it
	kif_destroy(k);
	assert_int_equal(if_nametoindex("kift1"), 0);
}

// To the namespace of another process, and on working from there.
static void test_other_netns(void **state)
{
	static const uint8_t frame[60] = {
		0x02, 0, 0, 0, 0x0a, 0x01, 0x02, 0, 0, 0, 0, 0x77, 0x88, 0xb5};
	int ready[2], end[2];
	char cmd[160], byte;
	struct kif *k;
	pid_t child;

	(void)state;
	NEED_NETNS();
	k = make("kift0", 1500);
	assert_int_equal(pipe(ready) | pipe(end), 0);
	child = fork();
	if (child == 0) {
		// Holds a namespace of its own until the pipe's other end is closed.
		close(end[1]);
		if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "x", 1) == 1)
			while (read(end[0], &byte, 1) > 0)
				;
		_exit(0);
	}
	assert_true(child > 0);
	close(ready[1]);
	close(end[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	snprintf(cmd, sizeof(cmd), "ip link set kift0 netns %d", (int)child);
	SH(cmd);
	assert_int_equal(if_nametoindex("kift0"), 0);
	snprintf(cmd, sizeof(cmd), "nsenter -n -t %d ip link set kift0 name kift1 up", (int)child);
	SH(cmd);
	assert_string_equal(kif_name(k), "kift1");
	assert_int_equal(kif_write(k, frame, sizeof(frame)), 0);
	assert_true(kif_read(k) >= 0);
	kif_destroy(k);
	close(end[1]);
	close(ready[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_deleted(void **state)
{
	static const uint8_t frame[60] = {
		0x02, 0, 0, 0, 0x0a, 0x01, 0x02, 0, 0, 0, 0, 0x77, 0x88, 0xb5};
	struct kif *k;

	(void)state;
	NEED_NETNS();
	log_threshold = LOG_LEVEL_ERROR;
	k = make("kift0", 1500);
	SH("ip link del kift0");
	assert_int_equal(kif_read(k), -ENODEV);
	assert_int_equal(kif_read(k), -ENODEV);
	assert_int_equal(kif_write(k, frame, sizeof(frame)), -ENODEV);
	assert_int_equal(kif_carrier(k, true), -ENODEV);
	assert_string_equal(kif_name(k), "kift0"); // the last one known
	assert_int_equal(kif_stats(k)->read_errors, 2);
	assert_int_equal(kif_stats(k)->write_errors, 1);
	kif_destroy(k);
	kif_destroy(make("kift0", 1500)); // and a new one can be made
}

static void test_made_again(void **state)
{
	static const uint8_t frame[60] = {
		0x02, 0, 0, 0, 0x0a, 0x01, 0x02, 0, 0, 0, 0, 0x77, 0x88, 0xb5};
	struct kif_cfg cfg = {.name = "kift0", .mtu = 1400};
	char err[KIF_ERR_LEN];
	struct kif *k;

	(void)state;
	NEED_NETNS();
	log_threshold = LOG_LEVEL_ERROR;
	memcpy(cfg.mac, mac, sizeof(mac));
	k = make("kift0", 1400);
	assert_int_equal(kif_write(k, frame, sizeof(frame)), 0);
	assert_false(kif_deleted(k));
	SH("ip link del kift0");
	assert_true(kif_deleted(k));
	assert_int_equal(kif_read(k), -ENODEV);
	// Somebody else has the name: it can be tried again, and is harmless until then.
	SH("ip link add kift0 type veth peer name kift9");
	assert_int_equal(kif_recreate(k, &cfg, err), -EEXIST);
	assert_non_null(strstr(err, "exists"));
	assert_int_equal(kif_write(k, frame, sizeof(frame)), -ENODEV);
	assert_true(kif_carrier(k, true) < 0);
	SH("ip link del kift0");
	assert_int_equal(kif_recreate(k, &cfg, err), 0);
	assert_false(kif_deleted(k));
	assert_int_equal(kif_ifindex(k), if_nametoindex("kift0"));
	SH("ip link show kift0 | grep -q 'mtu 1400'");
	assert_int_equal(kif_write(k, frame, sizeof(frame)), 0);
	assert_true(kif_read(k) >= 0);
	assert_int_equal(kif_stats(k)->to_kernel, 2); // of both
	assert_int_equal(kif_stats(k)->write_errors, 1);
	kif_destroy(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_create_errors),
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_udp_checksum),
		cmocka_unit_test(test_udp_zero_sum),
		cmocka_unit_test(test_udp6_without_a_checksum),
		cmocka_unit_test(test_batch_is_bounded),
		cmocka_unit_test(test_rename_down_mtu),
		cmocka_unit_test(test_other_netns),
		cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_made_again),
	};

	have_netns = netns_enter();
	return RUN_TESTS(tests);
}
