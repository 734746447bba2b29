#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Make before break: a channel of 10,000 packets/s moves between two relays, one of which is a third of a
# second behind the other, there and back and there again, and not one packet is lost or doubled
# downstream, with one worker and with two, which then have a relay each. Then a relay that takes the
# join and sends nothing, and one that sets the L flag.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario move
export LAB_RATE=10000
[ "$(nproc)" -lt 2 ] || export LAB_WORKERS=${LAB_WORKERS-"0, 1"}
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
FIRST=203.0.113.11 SECOND=203.0.113.50
tools=$LAB_BUILD/deploy/lab.d/tools

# The second relay is a process of its own, and of less preference: precedence 20.
second_start() { # second_start [OPTION...]
	lab_spawn relay2 relay "$LAB_BUILD/app/relay/inlet-relay" --address "$SECOND" \
		--source-if native0 --control "$LAB_STATE/relay2.ctl" "$@"
}
second_ctl() { "$LAB_BUILD/app/relay/inlet-relay" ctl "$LAB_STATE/relay2.ctl" "$@"; }
lab_in relay ip addr add "$SECOND/24" dev wan0
second_start --delay-ms 300
echo '10 IN TYPE260 \# 6 1401cb007132' >"$LAB_STATE/zone.extra"
lab_write_zone
lab_stop dns
lab_start_part dns
lab_await_part dns

relay_is() { [ "$(lab_channel "$S" "$G" | jq -r .relay)" = "$1" ]; }
flows_from() { state_is "$S" "$G" flowing && relay_is "$1"; }
settled_at() { # the move is over: nothing more is said of it
	lab_channel "$S" "$G" | jq -e --arg r "$1" '.relay == $r and .state == "flowing" and .reason == ""'
}
drops_of() { lab_inlet show drops --json | jq --arg n "$1" 'map(select(.name == $n) | .count) | add // 0'; }
both_tunnels() { lab_inlet show tunnels --json | jq -e 'map(.channels) == [1, 1]'; }
says_moving() { lab_channel "$S" "$G" | jq -e '.reason | test("^moves to 203.0.113.50 \\(operator\\)")'; }
moved() { # moved TEXT RELAY
	check "$1: asked for" lab_inlet relay move "$S" to "$2"
	check "$1: it is there, and the old one left" lab_wait 20 settled_at "$2"
}

lab_spawn sent src "$tools/lab-tap" --if s0 --direction out --source "$S" --group "$G" \
	--write "$LAB_STATE/sent.pcap"
lab_spawn native frr "$tools/lab-tap" --if xup0 --direction in --source "$S" --group "$G" \
	--write "$LAB_STATE/native.pcap"
lab_wait 5 lab_log_has sent listening
lab_wait 5 lab_log_has native listening

lab_join "$S" "$G"
check "the preferred relay serves" lab_wait 10 flows_from "$FIRST"
check "a move is asked for" lab_inlet relay move "$S"
check "show channels says that it moves, and why" lab_wait 5 says_moving
check "it is joined at both" lab_wait 10 both_tunnels
check "to the one that is behind: it is there, and the old one left" lab_wait 20 settled_at "$SECOND"
duplicates=$(drops_of MOVE_DUPLICATE)
[ "$duplicates" -gt 1000 ]
report $? "the copies were dropped by name ($duplicates)"
moved "back to the one that is ahead" "$FIRST"
moved "there again" "$SECOND"
moved "and back" "$FIRST"

lab_leave "$S" "$G" >"$LAB_STATE/left"
diag <"$LAB_STATE/left"
jq -e '.packets > 20000' "$LAB_STATE/left" >/dev/null
report $? "the receiver has had a stream ($(jq .packets "$LAB_STATE/left") packets)"
jq -e '.lost == 0 and .duplicated == 0 and .bad == 0' "$LAB_STATE/left" >/dev/null
report $? "none was lost or doubled over four moves"
check "its leave is a Prune, and the channel ends" lab_wait 15 state_is "$S" "$G" none
lab_stop source
lab_stop native
lab_stop sent
"$tools/lab-tap" compare "$LAB_STATE/sent.pcap" "$LAB_STATE/native.pcap" --ttl-delta 1 >"$LAB_STATE/compare" 2>&1
report $? "what left downstream is what the source sent, octet for octet, the TTL one less"
diag <"$LAB_STATE/compare"
diag <<<"drops: $(lab_inlet show drops --json | jq -c 'map({(.name): .count}) | add')"
diag <<<"relay: $(lab_relayctl status | jq -c .source) $(second_ctl status | jq -c .source)"
scenario_end
