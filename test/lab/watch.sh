#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Watch mode: another PIM daemon, FRR's, is the router on the kernel-interface port, and inletd only
# listens to what it is asked for. A scripted neighbor first does all that a speaking router would answer;
# then a receiver behind another FRR joins, leaves, and its router flaps. Nothing is sent all the time.
#
#   relay --- net --- inlet: "lan" is inletd's, FRR's pimd "watched" runs on it --- frr --- rcv
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario watch
export LAB_SOURCES=3 LAB_WITHOUT=pimd
export LAB_PIM='mode = "watch";'
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
S2=$(lab_source 1) G2=$(lab_group 1)
S3=$(lab_source 2) G3=$(lab_group 2)

pim() { lab_inlet show pim --json | jq -r ".[0].$1"; }
pim_is() { [ "$(pim "$1")" = "$2" ]; }
heard_of() { grep "^heard .* $1\b" "$LAB_STATE/speaker.out"; }
no_raw_socket() { # inletd has none of protocol 103
	local pid inodes
	pid=$(lab_pid inletd)
	inodes=$(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n')
	! lab_in inlet awk 'substr($2, length($2) - 3) == "0067" { print $10 }' /proc/net/raw | grep -qxF -- "$inodes"
}
silent() {
	lab_inlet show pim --json | jq -e 'all(.[]; .sent_hello + .sent_prune_echo + .sent_assert + .sent_assert_cancel == 0)'
}

# ---- with no daemon yet: whatever would make a router speak
check "the mode is shown" pim_is mode watch
check "a router says Hello" speaker_start 10.9.1.4 --hello-interval 1
speaker genid 0x5eed0002
speaker hello
speaker join "$S2" "$G2"
check "its Join to the port's address is a channel" lab_wait 10 state_is "$S2" "$G2" flowing
speaker data "$S2" "$G2" 5
speaker assert "$S2" "$G2" 100 1
speaker prune "$S2" "$G2"
check "its Prune ends it" lab_wait 10 state_is "$S2" "$G2" none
sleep 1 # that nothing comes has no event: twice the delay of a Hello that is triggered
[ -z "$(heard_of 10.9.1.2)" ]
report $? "nobody has heard a word of inletd"
check "nor does it have a socket to send with" no_raw_socket
exec {SPEAKER}>&-

# ---- FRR on the kernel-interface port
router_start watched inlet <<-EOF
	interface lan
	 ip pim
	 ip pim hello 5
EOF
report $? "FRR runs on the kernel-interface port"
lab_start_part pimd
check "the router downstream has it as its neighbor" lab_wait 20 lab_pim_neighbor
check "and the other way round" lab_wait 20 router_has_neighbor watched lan 10.9.1.1
lab_inlet show neighbors --json | jq -e '[.[].address] | contains(["10.9.1.1", "10.9.1.2"])' >/dev/null
report $? "inletd has heard both"
lab_join "$S" "$G"
check "a receiver's channel flows" lab_wait 15 state_is "$S" "$G" flowing
check "for the Join to FRR" lab_log_has inletd "join heard if=lan s=$S g=$G neighbor=10.9.1.1"
router_vtysh watched -c 'show ip pim join json' | jq -e --arg s "$S" --arg g "$G" '.lan[$g][$s]' >/dev/null
report $? "which has it"
received() { lab_in rcv cat /sys/class/net/r0/statistics/rx_packets; }
many() { [ "$(received)" -gt 2000 ]; }
check "packets arrive" lab_wait 15 many
lab_leave "$S" "$G" >"$LAB_STATE/left"
jq -e '.packets > 1000 and .lost == 0 and .duplicated == 0' "$LAB_STATE/left" >/dev/null
report $? "none is lost or doubled ($(jq -c '{packets, lost, duplicated}' "$LAB_STATE/left"))"
check "the leave is a Prune to FRR, and the channel ends" lab_wait 15 state_is "$S" "$G" none

# ---- a Join that is for somebody else on the link
before=$(lab_inlet show drops all --json | jq '[.[] | select(.room == "pim" and .name == "NOT_UPSTREAM")][0].count')
speaker_start 10.9.1.4 --upstream 10.9.1.9 >/dev/null
speaker join "$S2" "$G2"
counted() {
	lab_inlet show drops all --json |
		jq -e --argjson n "$before" '[.[] | select(.room == "pim" and .name == "NOT_UPSTREAM")][0].count > $n'
}
check "a Join to another router is counted" lab_wait 5 counted
check "and is no channel" state_is "$S2" "$G2" none
exec {SPEAKER}>&-

# ---- FRR without resolve-via-default: each Join is taken back at once.
lab_vtysh -d zebra -c 'configure terminal' -c 'no ip nht resolve-via-default'
lab_join "$S3" "$G3"
check "FRR's flap is named in the log" lab_wait 15 lab_log_has inletd \
	'neighbor takes its Joins back at once if=lan addr=10.9.1.1.*resolve-via-default'
lab_leave "$S3" "$G3" >/dev/null
check "nothing was sent in all this time" silent
check "nor could it be" no_raw_socket
scenario_end
