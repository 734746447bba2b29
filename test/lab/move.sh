#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Make before break: a channel of 10,000 packets/s moves between two relays, one of which is a third of a
# second behind the other, there and back, by the operator's word and for a relay's L flag; and not one
# packet is lost or doubled downstream. Once with one worker, once with two.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario move
export LAB_RATE=10000
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
FIRST=203.0.113.11 SECOND=203.0.113.50
tools=$LAB_BUILD/deploy/lab.d/tools

# The second relay is a process of its own, and of less preference: precedence 20.
second_ctl() { "$LAB_BUILD/app/relay/inlet-relay" ctl "$LAB_STATE/relay2.ctl" "$@"; }
lab_in relay ip addr add "$SECOND/24" dev wan0
lab_spawn relay2 relay "$LAB_BUILD/app/relay/inlet-relay" --address "$SECOND" --delay-ms 300 \
	--source-if native0 --control "$LAB_STATE/relay2.ctl"
echo '10 IN TYPE260 \# 6 1401cb007132' >"$LAB_STATE/zone.extra"
lab_write_zone
lab_stop dns
lab_start_part dns
lab_await_part dns

relay_is() { [ "$(lab_channel "$S" "$G" | jq -r .relay_address)" = "$1" ]; }
flows_from() { state_is "$S" "$G" flowing && relay_is "$1"; }
settled_at() { # the move is over: nothing more is said of it
	lab_channel "$S" "$G" | jq -e --arg r "$1" '.relay_address == $r and .state == "flowing" and .reason == ""'
}
copies() { lab_inlet show drops --json | jq 'map(select(.name == "MOVE_DUPLICATE") | .count) | add // 0'; }
both_joined() { lab_inlet show tunnels --json | jq -e 'map(.channels) == [1, 1]'; }
says() { lab_channel "$S" "$G" | jq -e --arg text "$1" '.reason | startswith($text)'; }
moved() { # moved TEXT RELAY
	check "$1: asked for" lab_inlet relay move "$S" to "$2"
	check "$1: it is there, and the old one left" lab_wait 25 settled_at "$2"
}
listen() { # listen TEXT: to what is sent and to what arrives
	lab_spawn "sent-$1" src "$tools/lab-tap" --if s0 --direction out --source "$S" --group "$G" \
		--write "$LAB_STATE/sent-$1.pcap"
	lab_spawn "native-$1" frr "$tools/lab-tap" --if xup0 --direction in --source "$S" --group "$G" \
		--write "$LAB_STATE/native-$1.pcap"
	lab_wait 5 lab_log_has "sent-$1" listening
	lab_wait 5 lab_log_has "native-$1" listening
	lab_join "$S" "$G"
	check "$1: the preferred relay serves" lab_wait 15 flows_from "$FIRST"
}
# Two workers that poll leave a machine of two CPUs nothing for the rest, and now and then one of them
# stands still until a ring is full. What is counted there may be lost then, and nothing else.
full() { lab_inlet show drops --json | jq 'map(select(.name == "SPREAD_FULL" or .name == "TX_FULL") | .count) | add // 0'; }
lossless() { # lossless TEXT: the stream ends, and nothing of it is missing or there twice
	local allowed=0
	lab_leave "$S" "$G" >"$LAB_STATE/left"
	[ "$1" = one ] || allowed=$(full)
	jq -c 'del(.each)' "$LAB_STATE/left" | diag
	jq -e --argjson n "$allowed" '.packets > 20000 and .lost <= $n and .duplicated == 0 and .bad == 0' \
		"$LAB_STATE/left" >/dev/null
	report $? "$1: of $(jq .packets "$LAB_STATE/left") packets none was lost or doubled (full rings: $allowed)"
	check "$1: pruned, the channel ends" lab_wait 15 state_is "$S" "$G" none
	lab_stop "native-$1"
	lab_stop "sent-$1"
	"$tools/lab-tap" compare "$LAB_STATE/sent-$1.pcap" "$LAB_STATE/native-$1.pcap" --ttl-delta 1 \
		>"$LAB_STATE/compare" 2>&1
	jq -e --argjson n "$allowed" '.matched > 20000 and .missing <= $n and .duplicated == 0 and .different == 0 and
		.unknown == 0' "$LAB_STATE/compare" >/dev/null
	report $? "$1: what left downstream is what the source sent, octet for octet, the TTL one less"
	diag <"$LAB_STATE/compare"
	diag <"$LAB_STATE/compare"
	rm -f "$LAB_STATE"/*.pcap
}

listen one
check "one: a move is asked for" lab_inlet relay move "$S"
check "one: show channels says that it moves, and why" lab_wait 5 says "moves to $SECOND (operator)"
check "one: it is joined at both" lab_wait 10 both_joined
check "one: to the relay that is behind: it is there, and the old one left" lab_wait 25 settled_at "$SECOND"
n=$(copies)
[ "$n" -gt 500 ]
report $? "one: the copies were dropped by name ($n)"
moved "one: back to the relay that is ahead" "$FIRST"
lossless one

if [ "$(nproc)" -ge 2 ]; then
	lab_stop inletd
	export LAB_WORKERS="0, 1"
	lab_write_configs
	lab_start_part inletd
	check "two: inletd is back, with two workers" lab_wait 30 lab_inletd_ready
	check "two: and a neighbor of FRR" lab_wait 30 lab_pim_neighbor
	lab_relayctl query-interval 3 >/dev/null # for the L flag: it is in a Query
	listen two
	lab_relayctl limit on >/dev/null
	check "two: a relay with the L flag is left" lab_wait 25 settled_at "$SECOND"
	check "two: for that reason" lab_log_has inletd "moved source=$S why=\"L flag\" from=$FIRST to=$SECOND"
	diag <<<"two: workers of the tunnels: $(lab_inlet show tunnels --json | jq -c 'map({(.relay_address): .worker}) | add')"
	lab_relayctl limit off >/dev/null
	moved "two: back to the relay that is ahead" "$FIRST"
	lossless two
fi
diag <<<"drops: $(lab_inlet show drops --json | jq -c 'map({(.name): .count}) | add')"
diag <<<"relays: $(lab_relayctl status | jq -c .source) $(second_ctl status | jq -c .source)"
scenario_end
