#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Active/active: two appliances, each on a link of its own to a router that has two equal routes to the senders
# (FRR, "ip pim ecmp", "ip pim ecmp rebalance"). Channels are spread over both. One is killed, stopped, cut off
# and drained: its channels move to the other, and the other's lose nothing; it comes back, and takes its share.
# _cluster.sh has the picture.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario cluster_ecmp
export LAB_RATE=1600 LAB_JOIN_INTERVAL=5 LAB_PIM='hello_interval = 1; hello_holdtime = 4;'
export LAB_CONFIG='health = { up_after = 1; drain_timeout = 2; };'
. "$(dirname "$0")/_two.sh"
. "$(dirname "$0")/_cluster.sh"
cluster_links

lab_write_configs() {
	two_lab_write_configs
	sed -i 's/10\.9\.1\.3/10.9.3.2/' "$LAB_STATE/inlet2.conf"
	cat >>"$LAB_STATE/pimd.conf" <<-EOF
		ip pim ecmp
		ip pim ecmp rebalance
		interface xup1
		 ip pim
		 ip pim hello 5
	EOF
}
back() { # back TEXT: the first one has its share again; what that costs
	check "$1: it is announced again" lab_wait 60 announced 2
	check "$1: it has its share of the channels again" lab_wait 40 asked_some 1
	check "$1: and all flow" lab_wait 30 all_flow recv
	ends recv "$1" 2000
}

cluster_start
cluster_bgp
receiver recv rcv r0
check "all channels flow" lab_wait 40 all_flow recv
check "the first one has some" asked_some 1
check "the second one has some" asked_some 2
echo "# spread: $(asked_of 1 | jq length) and $(asked_of 2 | jq length)"

# ---- killed
begins recv 1
lab_kill inletd
check "killed: the other one serves all" lab_wait 20 others_serve
ends recv "killed (BFD 3 x 200 ms)" 4000
begins recv 2
lab_start_part inletd
back "and back"

# ---- stopped
begins recv 1
lab_stop inletd
check "stopped: the other one serves all" lab_wait 20 others_serve
ends recv "stopped (SIGTERM)" 2000
begins recv 2
lab_start_part inletd
back "and back"

# ---- its link to the router goes down
begins recv 1
lab_in frr ip link set xup0 down
check "link down: the other one serves all" lab_wait 20 others_serve
ends recv "downstream link down" 2000
begins recv 2
lab_in frr ip link set xup0 up
back "and up again"

# ---- drained by the operator
begins recv 1
ask 1 drain >"$LAB_STATE/drain"
drained() { ask 1 show health | jq -e '.[0].state == "drained"'; }
check "drain: the other one serves all" lab_wait 20 others_serve
ends recv "drained" 1000
check "drain: it says so" lab_wait 20 drained
begins recv 2
ask 1 undrain >"$LAB_STATE/drain"
back "and undrained"
table
scenario_end
