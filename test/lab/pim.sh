#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# PIM as RFC 7761 has it for an SSM router, beside FRR and a scripted neighbor: DR election, ACL, limits,
# GenID, override interval, Assert in all its ways, FRR's flap. A receiver's channel flows meanwhile, and
# loses packets only where another router is the forwarder.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario pim
export LAB_SOURCES=2
export LAB_PIM='neighbors = [ "10.9.1.0/29" ]; max_neighbors = 3; max_joins_neighbor = 5; max_joins = 7;'
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP

pim() { lab_inlet show pim --json | jq -r ".[0].$1"; }
pim_is() { [ "$(pim "$1")" = "$2" ]; }
assert_is() { # assert_is STATE WINNER: of the channel
	lab_inlet show pim joins --json | jq -e --arg s "$S" --arg g "$G" --arg a "$1" --arg w "$2" \
		'any(.[]; .source_address == $s and .group_address == $g and .assert_state == $a and (.winner // "none") == $w)'
}
dropped() { # dropped NAME: how often, on the downstream interface
	lab_inlet show drops all --json | jq --arg n "$1" '[.[] | select(.room == "pim" and .name == $n)][0].count'
}
dropped_more() { [ "$(dropped "$1")" -gt "$2" ]; }
muted() { lab_channel "$S" "$G" | jq -e '.muted == ["lan"]'; }
unmuted() { lab_channel "$S" "$G" | jq -e '.muted == []'; }
heard() { grep -q -- "^heard $*" "$LAB_STATE/speaker.out"; }
heard_count() { grep -c -- "^heard $*" "$LAB_STATE/speaker.out"; }
sent() { lab_inlet show ports --json | jq '.[] | select(.name == "lan") | .native_packets'; }
still() { # nothing leaves downstream
	local before
	before=$(sent)
	sleep 0.3 # that nothing comes has no event
	[ "$(sent)" -eq "$before" ]
}
flows_again() { # flows_again FROM: downstream, packets that were not there at count FROM
	[ "$(sent)" -gt "$1" ]
}
frr_dr() { lab_vtysh -c 'show ip pim interface xup0 json' | jq -e --arg a "$1" '.xup0.drAddress == $a'; }

# ---- DR
check "inletd is the designated router: its address is the highest" lab_wait 5 pim_is dr_address 10.9.1.2
check "FRR thinks so too" lab_wait 10 frr_dr 10.9.1.2
lab_join "$S" "$G"
check "a channel flows" lab_wait 10 state_is "$S" "$G" flowing
check "a second neighbor comes" speaker_start 10.9.1.4 --hello-interval 1 --hello-holdtime 30
check "with the same priority and a higher address it is the DR" lab_wait 5 pim_is dr_address 10.9.1.4
speaker priority 0
speaker hello
check "with a lower priority it is not" lab_wait 5 pim_is dr_address 10.9.1.2
speaker priority none
speaker hello
check "without one addresses decide for all" lab_wait 5 pim_is dr_address 10.9.1.4
speaker priority 1

# ---- Hellos
speaker delays 1000 4000
speaker secondaries 10.9.7.4
speaker hello
check "the override interval is the largest of all" lab_wait 5 pim_is override_interval 4000
check "the propagation delay is too" lab_wait 5 pim_is propagation_delay 1000
lab_inlet show neighbors --json | jq -e 'any(.[]; .address == "10.9.1.4" and .is_dr and .secondaries == ["10.9.7.4"])' >/dev/null
report $? "its Address List is shown"
speaker delays none
speaker hello
check "one neighbor without the option: the defaults" lab_wait 5 pim_is override_interval 2500
speaker delays 500 2500
speaker secondaries
before=$(heard_count hello 10.9.1.2)
speaker genid 0x5eed0002
speaker hello
check "a changed GenID is noticed" lab_wait 2 lab_log_has inletd 'neighbor restarted if=lan addr=10.9.1.4 reason=genid'
hellos() { [ "$(heard_count hello 10.9.1.2)" -gt "$before" ]; }
check "and answered with a Hello within the delay" lab_wait 2 hellos

# ---- ACL and limits
before=$(dropped NEIGHBOR_REFUSED)
lab_in frr ip addr add 10.9.1.9/24 dev xup0
lab_in frr timeout 3 python3 "$LAB_TOP/test/lab/pimspeaker.py" --interface xup0 --source 10.9.1.9 \
	--upstream 10.9.1.2 </dev/null >/dev/null 2>&1
check "a router that the list does not have is refused and counted" lab_wait 5 dropped_more NEIGHBOR_REFUSED "$before"
lab_inlet show neighbors --json | jq -e 'all(.[]; .address != "10.9.1.9")' >/dev/null
report $? "and is no neighbor"
lab_in frr ip addr del 10.9.1.9/24 dev xup0
others=()
for i in 1 2 3 4 5 6; do
	others+=("198.51.100.$((100 + i))" 232.9.9.9)
done
speaker join "${others[@]}"
check "Joins past a neighbor's limit are refused and counted" lab_wait 5 dropped_more JOINS_NEIGHBOR_LIMIT 0
[ "$(pim joins)" -eq 6 ]
report $? "the others are there ($(pim joins))"
check "the log says it" lab_log_has inletd 'reason=JOINS_NEIGHBOR_LIMIT'
speaker prune "${others[@]}"
joins_are() { [ "$(pim joins)" -eq "$1" ]; }
check "and go" lab_wait 10 joins_are 1

# ---- Prune, override, PruneEcho
speaker join "$S" "$G"
speaker prune "$S" "$G"
check "a Prune is pending with two neighbors" lab_wait 2 sh -c "'$LAB_BUILD/app/inlet/inlet' --socket '$LAB_SOCKET' \
	show pim joins --json | jq -e 'any(.[]; .jp_state == \"prune-pending\")'"
speaker join "$S" "$G"
if lab_wait 4 lab_log_has inletd "prune took effect if=lan s=$S g=$G"; then r=1; else r=0; fi
report $r "a Join within the window overrides it"
lab_leave "$S" "$G" >"$LAB_STATE/left"
jq -e '.packets > 1000 and .lost == 0 and .duplicated == 0' "$LAB_STATE/left" >/dev/null
report $? "and the receiver has lost nothing since it began ($(jq -c '{packets, lost, duplicated}' "$LAB_STATE/left"))"
# FRR's own Prune and Join are over before the next one.
check "FRR's Prune ends the channel" lab_wait 20 state_is "$S" "$G" none
lab_join "$S" "$G"
check "it joins again" lab_wait 20 state_is "$S" "$G" flowing
took_effect() { grep -c "prune took effect if=lan s=$S g=$G" "$LAB_STATE/inletd.log"; }
took_more() { [ "$(took_effect)" -gt "$1" ]; }
before=$(took_effect)
speaker prune "$S" "$G"
check "a Prune that nobody overrides takes effect" lab_wait 10 took_more "$before"
check "and is echoed" lab_wait 5 heard prune 10.9.1.2 "$S" "$G"
check "FRR, which has a receiver, joins again when it hears that" lab_wait 10 state_is "$S" "$G" flowing

# ---- Assert
others_data() { speaker data "$S" "$G" "$1"; }
others_data 3
check "packets of another forwarder make us assert" lab_wait 3 heard assert 10.9.1.2 "$S" "$G" 0 250 10
check "and win while nobody objects" lab_wait 2 assert_is winner 10.9.1.2
before=$(heard_count assert)
speaker assert "$S" "$G" 250 11
asserts() { [ "$(heard_count assert)" -gt "$before" ]; }
check "an inferior Assert is answered" lab_wait 2 asserts
check "and changes nothing" assert_is winner 10.9.1.2

lose() { # lose TEXT
	speaker assert "$S" "$G" 100 1
	check "$1: a better Assert is lost" lab_wait 2 assert_is loser 10.9.1.4
	check "$1: the interface is muted" lab_wait 2 muted
	check "$1: nothing is sent there" still
	check "$1: the channel is kept" state_is "$S" "$G" flowing
}
resumed() { # resumed TEXT
	local from
	from=$(sent)
	check "$1" lab_wait 3 unmuted
	check "$1: packets leave again" lab_wait 3 flows_again "$from"
}
lose "cancel"
speaker cancel "$S" "$G"
resumed "the winner's AssertCancel ends it"
lose "GenID"
speaker genid 0x5eed0003
speaker hello
resumed "the winner's new GenID ends it"
lose "goodbye"
speaker hello 0
resumed "the winner's Goodbye ends it"
speaker hello
lose "join"
speaker join "$S" "$G"
resumed "a Join that names us ends it"
lose "death"
speaker hello 2
speaker mute
killed=$(now_ms)
check "the winner dies: its holdtime runs out" lab_wait 5 lab_log_has inletd 'neighbor down if=lan addr=10.9.1.4 reason=expired'
resumed "then we forward again"
echo "# $(($(now_ms) - killed)) ms after its last Hello, which held for 2 s"
exec {SPEAKER}>&-

# ---- FRR without resolve-via-default: each Join is taken back at once.
lab_leave "$S" "$G" >"$LAB_STATE/left"
jq -e '.duplicated == 0 and .bad == 0' "$LAB_STATE/left" >/dev/null
report $? "the receiver has had no packet twice ($(jq -c '{packets, lost, duplicated, bad}' "$LAB_STATE/left"))"
check "its channel ends" lab_wait 15 state_is "$S" "$G" none
lab_vtysh -d zebra -c 'configure terminal' -c 'no ip nht resolve-via-default'
S2=$(lab_source 1) G2=$(lab_group 1)
lab_join "$S2" "$G2"
check "FRR's flap is named in the log, with what to do" lab_wait 15 lab_log_has inletd \
	'neighbor takes its Joins back at once if=lan addr=10.9.1.1.*resolve-via-default'
lab_leave "$S2" "$G2" >/dev/null
[ "$(grep -c 'takes its Joins back' "$LAB_STATE/inletd.log")" -le 1 ]
report $? "once"
scenario_end
