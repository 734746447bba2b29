#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# DNS names two relays. The one in use ends without a word while data flows: data comes from the other one
# in under 5 s. A relay that forgets what was joined, as after a restart, is repaired without a move.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario relaydies
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
FIRST=203.0.113.11 SECOND=203.0.113.50

# The second relay is a process of its own, and of less preference: precedence 20.
second_start() {
	lab_spawn relay2 relay "$LAB_BUILD/app/relay/inlet-relay" --address "$SECOND" \
		--source-if native0 --control "$LAB_STATE/relay2.ctl"
}
second_ctl_json() { "$LAB_BUILD/app/relay/inlet-relay" ctl "$LAB_STATE/relay2.ctl" "$@"; }
lab_in relay ip addr add "$SECOND/24" dev wan0
second_start
echo '10 IN TYPE260 \# 6 1401cb007132' >"$LAB_STATE/zone.extra"
lab_write_zone
lab_stop dns
lab_start_part dns

relay_is() { [ "$(lab_channel "$S" "$G" | jq -r .relay_address)" = "$1" ]; }
flows_from() { state_is "$S" "$G" flowing && relay_is "$1"; }
first_packet_from() { grep -q "first packet s=$S .*relay=$1" "$LAB_STATE/inletd.log"; }
lab_join "$S" "$G"
check "the preferred relay serves" lab_wait 10 flows_from "$FIRST"
sleep 3 # a while of plain flow, for the outage to be one

killed=$(now_ms)
lab_kill relay
check "killed: the channel flows from the other relay" lab_wait 15 first_packet_from "$SECOND"
back=$(log_time_ms "$(log_line "first packet s=$S .*relay=$SECOND")")
ms=$((back - killed))
[ "$ms" -lt 5000 ]
report $? "data is back in under 5 s (took $ms ms)"
held() {
	lab_inlet show relays --json |
		jq -e --arg r "$1" 'any(.[]; .discovery_address == $r and (.held_reason // "" | test("no traffic|no answer")))'
}
check "the dead one is held down, with the reason" held "$FIRST"

# A relay that forgets us: the same address with a new secret and no memberships.
sleep 3
killed=$(now_ms)
lab_kill relay2
second_start
asked() { second_ctl_json status | jq -e '[.. | .update_rx? // empty] | add > 0'; }
check "restarted with a new secret: it is asked again within seconds" \
	lab_wait 6 asked
ms=$(($(now_ms) - killed))
check "and the channel flows from it" lab_wait 5 flows_from "$SECOND"
[ "$ms" -lt 6000 ]
report $? "without another relay, within 6 s (took $ms ms)"
scenario_end
