#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Watch mode on another network device: FRR's pimd "watched" is the router on the kernel-interface port
# and joins towards an upstream neighbor of its own on the device "pimup", where inletd hears it. The
# device is not there when inletd starts, goes and comes back; then FRR is killed.
#
#   relay --- net --- inlet: "lan" is inletd's, FRR's pimd "watched" runs on it --- frr --- rcv
#              |        |
#              +-------- pimup: a scripted router, FRR's upstream neighbor
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario watchup
export LAB_SOURCES=2 LAB_WITHOUT=pimd
export LAB_IGMP='enabled = true;'
export LAB_PIM='mode = "watch"; watch = { netdev = "pimup"; };'
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
S2=$(lab_source 1) G2=$(lab_group 1)

pim() { lab_inlet show pim --json | jq -r ".[0].$1"; }
pim_is() { [ "$(pim "$1")" = "$2" ]; }
pim_more() { [ "$(pim "$1")" -gt "$2" ]; }
log_count() { grep -c -- "$1" "$LAB_STATE/inletd.log"; }
log_more() { [ "$(log_count "$1")" -gt "$2" ]; }
device() { # the device, with the route that makes FRR join there
	lab_link inlet pimup net pimnbr && lab_in inlet ip addr add 10.9.3.2/24 dev pimup &&
		lab_in net ip addr add 10.9.3.9/24 dev pimnbr &&
		lab_in inlet ip route add 198.51.100.0/24 via 10.9.3.9
}
neighbor() { # neighbor NUMBER: the scripted router, which says Hello and no more
	[ -p "$LAB_STATE/neighbor.in" ] || mkfifo "$LAB_STATE/neighbor.in"
	# shellcheck disable=SC2016 # of the inner shell
	lab_spawn "neighbor$1" net bash -c 'exec "$@" <>"$0"' "$LAB_STATE/neighbor.in" \
		python3 "$LAB_TOP/test/lab/pimspeaker.py" --interface pimnbr --source 10.9.3.9 \
		--upstream 10.9.3.1 --hello-interval 1
	lab_wait 20 router_has_neighbor watched pimup 10.9.3.9
}

check "a device that is not there is no error" lab_log_has inletd 'not there yet: interface lan: pimup'
device
check "when it comes it is watched" lab_wait 5 lab_log_has inletd 'capture is back if=lan'
check "which is shown" pim_is netdev pimup
check "with the daemon's address" lab_wait 5 pim_is address 10.9.3.2
router_start watched inlet <<-EOF
	ip pim join-prune-interval 5
	interface lan
	 ip pim
	 ip pim hello 5
	interface pimup
	 ip pim
	 ip pim hello 5
EOF
report $? "FRR runs"
lab_start_part pimd
check "it has a neighbor downstream" lab_wait 20 router_has_neighbor watched lan 10.9.1.1
check "and one upstream" neighbor 1
lab_join "$S" "$G"
check "a receiver's channel flows" lab_wait 15 state_is "$S" "$G" flowing
check "for the Join that FRR sends" lab_log_has inletd "join heard if=lan s=$S g=$G neighbor=10.9.3.2 holdtime=17s"
[ "$(log_count 'join heard')" -eq 1 ]
report $? "and for no other"
received() { lab_in rcv cat /sys/class/net/r0/statistics/rx_packets; }
many() { [ "$(received)" -gt 1000 ]; }
check "packets arrive" lab_wait 15 many
lab_leave "$S" "$G" >"$LAB_STATE/left"
jq -e '.packets > 500 and .lost == 0 and .duplicated == 0' "$LAB_STATE/left" >/dev/null
report $? "none is lost or doubled ($(jq -c '{packets, lost, duplicated}' "$LAB_STATE/left"))"
check "FRR's Prune ends it" lab_wait 15 state_is "$S" "$G" none

# ---- the neighbor upstream is the designated router of its link, which is nothing to the one downstream
check "the neighbor is the DR of the device's link" lab_wait 5 pim_is dr_address 10.9.3.9
lab_spawn direct frr "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if xup0 --source "$S2" --group "$G2" --json
check "a receiver on inletd's own link is served all the same" lab_wait 15 state_is "$S2" "$G2" flowing
lab_stop direct

# ---- the device goes and comes
lab_join "$S" "$G"
check "it flows again" lab_wait 15 state_is "$S" "$G" flowing
lab_in inlet ip link del pimup
check "the device's end is noticed" lab_wait 5 lab_log_has inletd 'capture lost if=lan'
check "what FRR had joined stays for its holdtime" state_is "$S" "$G" flowing
back=$(log_count 'capture is back')
lab_stop neighbor1
device
check "it is back" lab_wait 5 log_more 'capture is back' "$back"
check "with the neighbor" neighbor 2
heard=$(pim received_joins)
check "FRR joins again there" lab_wait 15 pim_more received_joins "$heard"
check "and the channel has flowed all the time" state_is "$S" "$G" flowing
lab_log_has inletd 'join expired'
report $((! $?)) "without a break"

# ---- the daemon is killed: no Prune
router_kill watched
killed=$(now_ms)
check "after the holdtime the channel ends" lab_wait 25 state_is "$S" "$G" none
echo "# $(($(now_ms) - killed)) ms after FRR was killed; the holdtime is 17 s"
check "because its Join ran out" lab_log_has inletd "join expired if=lan s=$S g=$G"
lab_inlet show pim --json | jq -e 'all(.[]; .sent_hello + .sent_prune_echo + .sent_assert + .sent_assert_cancel == 0)' >/dev/null
report $? "nothing was sent in all this time"
scenario_end
