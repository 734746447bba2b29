#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# PIM over IPv6 with a scripted neighbor: Hellos from the link-local address with the others listed, DR
# election, Joins that make a channel flow, Assert, a Prune, and a change of our address.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario pim6
export LAB_V6=1 LAB_WITHOUT="zebra pimd" LAB_SOURCES=1
bring_up
S=$(lab_source6 0) G=$(lab_group6 0)
THEM=fe80::4 OTHER=fe80::77

row() { lab_inlet show pim --json | jq -r ".[] | select(.address_family == \"ipv6\") | .$1"; }
row_is() { [ "$(row "$1")" = "$2" ]; }
rows_are() { [ "$(lab_inlet show pim --json | jq -r 'map(.address_family) | join(" ")')" = "$*" ]; }
assert_is() { # assert_is STATE: of the channel
	lab_inlet show pim joins --json | jq -e --arg s "$S" --arg g "$G" --arg a "$1" \
		'any(.[]; .source_address == $s and .group_address == $g and .assert_state == $a)'
}
heard() { grep -q -- "^heard $*" "$LAB_STATE/speaker.out"; }
muted_is() { [ "$(lab_channel "$S" "$G" | jq -c .muted)" = "$1" ]; }
neighbor() { # neighbor JQ-EXPRESSION: over the neighbor's row
	lab_inlet show neighbors --json | jq -e --arg a "$THEM" ".[] | select(.address == \$a) | $1"
}
dropped_more() { [ "$(dropped "$1")" -gt "$2" ]; }
dropped() { lab_inlet show drops all --json | jq --arg n "$1" '[.[] | select(.room == "pim6" and .name == $n)][0].count'; }

check "PIM is spoken over both families" lab_wait 10 rows_are ipv4 ipv6
US=$(lab_link_local)
check "from the link-local address" eval 'lab_in inlet ip -6 addr show dev lan scope link | grep -q " $US/64 "'
check "alone on the link inletd is the designated router" row_is dr_address "$US"

# ---- Hellos
check "a neighbor comes" speaker_start $THEM --hello-interval 1 --hello-holdtime 30
check "it hears our Hello" lab_wait 10 heard hello "$US" 105
check "which lists our global address" lab_wait 2 heard secondary "$US" 2001:db8:a091::2
speaker secondaries 2001:db8:a091::1
speaker hello
check "its own list is shown" lab_wait 5 neighbor \
	'.secondaries == ["2001:db8:a091::1"]'
speaker priority 9
speaker hello
check "with a higher priority it is the designated router" lab_wait 5 row_is dr_address $THEM
speaker priority none
speaker hello
check "without one the higher address is" lab_wait 5 row_is dr_address "$US"
speaker priority 1
speaker genid 0x5eed0002
speaker hello
check "a changed GenID is noticed" lab_wait 5 lab_log_has inletd "neighbor restarted if=lan addr=$THEM reason=genid"

# ---- Join
speaker join "$S" "$G"
check "a Join makes a channel flow" lab_wait 15 state_is "$S" "$G" flowing
lab_channel "$S" "$G" | jq -e '.wanted_by == ["pim"]' >/dev/null
report $? "PIM wants it"
rm -f "$LAB_STATE/recv6.out"
lab_spawn recv6 frr "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if xup0 --source "$S" --group "$G" --packets 500 --json
check "a host on the link sees its packets" lab_wait 20 lab_gone recv6
jq -e '.packets >= 500 and .lost == 0 and .duplicated == 0 and .bad == 0' "$LAB_STATE/recv6.out" >/dev/null
report $? "none is lost, doubled or damaged ($(jq -c '{packets, lost, duplicated, bad}' "$LAB_STATE/recv6.out"))"
before=$(dropped NOT_SSM)
speaker join "$S" ff0e::8000:1
check "a group outside ff3x::/32 is refused and counted" dropped_more NOT_SSM "$before"

# ---- Assert
speaker data "$S" "$G" 3
check "packets of another forwarder make us assert" lab_wait 5 heard assert "$US" "$S" "$G" 0 250 10
check "and win" lab_wait 2 assert_is winner
speaker assert "$S" "$G" 100 1
check "a better Assert is lost" lab_wait 2 assert_is loser
check "nothing is sent there" lab_wait 2 muted_is '["lan"]'
speaker cancel "$S" "$G"
check "the winner's AssertCancel ends it" lab_wait 2 muted_is '[]'
speaker assert "$S" "$G" 100 1
check "lost again" lab_wait 2 muted_is '["lan"]'
speaker hello 0
check "the winner's Goodbye ends it" lab_wait 2 muted_is '[]'
speaker hello

# ---- Our address changes.
lab_in inlet ip addr add $OTHER/64 dev lan nodad
check "a second link-local address is listed at once" lab_wait 3 heard secondary "$US" $OTHER
lab_in inlet ip addr del "$US/64" dev lan
check "the first one goes: its Goodbye" lab_wait 3 heard hello "$US" 0
check "and a Hello of the other one" lab_wait 5 heard hello $OTHER 105
check "what was joined stays" state_is "$S" "$G" flowing
before=$(dropped NOT_UPSTREAM)
speaker join "$S" "$G"
check "a Join that names the old address is not for us" dropped_more NOT_UPSTREAM "$before"
lab_in inlet ip addr add "$US/64" dev lan nodad
lab_in inlet ip addr del $OTHER/64 dev lan
check "the first address comes back" lab_wait 5 row_is address "$US"
check "as the second one goes" lab_wait 3 heard hello $OTHER 0

# ---- Prune
speaker prune "$S" "$G"
check "the Prune of the only neighbor ends the channel" lab_wait 10 state_is "$S" "$G" none
check "no tunnel is left" lab_wait 15 no_tunnels
exec {SPEAKER}>&-
scenario_end
