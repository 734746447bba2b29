#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Relays with the quirks of those in the field: each is learned by itself, shown, and the channels of
# both families flow all the same; a pinned quirk is used at once.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario quirks
export LAB_V6=1 LAB_SOURCES=2 LAB_RATE=200
# Both families through the one relay over IPv4: 198.51.100.10 and the second IPv6 source.
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
S6=$(lab_source6 1) G6=$(lab_group6 1)
export LAB_WITHOUT="relay inletd"
bring_up

packets() { lab_channel "$1" "$2" | jq '.packets // 0'; }
flow() { state_is "$S" "$G" flowing && state_is "$S6" "$G6" flowing; }
both_grow() { # both channels have packets that they had not
	local a b
	a=$(packets "$S" "$G") b=$(packets "$S6" "$G6")
	lab_wait 3 eval "[ \$(packets $S $G) -gt $a ]" && lab_wait 3 eval "[ \$(packets $S6 $G6) -gt $b ]"
}
learned() { # learned QUIRKS PINNED: what is shown of the relay
	lab_inlet show relays --json |
		jq -e --arg q "$1" --argjson p "$2" 'any(.[]; .discovery_address == "203.0.113.11" and .quirks == $q and .quirks_pinned == $p)'
}
learned_has() { lab_inlet show relays --json | jq -e --arg q "$1" 'any(.[]; (.quirks // "") | test($q))'; }
drops() { lab_relayctl status | jq ".relays[0].drops.$1"; }
again() { # again RELAY-OPTIONS [CONFIG]: a relay with these, and a gateway that knows nothing
	lab_stop inletd
	lab_stop relay
	export LAB_RELAY=$1
	export LAB_CONFIG=${2-}
	lab_write_configs
	lab_start_part relay
	lab_await_part relay
	lab_start_part inletd
	lab_await_part inletd
	lab_inlet add channel "$S" "$G" >/dev/null
	lab_inlet add channel "$S6" "$G6" >/dev/null
}

again "--quirk no-e --query-interval 4"
check "no-e: both families flow" lab_wait 30 flow
check "no-e: learned and shown" lab_wait 20 learned_has no-e
[ "$(drops QUIRK_E)" -gt 0 ]
report $? "no-e: the relay had Requests with E, and did not answer them"

again "--quirk p-0x80 --query-interval 4"
check "p-0x80: both families flow" lab_wait 40 flow
check "p-0x80: learned and shown" lab_wait 10 learned_has p-0x80
before=$(drops QUIRK_BITS)
check "p-0x80: the next cycles are answered at once" eval '
	n=$(lab_relayctl status | jq ".relays[0].query_tx")
	lab_wait 20 eval "[ \$(lab_relayctl status | jq .relays[0].query_tx) -gt $((n + 3)) ]"'
[ "$(drops QUIRK_BITS)" -le $((before + 1)) ]
report $? "p-0x80: in the form that the relay takes"

again "--quirk one-nonce"
check "one-nonce: both families flow" lab_wait 40 flow
check "one-nonce: both go on" lab_wait 20 both_grow
# A join under the MAC of the earlier of the two Requests is refused: the source that stays silent has
# IPv4 ask again, and since that brings it, the relay is known.
lab_in src ip addr add 198.51.100.77/24 dev s0
echo '77 IN TYPE260 \# 6 0a01cb00710b' >"$LAB_STATE/zone.extra"
lab_write_zone
lab_stop dns
lab_start_part dns
lab_await_part dns
lab_spawn source77 src "$LAB_BUILD/deploy/lab.d/tools/lab-send" --if s0 --rate 100 \
	--source 198.51.100.77 --group 232.1.1.77 --json
lab_inlet add channel 198.51.100.77 232.1.1.77 >/dev/null
check "one-nonce: a further source flows" lab_wait 30 state_is 198.51.100.77 232.1.1.77 flowing
[ "$(drops QUIRK_NONCE)" -gt 0 ]
report $? "one-nonce: the relay had refused an Update ($(drops QUIRK_NONCE))"
check "one-nonce: learned and shown" lab_wait 20 learned_has one-nonce
check "one-nonce: the others go on" both_grow
same_nonce() { # nothing is refused from the next cycle on
	local wrong
	wrong=$(drops QUIRK_NONCE)
	lab_inlet del channel 198.51.100.77 232.1.1.77 >/dev/null
	lab_wait 5 eval "lab_relayctl status | jq -e 'all(.relays[].memberships[]; .source != \"198.51.100.77\")'" &&
		[ "$(drops QUIRK_NONCE)" -eq "$wrong" ]
}
check "one-nonce: a leave is taken now" same_nonce

again "--quirk short-updates"
check "short-updates: both families flow" lab_wait 30 flow

again "--quirk p-0x80 --quirk one-nonce" \
	'relay_quirks = ( { relay = "203.0.113.11"; quirks = [ "p-0x80", "no-e", "one-nonce" ]; } );'
check "pinned: both families flow" lab_wait 30 flow
check "pinned: shown so" learned "p-0x80 no-e one-nonce" true
[ "$(drops QUIRK_BITS)" -eq 0 ] && [ "$(drops QUIRK_NONCE)" -eq 0 ]
report $? "pinned: nothing was tried that the relay refuses"

# A relay at its limit ignores a join without a word: another one would be tried; there is none, and the
# channel that it serves goes on.
again "--max-joins 1"
one() { lab_inlet show channels --json | jq -e '[.[] | select(.state == "flowing")] | length == 1'; }
check "limit: one of two channels flows" lab_wait 30 one
check "limit: the relay refused the other in silence" eval '[ "$(drops LIMIT_JOINS)" -gt 0 ]'
scenario_end
