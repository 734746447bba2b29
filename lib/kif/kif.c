// SPDX-License-Identifier: BSD-3-Clause
#include "kif/kif.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "kif/kif_netdev.h"

#define KIF_BATCH 64
// The largest MTU a TAP can get, and an Ethernet header with two VLAN tags: a frame longer than the
// buffer would be cut without a word, whatever MTU the operator sets later.
#define KIF_FRAME_MAX (65535 + 22)

struct kif {
	int fd;
	int ifindex;
	bool gone; // the netdev was deleted
	kif_tx_cb tx;
	void *arg;
	struct kif_stats stats;
	char name[IFNAMSIZ];
	uint8_t frame[KIF_FRAME_MAX];
};

static int tap_open(struct kif *k, const struct kif_cfg *cfg, char err[KIF_ERR_LEN])
{
	struct ifreq ifr;
	int rc;

	k->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (k->fd < 0) {
		rc = -errno;
		snprintf(err, KIF_ERR_LEN, "%s: /dev/net/tun: %s", cfg->name, strerror(errno));
		return rc;
	}
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", cfg->name);
	// EXCL: never attach to a persistent TAP that somebody else set up.
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
	if (ioctl(k->fd, TUNSETIFF, &ifr) < 0) {
		rc = -errno;
		snprintf(err, KIF_ERR_LEN, "%s: cannot create the TAP: %s", cfg->name,
			rc == -EPERM ? "CAP_NET_ADMIN is missing" : strerror(errno));
		return rc;
	}
	// No offloads: the kernel completes checksums and segments before it hands a frame out.
	if (ioctl(k->fd, TUNSETOFFLOAD, 0UL) < 0) {
		rc = -errno;
		snprintf(err, KIF_ERR_LEN, "%s: TUNSETOFFLOAD: %s", cfg->name, strerror(errno));
		return rc;
	}
	return 0;
}

struct kif *kif_create(const struct kif_cfg *cfg, kif_tx_cb tx, void *arg, char err[KIF_ERR_LEN])
{
	struct kif *k;
	int rc;

	err[0] = '\0';
	if (!kif_name_ok(cfg->name)) {
		snprintf(err, KIF_ERR_LEN, "'%.32s' is no name for a network interface", cfg->name);
		errno = EINVAL;
		return NULL;
	}
	if (if_nametoindex(cfg->name) != 0) {
		snprintf(
			err, KIF_ERR_LEN, "%s: a network interface of that name exists", cfg->name);
		errno = EEXIST;
		return NULL;
	}
	k = calloc(1, sizeof(*k));
	if (k == NULL) {
		snprintf(err, KIF_ERR_LEN, "%s: out of memory", cfg->name);
		return NULL;
	}
	k->fd = -1;
	k->tx = tx;
	k->arg = arg;
	snprintf(k->name, sizeof(k->name), "%s", cfg->name);
	if ((rc = tap_open(k, cfg, err)) != 0 ||
		(rc = kif_netdev_setup(cfg, &k->ifindex, err)) != 0) {
		kif_destroy(k);
		errno = -rc;
		return NULL;
	}
	return k;
}

bool kif_deleted(const struct kif *k)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	return ioctl(k->fd, TUNGETIFF, &ifr) < 0;
}

int kif_recreate(struct kif *k, const struct kif_cfg *cfg, char err[KIF_ERR_LEN])
{
	int rc = 0;

	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	k->gone = true;
	snprintf(k->name, sizeof(k->name), "%s", cfg->name);
	if (if_nametoindex(cfg->name) != 0) {
		rc = -EEXIST;
		snprintf(
			err, KIF_ERR_LEN, "%s: a network interface of that name exists", cfg->name);
	}
	if (rc != 0 || (rc = tap_open(k, cfg, err)) != 0 ||
		(rc = kif_netdev_setup(cfg, &k->ifindex, err)) != 0) {
		if (k->fd >= 0)
			close(k->fd);
		k->fd = -1;
		return rc;
	}
	k->gone = false;
	return 0;
}

void kif_follow(struct kif *k, int ifindex)
{
	k->ifindex = ifindex;
}

void kif_destroy(struct kif *k)
{
	if (k == NULL)
		return;
	if (k->fd >= 0)
		close(k->fd);
	free(k);
}

int kif_fd(const struct kif *k)
{
	return k->fd;
}

// Says once that the netdev is gone; after that the fd is of no use.
static int failed(struct kif *k, int error)
{
	if (error != EBADFD && error != ENODEV)
		return -error;
	if (!k->gone)
		log_error("kif", "the interface was deleted name=%s", k->name);
	k->gone = true;
	return -ENODEV;
}

int kif_read(struct kif *k)
{
	int n = 0;

	while (n < KIF_BATCH) {
		ssize_t len = read(k->fd, k->frame, sizeof(k->frame));

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN)
			break;
		if (len < 0) {
			k->stats.read_errors++;
			return failed(k, errno);
		}
		k->stats.from_kernel++;
		n++;
		k->tx(k->arg, k->frame, (size_t)len);
	}
	return n;
}

int kif_write(struct kif *k, const uint8_t *frame, size_t len)
{
	ssize_t n;

	if (k->gone) {
		k->stats.write_errors++;
		return -ENODEV;
	}
	do
		n = write(k->fd, frame, len);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		// -EIO while the operator has the interface down: the kernel wants nothing then.
		k->stats.write_errors++;
		return failed(k, errno);
	}
	k->stats.to_kernel++;
	return 0;
}

void kif_speak_ipv6(const struct kif *k)
{
	kif_netdev_ipv6(kif_name(k));
}

int kif_carrier(struct kif *k, bool up)
{
	int on = up;

	if (ioctl(k->fd, TUNSETCARRIER, &on) < 0)
		return failed(k, errno);
	return 0;
}

const char *kif_name(const struct kif *k)
{
	// The fd knows the name also after a rename or a move to another network namespace. The
	// object is ours and writable: refreshing the copy is no change that a caller can see.
	struct kif *self = (struct kif *)k;
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	if (ioctl(k->fd, TUNGETIFF, &ifr) == 0)
		snprintf(self->name, sizeof(self->name), "%.15s", ifr.ifr_name);
	return k->name;
}

int kif_ifindex(const struct kif *k)
{
	return k->ifindex;
}

const struct kif_stats *kif_stats(const struct kif *k)
{
	return &k->stats;
}
