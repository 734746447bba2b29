#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# FRR's pim6d as the last-hop router over IPv6: neighbors, a receiver's MLDv2 join through it, its Prune,
# its death. Debian's frr has no pim6d: test/lab/pim6d-build builds one, else this is skipped.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario pim6d
export LAB_SOURCES=2 LAB_V6=1 LAB_WITHOUT="zebra pimd"
S=$(lab_source6 0) G=$(lab_group6 0)
if ! frr=$("$LAB_TOP/test/lab/pim6d-build" --check 2>&1); then
	echo "1..0 # SKIP $frr"
	exit 0
fi
bring_up

dir=$LAB_STATE/six
link_local() { # link_local NAMESPACE DEVICE: once no duplicate can be there
	lab_in "$1" ip -6 -j addr show dev "$2" scope link |
		jq -re 'map(.addr_info[]? | select(.local and (.tentative | not))) | .[0].local'
}
neighbor_is() { # neighbor_is ADDRESS
	lab_inlet show neighbors --json | jq -e --arg a "$1" 'any(.[]; .neighbor == $a)'
}
pim6d_is_told() { python3 "$LAB_TOP/test/lab/frrvty.py" "$dir/pim6d.vty" "$@"; }
pim6d_has_neighbor() { pim6d_is_told 'show ipv6 pim neighbor json' | jq -e --arg a "$ours" '.xup0 // {} | has($a)'; }
received() { lab_in rcv cat /sys/class/net/r0/statistics/rx_packets; }
received_more() { [ "$(received)" -gt "$1" ]; }
wanted() { lab_channel "$S" "$G" | jq -e '.wanted_by == ["pim"]'; }

check "inletd's interface has a link-local address" lab_wait 15 link_local inlet lan
check "the router's too" lab_wait 15 link_local frr xup0
ours=$(link_local inlet lan)
theirs=$(link_local frr xup0)
# pim6d takes a next hop as a neighbor's when it is the link-local address that its Hello came from.
lab_in frr ip -6 route replace default via "$ours" dev xup0
mkdir -p "$dir" && chown frr:frr "$dir"
printf 'ipv6 nht resolve-via-default\nip nht resolve-via-default\n' >"$dir/zebra.conf"
printf 'ipv6 pim join-prune-interval 5\n' >"$dir/pim6d.conf"
daemon() { # daemon NAME
	lab_spawn "$1" frr "$frr/sbin/$1" -f "$dir/$1.conf" -i "$dir/$1.pid" -z "$dir/zserv.api" \
		--vty_socket "$dir" -u frr -g frr -P 0 --log "file:$dir/$1.log"
	lab_wait 20 test -S "$dir/$1.vty"
}
check "zebra runs" daemon zebra
check "pim6d runs" daemon pim6d
# Not in its file: of interfaces that it reads there 8.4.4 takes none into the kernel's forwarding, where
# the register interface has their place ("MRT_ADD_VIF ... Address already in use").
check "and is configured" pim6d_is_told 'configure terminal' 'interface xup0' 'ipv6 pim' 'ipv6 pim hello 5' \
	'interface xdn0' 'ipv6 pim' 'ipv6 mld'
check "pim6d is a neighbor" lab_wait 40 neighbor_is "$theirs"
check "and has inletd as its own" lab_wait 40 pim6d_has_neighbor
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
lab_kill pim6d
check "pim6d is killed: the channel ends with the holdtime of its Joins, 17 s" lab_wait 25 state_is "$S" "$G" none
check "which ran out" lab_log_has inletd "join expired if=lan s=$S g=$G"
scenario_end
