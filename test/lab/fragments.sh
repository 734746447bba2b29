#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The relay leaves the DF flag off and a router on the way has an MTU of 576, so that all data comes in
# fragments. Reassembled, what arrives is what the source sent, octet for octet, but for the TTL; with
# outer_fragments = "drop" each fragment is counted and nothing arrives.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario fragments
seconds=5
[ -z "${LAB_FULL-}" ] || seconds=30
export LAB_DF=0
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
tools=$LAB_BUILD/deploy/lab.d/tools
lab_in net ip link set to-inlet mtu 576
baseline=$(mbufs)

drops() { lab_inlet show drops --json | jq -c 'map(select(.count > 0) | {(.name): .count}) | add // {}'; }
fragments_made() { # how many fragments the router has made
	# shellcheck disable=SC2016 # awk's
	lab_in net awk '/^Ip:/ { if (n) print $n; else while ($++n != "FragCreates") { } }' /proc/net/snmp
}
only() { # only JQ: whether all that was dropped is what a jq expression over {NAME: COUNT} allows
	drops | jq -e "$1"
}

lab_spawn sent src "$tools/lab-tap" --if s0 --direction out --source "$S" --group "$G" \
	--write "$LAB_STATE/sent.pcap"
lab_spawn native frr "$tools/lab-tap" --if xup0 --direction in --source "$S" --group "$G" \
	--write "$LAB_STATE/native.pcap"
lab_wait 5 lab_log_has sent listening
lab_wait 5 lab_log_has native listening

before=$(fragments_made)
lab_join "$S" "$G" --seconds "$seconds"
check "a receiver's join makes the channel flow" lab_wait 10 state_is "$S" "$G" flowing
check "the receiver counts for $seconds s" lab_wait $((seconds + 10)) lab_gone "recv-$S-$G"
check "its leave is a Prune, and the channel ends" lab_wait 15 state_is "$S" "$G" none
lab_stop source
lab_stop native
lab_stop sent

got=$LAB_STATE/recv-$S-$G.out
diag <"$got"
jq -e --argjson least "$((seconds * LAB_RATE * 95 / 100))" '.packets >= $least' "$got" >/dev/null
report $? "the receiver has all the packets of $seconds s ($(jq .packets "$got"))"
jq -e '.lost == 0 and .duplicated == 0 and .reordered == 0 and .bad == 0' "$got" >/dev/null
report $? "none is lost, doubled, out of order or damaged"
fragments=$(($(fragments_made) - before))
[ "$fragments" -ge $((3 * $(jq .packets "$got"))) ]
report $? "each came in 3 fragments at least ($fragments)"
"$tools/lab-tap" compare "$LAB_STATE/sent.pcap" "$LAB_STATE/native.pcap" --ttl-delta 1 >"$LAB_STATE/compare" 2>&1
report $? "what left downstream is what the source sent, octet for octet, the TTL one less"
diag <"$LAB_STATE/compare"
# What was on its way when the receiver left has no entry any more, nor the tunnel a port.
check "no drop was counted but what came after the leave ($(drops))" \
	only 'with_entries(select(.key != "NOT_JOINED" and .key != "FRAG_TIMEOUT")) == {} and (add // 0) < 60'
check "no tunnel is left" lab_wait 10 no_tunnels
check "the mbufs are back where they were ($baseline)" lab_wait 5 mbufs_are "$baseline"

lab_stop inletd
export LAB_FRAGMENTS=drop
lab_write_configs
lab_start_part inletd
check "inletd is back, to drop them" lab_wait 30 lab_inletd_ready
check "and a neighbor of FRR" lab_wait 30 lab_pim_neighbor
lab_start_part source
before=$(fragments_made)
lab_join "$S" "$G" --seconds "$seconds"
check "the receiver listens for $seconds s" lab_wait $((seconds + 10)) lab_gone "recv-$S-$G"
jq -e '.packets == 0' "$got" >/dev/null
report $? "and has nothing"
check "no channel is left" lab_wait 15 no_channels
fragments=$(($(fragments_made) - before))
[ "$fragments" -gt $((seconds * LAB_RATE)) ]
report $? "fragments came nevertheless ($fragments)"
# Those that come before the tunnel's port is known or after it is gone are not the worker's.
check "each is counted, as OUTER_FRAGMENT and nothing else ($(drops))" \
	only "keys == [\"OUTER_FRAGMENT\"] and .OUTER_FRAGMENT <= $fragments and .OUTER_FRAGMENT > $fragments - 300"
scenario_end
