#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the configuration refuses: sources, groups and relays, by lists that a reload changes. A refusal is
# counted, said in the log and by explain; what is no longer refused comes back without a new Join. A channel
# that the lists do not concern flows on. And what workers hand up has limits that can be looked at.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario acl
export LAB_SOURCES=2 LAB_RELAYS=1 LAB_RATE="${ACL_RATE:-500}"
bring_up
conf=$LAB_STATE/inlet.conf
S0=$(lab_source 0) G0=$(lab_group 0) S1=$(lab_source 1) G1=$(lab_group 1)
count() { # count ROOM NAME
	lab_inlet show drops all --json | jq --arg r "$1" --arg n "$2" '[.[] | select(.room == $r and .name == $n)][0].count'
}
counted() { [ "$(count channel "$1")" -gt 0 ]; }
explained() { lab_inlet explain "$S1" "$G1" --json | jq -e --arg t "$1" '.[-1] | select(.step == "verdict") | .detail | contains($t)'; }
acl() { # acl LINE: the file's list, and what reload says
	sed -i '/^acl = /d' "$conf"
	[ -z "$1" ] || echo "acl = $1" >>"$conf"
	lab_inlet reload --json >"$LAB_STATE/answer" 2>&1
}

lab_join "$S0" "$G0"
lab_join "$S1" "$G1"
check "a channel flows" lab_wait 20 state_is "$S0" "$G0" flowing
check "another one too" lab_wait 20 state_is "$S1" "$G1" flowing

for list in "sources $S1/32 SOURCE_ACL" "groups $G1/32 GROUP_ACL"; do
	read -r what prefix reason <<<"$list"
	acl "{ $what = { deny = [ \"$prefix\" ]; }; };"
	check "$what: what is denied is left" lab_wait 10 state_is "$S1" "$G1" none
	check "$what: it is counted" lab_wait 5 counted "$reason"
	check "$what: the log says it" lab_log_has inletd "reason=$reason"
	check "$what: explain does" explained "acl.$what"
	acl ""
	check "$what: permitted again, it flows without a new Join" lab_wait 30 state_is "$S1" "$G1" flowing
done
acl '{ relays = { permit = [ "192.0.2.0/24" ]; }; };'
check "relays: none that is not permitted is used" lab_wait 10 state_is "$S1" "$G1" waiting
check "relays: it is counted" counted RELAY_ACL
check "relays: explain says it" explained "acl.relays"
acl ""
check "relays: permitted again, it flows" lab_wait 30 state_is "$S1" "$G1" flowing
check "and so does the other" lab_wait 30 state_is "$S0" "$G0" flowing

# ---- The loop guard: what a route leads to out of the downstream interface, by a router there. Routes are
# looked at when a relay is chosen, and at a reload of the lists.
R=203.0.113.11
other='{ sources = { deny = [ "10.99.0.0/16" ]; }; };'
refused() { lab_inlet resolve "$S1" --json 2>&1 | grep -q 'leads downstream'; }
lab_in inlet ip route add "$R/32" via 10.9.1.1 dev lan
acl "$other"
check "a relay behind a downstream router is left" lab_wait 10 state_is "$S1" "$G1" waiting
check "it is counted" counted RELAY_BEHIND
check "the log says it" lab_log_has inletd "addr=$R reason=RELAY_BEHIND"
check "explain does" explained "leads downstream"
check "resolve does" refused
lab_in inlet ip route del "$R/32" via 10.9.1.1 dev lan
lab_in inlet ip route add "$S1/32" via 10.9.1.1 dev lan
acl ""
check "with the route gone the relay is taken" lab_wait 30 state_is "$S0" "$G0" flowing
check "but for a source behind a downstream router" lab_wait 10 state_is "$S1" "$G1" waiting
check "the source: it is counted" counted SOURCE_BEHIND
check "the source: explain does" explained "leads downstream"
lab_in inlet ip route del "$S1/32" via 10.9.1.1 dev lan
acl "$other"
check "which flows when that route is gone" lab_wait 30 state_is "$S1" "$G1" flowing
acl ""

lab_inlet show punt --json | jq -e 'any(.[]; .interface == "lan" and .class == "pim" and .limit == 40000 and .punted > 0)
	and all(.[]; .over == 0 and .shouted == 0)' >/dev/null
report $? "PIM went up within its limits, and nothing was held back"
echo 'punt = { pim = 7; };' >>"$conf"
lab_inlet reload --json >/dev/null 2>&1
lab_inlet show punt --json | jq -e 'any(.[]; .class == "pim" and .limit == 7)' >/dev/null
report $? "a limit is another one after a reload"
scenario_end
