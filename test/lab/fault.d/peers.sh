# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Relays, routers and NATs that come, go and change. Those that have a scenario of their own are run from it,
# in a lab of its own beside this one's streams; the outage is what the scenario measured.

row peers_pim_flap quick "the PIM neighbour dies and is back, as a router that restarts"
fault_peers_pim_flap() {
	# FRR does not listen to its old Joins; receivers get no packet before it has its state again.
	victim all
	limit 25000
	lab_kill pimd
	rm -f "$LAB_STATE/frr/pimd.vty"
	lab_start_part pimd
	must "it is there again" lab_wait 30 lab_part_ready pimd
	must "it is a neighbor by its new GenID" lab_wait 30 lab_pim_neighbor
	must "the channels flow" lab_wait 30 all_flow
}
row peers_relay_silent slow "the relay in use ends without a word: another one takes over"
fault_peers_relay_silent() { scenario_row relaydies 5000 'back in under 5 s'; }
row peers_relay_moves slow "DNS names another relay: make before break"
fault_peers_relay_moves() { scenario_row record 0; }
row peers_relay_moved slow "a relay is left by the operator's word and for its L flag: not a packet is lost"
fault_peers_relay_moved() { scenario_row move 0; }
# The same is seen when an anycast relay address leads to another relay from one moment to the next.
row peers_new_secret slow "the relay is restarted with a new secret, or its anycast address is another relay's now"
fault_peers_new_secret() { scenario_row newsecret 6000 'data is back within'; }
row peers_nat slow "a NAT between us rebinds"
fault_peers_nat() { scenario_row nat 5000 'within 5 s'; }
row peers_race slow "one of two relays is silent from the start"
fault_peers_race() { scenario_row race 1000 'the slowest'; }
row peers_two slow "two appliances on one LAN, one killed"
fault_peers_two() { scenario_row two 3000 'within 3 s of that'; }
row peers_bogus slow "DNSSEC says that an answer is forged, under each policy"
fault_peers_bogus() { scenario_row dnssec 0; }
row peers_quirks slow "relays that do not keep to RFC 7450"
fault_peers_quirks() { scenario_row quirks 0; }
row peers_fragments slow "all data in fragments"
fault_peers_fragments() { scenario_row fragments 0; }

scenario_row() { # scenario_row NAME LIMIT-MS [TEXT]: the check whose text has TEXT tells the outage
	local out=$ROW_DIR/scenario.out ms line
	( # its lab is another one
		unset LAB_STATE LAB_SOURCES LAB_RELAYS LAB_RATE LAB_JOIN_INTERVAL LAB_CONFIG
		LAB_PREFIX="${LAB_PREFIX}$1-" exec "$LAB_TOP/test/lab/$1.sh"
	) >"$out" 2>&1
	report_status=$?
	if grep -q '^1\.\.0 # SKIP' "$out"; then
		not_here "$(sed -n 's/^1\.\.0 # SKIP //p' "$out")"
		return
	fi
	[ "$report_status" -eq 0 ] || bad "$1.sh: $(grep '^not ok' "$out" | head -n 3 | paste -sd ';')"
	grep '^not ok' -A 12 "$out" | sed 's/^/#   /' >>"$ROW_DIR/notes"
	ms=0
	while IFS= read -r line; do
		[[ $line =~ \(?([0-9]+)\ ms ]] && [ "${BASH_REMATCH[1]}" -gt "$ms" ] && ms=${BASH_REMATCH[1]}
	done < <([ -z "${3-}" ] || grep -- "$3" "$out")
	[ -z "${3-}" ] || note "$1.sh measured $ms ms"
	[ "$ms" -le "$2" ] || [ "$2" -eq 0 ] || bad "an outage of $ms ms"
	measured "$ms"
}
