# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Bad weather on the control path: bridges stand in the upstream and the downstream link, and lossy.py passes the
# control messages of one protocol between their ports with loss, duplication, reordering, delay and corruption.
# Data is the bridges' own business. What is joined meanwhile is joined all the same; what flows flows on.
#
#   inlet up0 --- u1 (bup) u2 --- to-inlet net          inlet dn0 --- d1 (bdn) d2 --- xup0 frr

LOSSY_SEED=${LOSSY_SEED:-7}
LOSSY_GROUP=0

topic_lab() {
	export LAB_RELAY="--query-interval 5" # so that there is something to lose
	lab_wrap lab_network
	lab_network() {
		plain_lab_network || return 1
		ip netns add "$(lab_ns lan)" || return 1
		lab_in lan sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
		lab_in net ip link del to-inlet
		lab_in frr ip link del xup0
		lossy_bridge bup && lossy_bridge bdn || return 1
		lab_link inlet up0 lan u1 && lab_link net to-inlet lan u2 && lab_link inlet dn0 lan d1 &&
			lab_link frr xup0 lan d2 || return 1
		lab_in lan ip link set u1 master bup && lab_in lan ip link set u2 master bup &&
			lab_in lan ip link set d1 master bdn && lab_in lan ip link set d2 master bdn || return 1
		lab_in net ip addr add 192.0.2.1/24 dev to-inlet
		lab_in frr ip addr add 10.9.1.1/24 dev xup0
		lab_in frr ip route add default via 10.9.1.2
	}
}
lossy_bridge() {
	lab_in lan ip link add "$1" type bridge mcast_snooping 0 && lab_in lan ip link set "$1" up
}
weather() { # weather CLASS OPTION...: from now on
	local a=u1 b=u2
	[ "$1" != pim ] || { a=d1 b=d2; }
	rm -f "$LAB_STATE/lossy.out"
	lab_spawn lossy lan python3 "$LAB_TOP/test/lab/lossy.py" "$a" "$b" "$@" --seed "$LOSSY_SEED"
	must "the weather comes" lab_wait 20 grep -qx ready "$LAB_STATE/lossy.out"
}
calm() { # the weather ends; what it did is told
	lab_stop lossy
	LOSSY_DONE=$(tail -n 1 "$LAB_STATE/lossy.out")
	note "weather: $LOSSY_DONE"
	must "it did something" jq -en --argjson d "$LOSSY_DONE" '$d.frames >= 3 and $d.lost + $d.duplicated + $d.reordered + $d.corrupted > 0'
}
# Joins and leaves three channels, one after the other: each flows, and nothing is left of it.
channels_come() { # channels_come SECONDS
	local i s g
	for i in 0 1 2; do
		s=$(lab_source "$i") g=232.3.$((++LOSSY_GROUP / 250)).$((1 + LOSSY_GROUP % 250))
		lab_join "$s" "$g"
		must "channel $g flows within $1 s" lab_wait "$1" state_is "$s" "$g" flowing
		lab_leave "$s" "$g" >/dev/null
	done
}
only_streams() { lab_inlet show channels --json | jq -e --argjson n "$FAULTS_SOURCES" 'length == $n'; }

row lossy_amt quick "AMT's control messages: 30 % lost, doubled, late, out of order"
fault_lossy_amt() {
	# What comes twice or late is an answer that nobody waits for any more.
	also amt.UNEXPECTED amt.NONCE
	lossy_need || return
	weather amt --loss 0.3 --duplicate 0.3 --reorder 0.3 --delay-ms 0 60
	channels_come 40
	calm
	must "no wrong channel is left" lab_wait 30 only_streams
}
row lossy_amt_corrupt quick "AMT's control messages: every third with a wrong bit"
fault_lossy_amt_corrupt() {
	also amt.UNEXPECTED
	lossy_need || return
	weather amt --corrupt 0.33
	channels_come 40
	calm
	must "no wrong channel is left" lab_wait 30 only_streams
}
row lossy_dns quick "DNS: 30 % lost, doubled, late, out of order, with a wrong bit"
fault_lossy_dns() {
	local i
	also driad.SILENT driad.ERROR # a server that is asked in vain too often
	lossy_need || return
	weather dns --loss 0.3 --duplicate 0.3 --reorder 0.3 --corrupt 0.1 --delay-ms 0 60
	for i in 201 202 203 204; do
		lab_inlet add channel "198.51.100.$i" 232.4.4.4 >/dev/null
	done
	for i in 201 202 203 204; do # no record in the zone: that is an answer
		must "the answer for host $i comes" lab_wait 60 lossy_no_record "$i"
	done
	calm
	for i in 201 202 203 204; do
		lab_inlet del channel "198.51.100.$i" 232.4.4.4 >/dev/null
	done
	must "no wrong channel is left" lab_wait 30 only_streams
}
lossy_no_record() {
	lab_channel "198.51.100.$1" 232.4.4.4 | jq -e '.reason | test("no-record")'
}
row lossy_pim quick "PIM: 20 % lost, doubled, late, out of order"
fault_lossy_pim() {
	lossy_need || return
	weather pim --loss 0.2 --duplicate 0.3 --reorder 0.3 --delay-ms 0 60
	channels_come 40
	calm
	# A Prune that was lost is made up for by the holdtime.
	must "no wrong channel is left" lab_wait 60 only_streams
}
row lossy_pim_corrupt quick "PIM: every fifth message with a wrong bit"
fault_lossy_pim_corrupt() {
	counter pim.CHECKSUM
	also pim.VERSION # where the bit is in the first octet
	lossy_need || return
	weather pim --corrupt 0.2
	channels_come 40
	calm
	must "no wrong channel is left" lab_wait 60 only_streams
}
lossy_need() {
	command -v nft >/dev/null && return
	not_here "needs nft (deploy/packages-lab)"
	return 1
}
