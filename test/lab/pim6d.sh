#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# FRR's pim6d as the last-hop router over IPv6: neighbors, a receiver's MLDv2 join through it, its Prune,
# its death. Debian's frr has no pim6d: test/lab/pim6d-build builds one, else this is skipped.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario pim6d
export LAB_SOURCES=2 LAB_V6=1 LAB_WITHOUT="zebra pimd"
S=$(lab_source6 0) G=$(lab_group6 0)
need_pim6d
bring_up

neighbor_is() { # neighbor_is ADDRESS
	lab_inlet show neighbors --json | jq -e --arg a "$1" 'any(.[]; .address == $a)'
}
received() { lab_in rcv cat /sys/class/net/r0/statistics/rx_packets; }
received_more() { [ "$(received)" -gt "$1" ]; }
wanted() { lab_channel "$S" "$G" | jq -e '.wanted_by == ["pim"]'; }

check "inletd's interface has a link-local address" lab_wait 15 link_local inlet lan
check "the router's too" lab_wait 15 link_local frr xup0
ours=$(link_local inlet lan)
theirs=$(link_local frr xup0)
# pim6d takes a next hop as a neighbor's when it is the link-local address that its Hello came from.
lab_in frr ip -6 route replace default via "$ours" dev xup0
check "pim6d runs" router6_start six frr
check "and is configured" router6_told six 'configure terminal' 'interface xup0' 'ipv6 pim' \
	'ipv6 pim hello 5' 'interface xdn0' 'ipv6 pim' 'ipv6 mld'
check "it is a neighbor" lab_wait 40 neighbor_is "$theirs"
check "and has inletd as its own" lab_wait 40 router6_has_neighbor six xup0 "$ours"
lab_join "$S" "$G"
check "a receiver's MLDv2 join is a Join of pim6d" lab_wait 15 lab_log_has inletd \
	"join heard if=lan s=$S g=$G neighbor=$theirs"
check "which makes the channel wanted" lab_wait 5 wanted
check "it flows" lab_wait 15 state_is "$S" "$G" flowing
before=$(received)
check "and the receiver gets packets" lab_wait 15 received_more "$((before + 500))"
lab_leave "$S" "$G" >"$LAB_STATE/left"
jq -e '.packets > 400 and .duplicated == 0 and .bad == 0' "$LAB_STATE/left" >/dev/null
report $? "each once ($(jq -c '{packets, lost, duplicated, bad}' "$LAB_STATE/left"))"
check "the leave is a Prune" lab_wait 30 lab_log_has inletd "prune heard if=lan s=$S g=$G neighbor=$theirs"
check "and ends the channel" lab_wait 10 state_is "$S" "$G" none
lab_join "$S" "$G"
check "it flows again" lab_wait 15 state_is "$S" "$G" flowing
lab_kill six-pim6d
check "pim6d is killed: the channel ends with the holdtime of its Joins, 17 s" lab_wait 25 state_is "$S" "$G" none
check "which ran out" lab_log_has inletd "join expired if=lan s=$S g=$G"
scenario_end
