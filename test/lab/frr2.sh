#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# FRR beyond the last hop: a chain of two routers to the receiver, and a third router beside the first
# on inletd's LAN. One prunes what the other keeps, in both orders: the receiver loses nothing. The
# first router, then inletd, is killed and comes back.
#
#   relay --- net --- inlet (10.9.1.2) ---+
#                                      bridge "lan" --- frr (10.9.1.1) --- rt3 (10.9.2.3) --- rcv
#                                         +------------ rt2 (10.9.1.5) --- a receiver in "lan"
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario frr2
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP

lab_wrap lab_network
lab_network() {
	local ns
	plain_lab_network || return 1
	lab_in frr ip link del xup0
	lab_in frr ip link del xdn0
	for ns in lan rt2 rt3; do
		ip netns add "$(lab_ns $ns)" || return 1
		lab_in $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.ip_forward=1
		lab_in $ns ip link set lo up
	done
	lab_in lan ip link add br0 type bridge mcast_snooping 0 || return 1
	lab_link inlet dn0 lan p1 && lab_link frr xup0 lan p2 && lab_link rt2 xup0 lan p3 &&
		lab_link frr xdn0 rt3 xup0 && lab_link rt3 xdn0 rcv r0 && lab_link rt2 xdn0 lan r2 || return 1
	for ns in p1 p2 p3; do
		lab_in lan ip link set $ns master br0 || return 1
	done
	lab_in lan ip link set br0 up
	lab_in frr ip addr add 10.9.1.1/24 dev xup0
	lab_in frr ip addr add 10.9.2.1/24 dev xdn0
	lab_in frr ip route add default via 10.9.1.2
	lab_in rt2 ip addr add 10.9.1.5/24 dev xup0
	lab_in rt2 ip route add default via 10.9.1.2
	lab_in rt2 ip addr add 10.9.5.1/24 dev xdn0
	lab_in lan ip addr add 10.9.5.2/24 dev r2
	lab_in rt3 ip addr add 10.9.2.3/24 dev xup0
	lab_in rt3 ip addr add 10.9.4.1/24 dev xdn0
	lab_in rt3 ip route add default via 10.9.2.1
	lab_in rcv ip addr add 10.9.4.2/24 dev r0
}
router() { # router NAME: with a link up and one down
	router_start "$1" "$1" <<-EOF
		interface xup0
		 ip pim
		 ip pim hello 5
		interface xdn0
		 ip pim
		 ip igmp
	EOF
}
other_joins() { # the receiver behind rt2
	lab_spawn other lan "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if r2 --source "$S" --group "$G" --json
	lab_wait 15 last_is 10.9.1.5
}
log_count() { grep -c -- "$1" "$LAB_STATE/inletd.log"; }
log_more() { [ "$(log_count "$1")" -gt "$2" ]; }
joins() { lab_inlet show pim joins --json; }
last_is() { joins | jq -e --arg n "$1" 'any(.[]; .neighbor == $n)'; } # last_is NEIGHBOR: whose message was the last
both() { lab_inlet show neighbors --json | jq -e '[.[].address] | sort == ["10.9.1.1", "10.9.1.5"]'; }
join_is() { joins | jq -e --arg s "$S" --arg g "$G" --arg st "$1" 'any(.[]; .source_address == $s and .group_address == $g and .jp_state == $st)'; }
received() { lab_in rcv cat /sys/class/net/r0/statistics/rx_packets; }
received_more() { [ "$(received)" -gt "$1" ]; }

bring_up
router rt3
report $? "the second router of the chain runs"
router rt2
report $? "and the one beside the first"
check "the chain is up" lab_wait 20 router_has_neighbor rt3 xup0 10.9.2.1
check "the LAN too: rt2 has inletd" lab_wait 20 router_has_neighbor rt2 xup0 10.9.1.2
check "and frr" lab_wait 20 router_has_neighbor rt2 xup0 10.9.1.1
check "inletd has both" lab_wait 20 both

# ---- the chain
lab_join "$S" "$G"
check "a receiver two routers away makes the channel flow" lab_wait 15 state_is "$S" "$G" flowing
before=$(received)
check "and gets packets" lab_wait 10 received_more "$((before + 100))"

# ---- one prunes, the other keeps
prune_heard() { log_more "prune heard if=lan s=$S g=$G neighbor=$1" "$2"; } # prune_heard NEIGHBOR, more than so often
no_effect() { # a Prune that is pending has taken effect after 3 s at most
	! lab_wait 4 lab_log_has inletd "prune took effect"
}
check "the other router joins as well" other_joins
lab_stop other
check "it prunes" lab_wait 15 prune_heard 10.9.1.5 0
check "which does not take effect: frr overrides it" no_effect
check "again it joins" other_joins
lab_leave "$S" "$G" >"$LAB_STATE/left"
jq -e '.packets > 1000 and .lost == 0 and .duplicated == 0' "$LAB_STATE/left" >/dev/null
report $? "the receiver has lost nothing ($(jq -c '{packets, lost, duplicated}' "$LAB_STATE/left"))"
check "now frr prunes" lab_wait 15 prune_heard 10.9.1.1 0
check "and rt2 overrides" no_effect
check "the channel flows on" state_is "$S" "$G" flowing

# ---- restarts. FRR joins again with its next periodic Join only, which until here would have been too
# late to override anything.
join_often() { # join_often VTYSH...
	"$@" -c 'configure terminal' -c 'ip pim join-prune-interval 5'
}
join_often lab_vtysh -d pimd
join_often router_vtysh rt2
join_often router_vtysh rt3
lab_join "$S" "$G"
before=$(received)
check "the receiver is back" lab_wait 10 received_more "$((before + 100))"
lab_kill pimd
rm -f "$LAB_STATE/frr/pimd.vty"
lab_start_part pimd
check "frr's pimd is killed and comes back with another GenID" lab_wait 15 lab_log_has inletd \
	'neighbor restarted if=lan addr=10.9.1.1 reason=genid'
check "the channel flows all the time" state_is "$S" "$G" flowing
before=$(received)
check "and reaches the receiver again" lab_wait 30 received_more "$((before + 100))"
lab_kill inletd
lab_start_part inletd
check "inletd is killed and comes back" lab_wait 15 lab_inletd_ready
check "with the channel" lab_wait 10 state_is "$S" "$G" flowing
before=$(received)
check "which reaches the receiver" lab_wait 10 received_more "$((before + 100))"

# ---- the end: the last of two prunes
frr=$(log_count "prune heard if=lan s=$S g=$G neighbor=10.9.1.1")
lab_leave "$S" "$G" >/dev/null
check "frr prunes" lab_wait 15 prune_heard 10.9.1.1 "$frr"
check "rt2 overrides again" no_effect
lab_stop other
jq -e '.packets > 1000' "$LAB_STATE/other.out" >/dev/null
report $? "its receiver had packets too ($(tail -n 1 "$LAB_STATE/other.out" | jq -c "{packets, lost, duplicated}"))"
check "nobody overrides the last Prune: it takes effect" lab_wait 15 lab_log_has inletd "prune took effect if=lan s=$S g=$G"
check "and the channel ends" lab_wait 5 state_is "$S" "$G" none
scenario_end
