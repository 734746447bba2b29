#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# 100 sources behind 10 relays, joined at once: all flow within 2 s of the last Join; pruned: tunnels,
# memberships and tables are empty and the mbufs are back. Once through FRR, then with a scripted PIM
# neighbor: all Joins in one message, and one message each.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario scale
export LAB_SOURCES=100 LAB_RELAYS=10 LAB_RATE=1500
LIMIT_MS=2000
# Sanitized, and on a machine that does other things too, only the time may be longer.
! sanitized || LIMIT_MS=8000
bring_up
ALL=$LAB_STATE/channels

states() { lab_inlet show channels --json | jq --arg s "$1" '[.[] | select(.state == $s)] | length'; }
all_flowing() { [ "$(states flowing)" -eq 100 ]; }
neighbors() { lab_inlet show neighbors --json | jq -r '[.[].address] | join(" ")'; }
relays_empty() {
	lab_relayctl status | jq -e '[.relays[] | .endpoints + .channels + (.memberships | length)] | add == 0'
}
native() { lab_inlet show ports --json | jq '[.[].native_packets] | add'; }
received() { lab_relayctl status | jq .source.received; } # by the relay, from the sources
received_reaches() { [ "$(received)" -ge "$1" ]; }
dropped() { lab_inlet show drops --json | jq '[.[] | select(.room == "fastpath") | .count] | add // 0'; }
# A Hello or ARP that came between two readings may be out.
MBUF_SLACK=4
mbufs_back() { [ "$(mbufs)" -le $((BASELINE + MBUF_SLACK)) ]; }

log_size() { stat -c %s "$LAB_STATE/inletd.log"; }
flow_times() { # flow_times TEXT CHANNELS OFFSET RESULT
	local times ms
	times=$(python3 "$LAB_TOP/test/lab/scale_times.py" "$2" "$LAB_STATE/inletd.log" "$3" "$4")
	echo "# $1: $times"
	jq -e '.joins == 100' <<<"$times" >/dev/null
	report $? "$1: inletd heard 100 Joins"
	ms=$(jq '.last_join_to_all_ms // 1e9 | ceil' <<<"$times")
	jq -e '.flowing == 100' <<<"$times" >/dev/null && [ "$ms" -le "$LIMIT_MS" ]
	report $? "$1: all 100 flow within $LIMIT_MS ms of the last Join ($ms ms)"
}
used() { # used TEXT: while all flow
	check "$1: through 10 tunnels" eval \
		'[ "$(lab_inlet show tunnels --json | jq length)" -eq 10 ]'
	check "$1: of which the relays know" eval \
		'lab_relayctl status | jq -e "[.relays[].endpoints] == [range(10) | 1] and ([.relays[].memberships | length] | add) == 100"'
}
all_gone() { # all_gone TEXT: after the Prunes
	local before drops heard
	check "$1: pruned, no channel is left" lab_wait 10 no_channels
	check "$1: no tunnel after the linger time" lab_wait 10 no_tunnels
	check "$1: no candidate relay either" eval 'lab_inlet show relays --json | jq -e "length == 0"'
	check "$1: the relays have no endpoint and no membership" lab_wait 10 relays_empty
	before=$(native) drops=$(dropped) heard=$(received)
	check "$1: the sources still send" lab_wait 10 received_reaches $((heard + 1500))
	[ "$(native)" -eq "$before" ] && [ "$(dropped)" -eq "$drops" ]
	report $? "$1: the workers forward and drop nothing meanwhile"
	if lab_wait 10 mbufs_back; then
		report 0 "$1: mbufs are back ($(mbufs), $BASELINE before)"
	else
		report 1 "$1: mbufs are back ($(mbufs), $BASELINE before)"
	fi
}

PID=$(lab_pid inletd)
# What the ports hold without traffic, when both have sent.
mbufs >/dev/null # the neighbors' ARP
BASELINE=$(mbufs)

# ---- FRR: IGMPv3 reports of 100 channels at once become its Joins
offset=$(log_size)
lab_spawn recv rcv "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if r0 --channels "$ALL" --json
check "FRR: 100 channels flow" lab_wait 20 all_flowing
used FRR
lab_stop recv
flow_times FRR "$ALL" "$offset" "$LAB_STATE/recv.out"
jq -e '.lost == 0 and .duplicated == 0 and .bad == 0' "$LAB_STATE/recv.out" >/dev/null
report $? "FRR: nothing lost, doubled or damaged ($(jq -c '{packets, lost, duplicated, bad}' "$LAB_STATE/recv.out"))"
all_gone FRR

# ---- a scripted neighbor instead
lab_stop_part frr
check "FRR says Goodbye" lab_wait 10 eval '[ -z "$(neighbors)" ]'
speaker_start 10.9.1.5
check "a scripted neighbor comes" lab_wait 15 eval '[ "$(neighbors)" = 10.9.1.5 ]'

tap() { # tap CHANNELS FILE
	lab_spawn tap frr "$LAB_BUILD/deploy/lab.d/tools/lab-tap" --if xup0 --direction in \
		--channels "$1" --write "$2"
	lab_wait 5 lab_log_has tap listening
}
round() { # round TEXT CHANNELS JOIN-COMMAND PRUNE-COMMAND
	local offset
	rm -f "$LAB_STATE/tap.log"
	tap "$2" "$LAB_STATE/tap.pcap"
	offset=$(log_size)
	speaker "$3"
	check "$1: 100 channels flow" lab_wait 20 all_flowing
	used "$1"
	lab_stop tap
	flow_times "$1" "$2" "$offset" "$LAB_STATE/tap.pcap"
	speaker "$4"
	all_gone "$1"
}
round "one message each" "$ALL" "each join $ALL" "each prune $ALL"

# One message has room for 100 sources when they share a group.
sed 's/ .*/ 232.2.1.1/' "$ALL" >"$LAB_STATE/shared"
lab_stop source
lab_spawn source src "$LAB_BUILD/deploy/lab.d/tools/lab-send" --if s0 --rate "$LAB_RATE" \
	--channels "$LAB_STATE/shared" --json
round "one message" "$LAB_STATE/shared" "joinfile $LAB_STATE/shared" "prunefile $LAB_STATE/shared"
# And as many as fit, of all groups.
lab_stop source
lab_start_part source
round "packed messages" "$ALL" "joinfile $ALL" "prunefile $ALL"

[ "$(lab_pid inletd)" = "$PID" ]
report $? "it is the same inletd"
scenario_end
