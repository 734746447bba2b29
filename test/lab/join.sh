#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# One channel at 1000 packets/s: the first native packet follows the PIM Join within 20 ms, nothing is
# lost or doubled, and what arrives is what the source sent, octet for octet, but for the TTL.
# LAB_FULL=1 measures 30 s, else 10 s.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario join
seconds=10
[ -z "${LAB_FULL-}" ] || seconds=30
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
tools=$LAB_BUILD/deploy/lab.d/tools
baseline=$(mbufs)

lab_spawn sent src "$tools/lab-tap" --if s0 --direction out --source "$S" --group "$G" \
	--write "$LAB_STATE/sent.pcap"
lab_spawn native frr "$tools/lab-tap" --if xup0 --direction in --source "$S" --group "$G" \
	--write "$LAB_STATE/native.pcap"
lab_wait 5 lab_log_has sent listening
lab_wait 5 lab_log_has native listening

lab_join "$S" "$G" --seconds "$seconds"
check "a receiver's join makes the channel flow" lab_wait 10 state_is "$S" "$G" flowing
check "the receiver counts for $seconds s" lab_wait $((seconds + 10)) lab_gone "recv-$S-$G"
# Before the captures end, the stream does: what is on its way arrives.
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

"$tools/lab-tap" compare "$LAB_STATE/sent.pcap" "$LAB_STATE/native.pcap" --ttl-delta 1 >"$LAB_STATE/compare" 2>&1
report $? "what left downstream is what the source sent, octet for octet, the TTL one less"
diag <"$LAB_STATE/compare"

line=$(grep -m 1 "pim: join heard .*s=$S g=$G" "$LAB_STATE/inletd.log")
heard_us=$(date -u -d "${line%% *}" +%s%6N)
first_us=$(($(head -n 1 "$LAB_STATE/native.out" | jq .first_ns) / 1000))
us=$((first_us - heard_us))
# The figure is of the plain build; an instrumented one is checked for the order of events only.
limit_us=20000
! sanitized || limit_us=500000
[ "$us" -ge 0 ] && [ "$us" -lt $limit_us ]
report $? "PIM Join heard to first native packet: $((us / 1000)).$(printf '%03d' $((us % 1000))) ms, less than $((limit_us / 1000))"

check "no tunnel is left" lab_wait 10 no_tunnels
check "the mbufs are back where they were ($baseline)" lab_wait 5 mbufs_are "$baseline"
# What was on its way when the receiver left has no entry any more (RFC 7450 section 5.2.3.3).
late_only() { lab_inlet show drops --json | jq -e 'all(.[]; .name == "NOT_JOINED" and .count < 20)'; }
check "no drop was counted but data that came after the leave" late_only
scenario_end
