#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Active/standby on one LAN, by DR priority and Assert: receivers on the LAN itself (IGMP), and a PIM router
# whose routing prefers the active one (FRR beside both, as in cluster_health). The active one is killed,
# stopped, cut off from every relay and drained: the standby takes over; it comes back.
# _two.sh has the picture; the receiver on the LAN is the bridge, 10.9.1.9.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario cluster_lan
export LAB_RATE=1600 LAB_JOIN_INTERVAL=5 LAB_PIM='hello_interval = 1; hello_holdtime = 4; dr_priority = 100; assert_metric_preference = 100;'
export LAB_IGMP='enabled = true;'
export LAB_CONFIG='health = { up_after = 1; drain_timeout = 3; relay_timeout_ms = 1500; };'
. "$(dirname "$0")/_two.sh"
. "$(dirname "$0")/_cluster.sh"

# shellcheck disable=SC2034 # for _cluster.sh
CLUSTER_WHO=served_by CLUSTER_PATHS=1 CLUSTER_BGP="neighbor ${ADDRESSES[1]} weight 100"

lab_write_configs() {
	two_lab_write_configs
	printf 'interface xup0\n ip pim bfd\n' >>"$LAB_STATE/pimd.conf"
	sed -i 's/dr_priority = 100; assert_metric_preference = 100;/dr_priority = 50; assert_metric_preference = 200;/' \
		"$LAB_STATE/inlet2.conf"
}
is_dr() { # is_dr 1|2: of the LAN, as that appliance has it
	ask "$1" show pim | jq -e --arg a "${ADDRESSES[$1]}" 'any(.[]; .dr_address == $a)'
}
serves_all() { served_n "$1" "$CLUSTER_SOURCES"; }
quiet() { served_n "$1" 0; } # it forwards nothing on the LAN
both_begin() {
	begins recv "$1"
	mv "$LAB_STATE/before.recv" "$LAB_STATE/keep.recv"
	begins host "$1"
	mv "$LAB_STATE/keep.recv" "$LAB_STATE/before.recv"
}
both_end() { # both_end TEXT LIMIT [LOST]
	lab_wait 30 all_flow host || true
	lab_wait 30 all_flow recv || true
	ends recv "$1, behind the router" "$2" "${3:-}"
	ends host "$1, on the LAN" "$2" "${3:-}"
}
back() { # back TEXT: the first is the active one again
	check "$1: the first one serves all again" lab_wait 40 serves_all 1
	check "$1: and the second one nothing" lab_wait 20 quiet 2
	both_end "$1" 2500
}

cluster_start
cluster_bgp
check "the first one is the DR of the LAN" lab_wait 20 is_dr 1
receiver recv rcv r0
receiver host lan br0
check "all channels flow behind the router" lab_wait 40 all_flow recv
check "and on the LAN" lab_wait 40 all_flow host
check "the first one forwards all" lab_wait 30 serves_all 1
check "the second nothing" lab_wait 30 quiet 2

# ---- killed
both_begin 1
lab_kill inletd
check "killed: the standby serves all" lab_wait 20 serves_all 2
both_end "killed (BFD 3 x 200 ms)" 9000
both_begin 2
lab_start_part inletd
back "and back"

# ---- stopped
both_begin 1
lab_stop inletd
check "stopped: the standby serves all" lab_wait 20 serves_all 2
both_end "stopped (SIGTERM)" 2500
both_begin 2
lab_start_part inletd
back "and back"

# ---- no relay answers the active one
both_begin 1
relays_away on
check "relays lost: the standby serves all" lab_wait 30 serves_all 2
both_end "its relays lost (relay_timeout_ms 1500)" 5000
both_begin 2
relays_away off
back "and back"

# ---- drained
both_begin 1
ask 1 drain >"$LAB_STATE/drain"
check "drained: the standby serves all" lab_wait 20 serves_all 2
both_end "drained" 500
both_begin 2
ask 1 undrain >"$LAB_STATE/drain"
back "and undrained"
table
scenario_end
