#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The relay is restarted with a new secret while data flows: our MACs are void and our memberships gone,
# and nobody says so. Data is back within seconds, from the same relay. A rotation of the secret, with
# the old one still valid, is not even noticed.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario newsecret
export LAB_V6=1
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
S6=$(lab_source6 0) G6=$(lab_group6 0)

packets() { lab_channel "$1" "$2" | jq '.packets // 0'; }
more_than() { [ "$(packets "$1" "$2")" -gt "$3" ]; }
drops() { # drops NAME: of the relays
	lab_relayctl status | jq "[.relays[].drops.$1] | add"
}
queries() { lab_relayctl status | jq '[.relays[].query_tx] | add'; }
quiet() { # quiet S G: sets had; a packet may be on its way still
	local was
	was=$(packets "$1" "$2")
	sleep 0.1
	had=$(packets "$1" "$2")
	[ "$had" -eq "$was" ]
}
restart() { # restart S G: the relay, at once; sets ms to the time without data
	local had from
	lab_kill relay
	from=$(now_ms)
	until quiet "$1" "$2"; do :; done
	lab_start_part relay
	lab_wait 20 more_than "$1" "$2" "$had"
	ms=$(($(now_ms) - from))
}

check "static IPv4 channel wanted" lab_inlet add channel "$S" "$G"
check "it flows" lab_wait 15 state_is "$S" "$G" flowing
sleep 1 # a while of plain flow
for round in 1 2; do
	restart "$S" "$G"
	[ "$ms" -lt 6000 ]
	report $? "restart $round: data is back within 6 s (took $ms ms)"
done
check "through the same relay, which was not given up" lab_wait 5 eval \
	"lab_inlet show relays --json | jq -e 'all(.[]; .held_reason == null)'"

check "an IPv6 channel beside it, through the IPv6 relay" lab_inlet add channel "$S6" "$G6"
check "it flows" lab_wait 15 state_is "$S6" "$G6" flowing
sleep 1
restart "$S6" "$G6"
[ "$ms" -lt 6000 ]
report $? "restart: IPv6 data is back within 6 s (took $ms ms)"
check "and IPv4's" lab_wait 10 state_is "$S" "$G" flowing

# Rotation: MACs of the old secret are taken for two query intervals more.
sleep 1 # repeats of the last reports are over
asked=$(queries) wrong=$(drops MAC)
check "the secret is rotated" lab_relayctl rotate
check "a leave under the old MAC is taken" lab_inlet del channel "$S" "$G"
gone() { lab_relayctl status | jq -e --arg s "$S" 'all(.relays[].memberships[]; .source != $s)'; }
check "the relay has it no more" lab_wait 5 gone
[ "$(drops MAC)" -eq "$wrong" ] && [ "$(queries)" -eq "$asked" ]
report $? "without a new Request and without a MAC refused"
scenario_end
