#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Watch mode over IPv6: FRR's pim6d "watched" is the router on the kernel-interface port, another is the
# last hop downstream; inletd only listens. Skipped where pim6d has not been built (test/lab/pim6d-build).
#
#   relay --- net --- inlet: "lan" is inletd's, "watched" runs on it --- frr: "six" --- rcv
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario watch6
export LAB_SOURCES=2 LAB_V6=1 LAB_WITHOUT="zebra pimd"
export LAB_PIM='mode = "watch";'
S=$(lab_source6 0) G=$(lab_group6 0)
need_pim6d
bring_up

received() { lab_in rcv cat /sys/class/net/r0/statistics/rx_packets; }
received_more() { [ "$(received)" -gt "$1" ]; }

check "the kernel-interface port has a link-local address" lab_wait 15 link_local inlet lan
check "the router's too" lab_wait 15 link_local frr xup0
watched=$(link_local inlet lan)
theirs=$(link_local frr xup0)
lab_in frr ip -6 route replace default via "$watched" dev xup0
check "pim6d runs on the kernel-interface port" router6_start watched inlet
check "and is configured" router6_told watched 'configure terminal' 'interface lan' 'ipv6 pim' 'ipv6 pim hello 5'
check "the one downstream too" router6_start six frr
check "and configured" router6_told six 'configure terminal' 'interface xup0' 'ipv6 pim' \
	'ipv6 pim hello 5' 'interface xdn0' 'ipv6 pim' 'ipv6 mld'
check "they are neighbors" lab_wait 40 router6_has_neighbor six xup0 "$watched"
check "both ways" lab_wait 40 router6_has_neighbor watched lan "$theirs"
lab_join "$S" "$G"
check "a receiver's channel flows" lab_wait 20 state_is "$S" "$G" flowing
check "for the Join to the daemon" lab_log_has inletd "join heard if=lan s=$S g=$G neighbor=$theirs"
before=$(received)
check "packets arrive" lab_wait 15 received_more "$((before + 500))"
lab_leave "$S" "$G" >"$LAB_STATE/left"
jq -e '.packets > 400 and .duplicated == 0 and .bad == 0' "$LAB_STATE/left" >/dev/null
report $? "each once ($(jq -c '{packets, lost, duplicated, bad}' "$LAB_STATE/left"))"
check "the leave is a Prune to it, and the channel ends" lab_wait 40 state_is "$S" "$G" none
lab_inlet show pim --json |
	jq -e 'length > 0 and all(.[]; .mode == "watch" and .sent_hello + .sent_prune_echo + .sent_assert == 0)' >/dev/null
report $? "nothing was sent in all this time"
scenario_end
