#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Troglobit's pimd 2.3.2 as the last-hop router in place of FRR: a receiver's SSM join through it, its
# Prune, its Goodbye.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario pimd
export LAB_SOURCES=2 LAB_WITHOUT="zebra pimd"
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
if ! pimd=$("$LAB_TOP/test/lab/pimd-unpack" 2>&1); then
	echo "1..0 # SKIP $pimd"
	exit 0
fi
bring_up

config='phyint xup0 enable
phyint xdn0 enable igmpv3
'
neighbor_is() { # neighbor_is ADDRESS
	lab_inlet show neighbors --json | jq -e --arg a "$1" 'any(.[]; .address == $a)'
}
neighbor_gone() { ! neighbor_is "$1"; }
received() { lab_in rcv cat /sys/class/net/r0/statistics/rx_packets; }
received_more() { [ "$(received)" -gt "$1" ]; }
joins_more() { [ "$(lab_inlet show pim --json | jq '.[0].received_joins')" -gt "$1" ]; }

# It keeps its pid and socket in fixed places, so it gets a /run of its own.
# shellcheck disable=SC2016 # of the inner shell
lab_spawn troglobit frr unshare -m sh -c 'mount -t tmpfs tmpfs /run &&
	printf %s "$0" >/run/pimd.conf && exec "$@"' "$config" "$pimd" -f -c /run/pimd.conf -s notice
check "pimd is a neighbor" lab_wait 40 neighbor_is 10.9.1.1
lab_join "$S" "$G"
check "a receiver's join makes the channel flow" lab_wait 30 state_is "$S" "$G" flowing
before=$(received)
check "and gets packets" lab_wait 30 received_more "$((before + 500))"
lab_leave "$S" "$G" >"$LAB_STATE/left"
jq -e '.packets > 400 and .duplicated == 0 and .bad == 0' "$LAB_STATE/left" >/dev/null
report $? "each once ($(jq -c '{packets, lost, duplicated, bad}' "$LAB_STATE/left"))"
check "the leave ends it" lab_wait 60 state_is "$S" "$G" none
lab_log_has inletd "prune heard if=lan s=$S g=$G neighbor=10.9.1.1"
report $? "by a Prune"
lab_stop troglobit
check "it says Goodbye" lab_wait 10 neighbor_gone 10.9.1.1
diag <"$LAB_STATE/troglobit.log"
scenario_end
