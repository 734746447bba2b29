// SPDX-License-Identifier: BSD-3-Clause
// What is derived from a worker's ports and interfaces before it starts: on the control thread.
#include <string.h>

#include <rte_common.h>
#include <rte_cpuflags.h>
#include <rte_cycles.h>

#include "fastpath/headers.h"
#include "fastpath/process.h"
#include "fastpath/worker.h"
#include "mfib/mfib.h"

static void tail_prepare(struct worker_tx *tx, const struct worker_if *f)
{
	uint8_t tail[8] = {[6] = ETHERTYPE_IPV4 >> 8};

	memcpy(tail, f->mac, 6);
	memcpy(&tx->l2_tail[0], tail, sizeof(tail));
	tail[6] = ETHERTYPE_IPV6 >> 8;
	tail[7] = ETHERTYPE_IPV6 & 0xff;
	memcpy(&tx->l2_tail[1], tail, sizeof(tail));
	tx->plain_mtu = f->vlan ? 0 : f->mtu;
}

// Whether this processor can run process_burst_v3().
#ifdef FASTPATH_V3
static bool use_v3(void)
{
	static const enum rte_cpu_flag_t needs[] = {RTE_CPUFLAG_AVX2, RTE_CPUFLAG_BMI1,
		RTE_CPUFLAG_BMI2, RTE_CPUFLAG_FMA, RTE_CPUFLAG_F16C, RTE_CPUFLAG_MOVBE,
		RTE_CPUFLAG_LZCNT};

	for (size_t i = 0; i < RTE_DIM(needs); i++) {
		if (rte_cpu_get_flag_enabled(needs[i]) != 1)
			return false;
	}
	return true;
}
#endif

void worker_prepare(struct worker *w)
{
	w->known_oifs = w->n_ifs < 64 ? (1ull << w->n_ifs) - 1 : UINT64_MAX;
	w->chain_oifs = 0;
	w->native.window = rte_get_tsc_hz() / 10;
	w->process_cb = process_burst;
#ifdef FASTPATH_V3
	if (use_v3())
		w->process_cb = process_burst_v3;
#endif
	for (unsigned int i = 0; i < w->n_ifs; i++) {
		struct worker_if *f = &w->ifs[i];

		memset(f->l2, 0, sizeof(f->l2));
		memcpy(f->l2 + 6, f->mac, 6);
		f->l2_len = f->vlan ? ETH_LEN + VLAN_LEN : ETH_LEN;
		f->l2[12] = ETHERTYPE_IPV4 >> 8;
		if (f->vlan) {
			f->l2[12] = ETHERTYPE_VLAN >> 8;
			f->l2[14] = (uint8_t)(f->vlan >> 8);
			f->l2[15] = (uint8_t)f->vlan;
			f->l2[16] = ETHERTYPE_IPV4 >> 8;
		}
		tail_prepare(&w->tx[i], f);
		if (i < MFIB_MAX_OIFS && w->ports[f->port].multi_segs)
			w->chain_oifs |= 1ull << i;
	}
	worker_mtus_set(w);
	for (unsigned int i = 0; i < w->n_ifs && i < MFIB_MAX_OIFS; i++) {
		w->ifs[i].twins = 0;
		for (unsigned int j = 0; j < w->n_ifs && j < MFIB_MAX_OIFS; j++) {
			if (memcmp(w->ifs[i].l2, w->ifs[j].l2, sizeof(w->ifs[i].l2)) == 0)
				w->ifs[i].twins |= 1ull << j;
		}
		w->tx[i].twins = w->ifs[i].twins;
	}
}
