#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two appliances on one downstream LAN, each asked by another router for the same channel: exactly one
# forwards (RFC 7761 section 4.6). The forwarder is killed: the other goes on as soon as the loss of its
# neighbor is known. It comes back, and leaves in peace.
# _two.sh has the picture; a scripted router on the bridge is 10.9.1.9.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario two
export LAB_PIM='hello_interval = 1; hello_holdtime = 4;'
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP

. "$(dirname "$0")/_two.sh"

first_packet_after() { # first_packet_after LINE TEXT: of the tap at the receiver, ms after a line of the log
	local first ms
	lab_wait 10 test -s "$LAB_STATE/tap.out"
	first=$(($(head -n 1 "$LAB_STATE/tap.out" | jq .first_ns) / 1000000))
	ms=$((first - $(log_time_ms "${1:-@0}")))
	[ "$ms" -le 3000 ]
	report $? "$2 ($ms ms)"
}
watch_receiver() { # from now on
	rm -f "$LAB_STATE"/tap.{log,out}
	lab_spawn tap rcv "$LAB_BUILD/deploy/lab.d/tools/lab-tap" --if r0 --direction in --source "$S" --group "$G"
	lab_wait 5 lab_log_has tap listening
}

bring_up
start_second
check "a second appliance comes up on the LAN" lab_wait 60 second_ready
check "the two are neighbors" lab_wait 10 neighbors_are 2 2
lab_join "$S" "$G"
check "a channel flows through the first, which FRR asks" lab_wait 10 flowing_at 1
mkfifo "$LAB_STATE/speaker.in"
lab_in lan python3 "$LAB_TOP/test/lab/pimspeaker.py" --interface br0 --source 10.9.1.9 --upstream 10.9.1.3 \
	<"$LAB_STATE/speaker.in" >"$LAB_STATE/speaker.out" 2>&1 &
exec {SPEAKER}>"$LAB_STATE/speaker.in"
check "a router that asks the second one is its neighbor" lab_wait 15 neighbors_are 2 3
speaker join "$S" "$G"
check "it flows through the second as well" lab_wait 10 flowing_at 2
check "exactly one forwards" lab_wait 5 one_forwards
check "the one with the higher address" lab_wait 5 muted_is 1 '["lan"]'
# FRR 8.4 does not join there at once, as RFC 7761 has it, but with its next periodic Join.
follows() { lab_vtysh -c 'show ip pim rpf' | grep -q "$S *$G *xup0 *$1 "; }
check "FRR's upstream router is the winner" lab_wait 10 follows 10.9.1.3
one_copy "one copy of each packet is on the LAN"
check "the loser keeps the channel: packets come to it" flowing_at 1

# ---- The forwarder is killed.
watch_receiver
lab_kill inletd2
lab_stop tap
watch_receiver
check "the first one misses its neighbor" lab_wait 10 lab_log_has inletd 'neighbor down if=lan addr=10.9.1.3 reason=expired'
first_packet_after "$(log_line 'neighbor down if=lan addr=10.9.1.3 reason=expired')" \
	"packets reach the receiver within 3 s of that"
lab_stop tap
check "it forwards" muted_is 1 '[]'
check "FRR's upstream router is the one that is left" lab_wait 10 follows 10.9.1.2
one_copy "one copy of each packet again"

# ---- It comes back, with the channels of its state file.
start_second
check "the second one is back" lab_wait 60 second_ready
# A router joins again when it hears a new GenID; the scripted one is told to.
speaker hello
check "it knows its neighbors" lab_wait 15 neighbors_are 2 3
speaker join "$S" "$G"
check "with its channel" lab_wait 20 flowing_at 2
check "and again exactly one forwards" lab_wait 10 one_forwards
check "the one with the higher address, again" lab_wait 10 muted_is 1 '["lan"]'
one_copy "one copy of each packet"

# ---- It leaves in peace: no wait for a holdtime.
lab_leave "$S" "$G" >"$LAB_STATE/left"
echo "# the receiver until here: $(jq -c '{packets, lost, duplicated}' "$LAB_STATE/left")"
lab_join "$S" "$G"
lab_wait 10 one_forwards
lab_stop inletd2
check "a Goodbye is heard at once" lab_wait 2 lab_log_has inletd 'neighbor down if=lan addr=10.9.1.3 reason=goodbye'
check "and the first one forwards" lab_wait 2 muted_is 1 '[]'
one_copy "one copy of each packet"
exec {SPEAKER}>&-
scenario_end
