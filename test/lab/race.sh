#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# DNS names two relays of the same precedence for each source, one of which answers nothing: whichever
# comes first, the receiver has its packets within a second, and the silent one is known soon after.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario race
export LAB_SOURCES=10 # the silent one is asked unless the dice have the other one first for all
bring_up
DEAD=203.0.113.50 LIVE=203.0.113.11

# Nobody is at home at the address: no ICMP error comes either.
lab_in net ip route add blackhole "$DEAD/32"
for ((i = 0; i < LAB_SOURCES; i++)); do
	echo "$((10 + i)) IN TYPE260 \\# 6 0a01cb007132"
done >"$LAB_STATE/zone.extra"
lab_write_zone
lab_stop dns
lab_start_part dns

lab_channels >"$LAB_STATE/join"
lab_spawn recv rcv "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if r0 --channels "$LAB_STATE/join" --json
flowing() { lab_inlet show channels --json | jq -e --argjson n "$LAB_SOURCES" '[.[] | select(.state == "flowing")] | length == $n'; }
check "all channels flow" lab_wait 10 flowing
grep -o 'first packet .*after_ms=[0-9.]*' "$LAB_STATE/inletd.log" | diag
worst=$(grep -o 'first packet .*after_ms=[0-9]*' "$LAB_STATE/inletd.log" | sed 's/.*=//' | sort -n | tail -n 1)
[ "$worst" -lt 1000 ]
report $? "each within a second of its Join, the slowest after $worst ms"
all_at_live() { lab_inlet show channels --json | jq -e --arg r "$LIVE" 'all(.[]; .relay_address == $r)'; }
check "all of them from the relay that answers" all_at_live
held() {
	lab_inlet show relays --json |
		jq -e --arg r "$DEAD" 'any(.[]; .discovery_address == $r and .held_reason == "no answer")'
}
check "the silent one is held down in the end" lab_wait 30 held
one_tunnel() { lab_inlet show tunnels --json | jq -e 'length == 1'; }
check "and one tunnel is all there is" one_tunnel
scenario_end
