#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What DNS names for a source changes while it flows: when the TTL runs out the stream moves to the relay
# that is now the best, joins there before it leaves the old one, and loses nothing. Where only equals
# come and go, nothing moves.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario record
export LAB_RELAYS=2
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP A=203.0.113.11 B=203.0.113.12

zone_has() { # zone_has "PRECEDENCE RELAY"...: the records of the source, for 5 seconds each, and NSD knows
	local record hex
	lab_write_zone
	sed -i '/TYPE260/d' "$LAB_STATE/lab.zone"
	for record; do
		# shellcheck disable=SC2046,SC2183
		hex=$(printf '%02x01%02x%02x%02x%02x' $(tr . ' ' <<<"$record"))
		echo "${S##*.} 5 IN TYPE260 \\# 6 $hex" >>"$LAB_STATE/lab.zone"
	done
	lab_signal dns HUP
}
from() { lab_channel "$S" "$G" | jq -e --arg r "$1" '.relay_address == $r and .state == "flowing"'; }
offered() { # offered N: inletd has read the present records
	lab_inlet show relays --json | jq -e --argjson n "$1" 'length == $n'
}
settled() { lab_channel "$S" "$G" | jq -e '.state == "flowing" and (.reason // "") == ""'; }
joined_at() { lab_inlet show tunnels --json | jq -e --arg r "$1" 'map(.relay_address) == [$r]'; }
moves() { grep -c 'moved source=' "$LAB_STATE/inletd.log"; }

zone_has "10 $A"
lab_join "$S" "$G"
check "the channel flows from the first relay" lab_wait 20 from "$A"
zone_has "10 $A" "10 $B"
check "an equal comes: inletd has read it" lab_wait 30 offered 2
check "and nothing has moved" eval 'from "$A" && [ "$(moves)" -eq 0 ]'
zone_has "20 $A" "10 $B"
check "another becomes better: the stream moves" lab_wait 40 from "$B"
check "the log says why" lab_log_has inletd 'moved source=198.51.100.10 why="DNS names a better one"'
check "and the move ends" lab_wait 20 eval 'settled && joined_at "$B"'
zone_has "10 $A"
check "it is no longer named: the stream moves back" lab_wait 40 from "$A"
check "the log says why" lab_log_has inletd 'why="no longer named in DNS"'
check "and the move ends" lab_wait 20 eval 'settled && joined_at "$A"'
lab_leave "$S" "$G" >"$LAB_STATE/left"
diag <"$LAB_STATE/left"
check "nothing was lost" jq -e '.lost == 0 and .packets > 10000' "$LAB_STATE/left"
check "and nothing came twice" jq -e '.duplicated == 0 and .bad == 0' "$LAB_STATE/left"
check "two moves were all" eval '[ "$(moves)" -eq 2 ]'
scenario_end
