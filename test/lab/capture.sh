#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# `trace S G` before anybody wants the channel: its whole walk is told as it happens, of no other channel,
# and a session that does not read loses lines and holds nobody up.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario capture
command -v tshark >/dev/null || {
	echo "1..0 # SKIP tshark is not installed (deploy/packages-test)"
	exit 0
}
export LAB_SOURCES=2 LAB_WITHOUT='zebra pimd'
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
S2=$(lab_source 1) G2=$(lab_group 1)

# ---- trace
traced() { grep -qE -- "$1" "$LAB_STATE/trace.out"; }
in_order() { # in_order PATTERN...: lines that match, one after the other
	awk 'BEGIN { for (n = 1; n < ARGC; n++) p[n] = ARGV[n]; ARGV[1] = ""; ARGC = 1; i = 1 }
		i < n && $0 ~ p[i] { i++ }
		END { if (i < n) print p[i]; exit i < n }' "$@" <"$LAB_STATE/trace.out"
}
lab_spawn trace inlet "$LAB_BUILD/app/inlet/inlet" --socket "$LAB_SOCKET" trace "$S" "$G"
check "a trace of a channel that nobody wants yet" lab_wait 10 traced "begins s=$S g=$G, nobody wants it yet"
check "a router comes" speaker_start 10.9.1.4 --hello-interval 1 --hello-holdtime 300
speaker holdtime 300
speaker join "$S" "$G"
check "the first packet is told" lab_wait 15 traced "first packet s=$S g=$G relay=203.0.113.11"
speaker join "$S2" "$G2"
check "another channel flows beside it" lab_wait 15 state_is "$S2" "$G2" flowing
speaker prune "$S" "$G"
check "and the Prune" lab_wait 15 traced "pim: prune heard .*s=$S g=$G"
check "the channel ends" lab_wait 15 state_is "$S" "$G" none
diag <"$LAB_STATE/trace.out"
at='^20[0-9-]*T[0-9:]*\.[0-9]{6}Z '
check "the walk, in its order" in_order \
	"${at}pim: join heard if=lan s=$S g=$G neighbor=10.9.1.4" "${at}channel: wanted s=$S g=$G .*by=pim" \
	"${at}driad: asked source=$S name=10.100.51.198.in-addr.arpa" "${at}driad: relay found source=$S .*first=203.0.113.11" \
	"${at}channel: relay tried source=$S relay=203.0.113.11" "${at}amt: discovery sent to=203.0.113.11" \
	"${at}amt: relay advertised relay=203.0.113.11" "${at}amt: request sent relay=203.0.113.11" \
	"${at}amt: query received relay=203.0.113.11" "${at}channel: relay chosen source=$S relay=203.0.113.11" \
	"${at}amt: update s=$S g=$G relay=203.0.113.11 record=(allow|is-in)" "${at}channel: first packet s=$S g=$G" \
	"${at}pim: prune heard if=lan s=$S g=$G" "${at}amt: update s=$S g=$G relay=203.0.113.11 record=block"
check "nothing of the other channel of it" eval "! grep -q -e $S2 -e $G2 $LAB_STATE/trace.out"
check "show traces has it" eval "lab_inlet show traces --json | jq -e '.[0].source == \"$S\" and .[0].relays == [\"203.0.113.11\"] and .[0].lost == 0'"
check "trace stop ends it" eval "lab_inlet trace stop | grep -q '1 traces stopped'"
check "its client ends too" lab_wait 10 lab_gone trace
check "with a word" traced "trace: stopped by another session"
check "no trace is left" eval "lab_inlet show traces --json | jq -e 'length == 0'"
check "words that are no addresses are refused" eval '! lab_inlet trace here there'
scenario_end
