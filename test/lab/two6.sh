#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two appliances on one downstream LAN over IPv6, each asked by another router for the same channel: exactly
# one forwards, the one with the higher link-local address (RFC 7761 section 4.6.3). It is killed, and the
# other goes on.
# _two.sh has the picture, where FRR only listens; two scripted routers on the bridge are fe80::4 and fe80::5.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario two6
export LAB_V6=1 LAB_WITHOUT="zebra pimd" LAB_PIM='hello_interval = 1; hello_holdtime = 4;'
S=$(lab_source6 0) G=$(lab_group6 0)
. "$(dirname "$0")/_two.sh"
PARTS=('' inletd inletd2)
ROUTERS=()

address() { ask "$1" show pim | jq -er 'map(select(.address_family == "ipv6"))[0].address'; }
router() { # router 1|2: a scripted one that asks that appliance
	local at=fe80::$((3 + $1)) dir=$LAB_STATE fd
	lab_in lan ip addr add $at/64 dev br0 nodad
	mkfifo "$dir/router$1.in"
	lab_in lan python3 "$LAB_TOP/test/lab/pimspeaker.py" --interface br0 --source $at --upstream "$(address "$1")" \
		--hello-interval 1 <"$dir/router$1.in" >"$dir/router$1.out" 2>&1 &
	exec {fd}>"$dir/router$1.in"
	ROUTERS[$1]=$fd
	lab_wait 15 lab_log_has "${PARTS[$1]}" "neighbor up if=lan addr=$at"
}
joins() { # joins 1|2: that router the channel
	echo "join $S $G" >&"${ROUTERS[$1]}"
	lab_wait 5 grep -qxF "done join $S $G" "$LAB_STATE/router$1.out"
}
higher() { # of two addresses
	python3 -c 'import ipaddress, sys; print(max(sys.argv[1:], key=ipaddress.ip_address))' "$1" "$2"
}

bring_up
start_second
check "a second appliance comes up on the LAN" lab_wait 60 second_ready
check "the first one has a link-local address" lab_wait 15 address 1
check "so has the second" lab_wait 15 address 2
check "the two are neighbors over both families" lab_wait 10 neighbors_are 1 2
check "a router comes for the first one" router 1
check "one for the second" router 2
joins 1
check "a channel flows through the first" lab_wait 15 flowing_at 1
joins 2
check "and through the second" lab_wait 15 flowing_at 2
check "exactly one forwards" lab_wait 5 one_forwards
winner=1 loser=2
[ "$(higher "$(address 1)" "$(address 2)")" = "$(address 1)" ] || winner=2 loser=1
at=$(address $winner)
check "the one with the higher address" lab_wait 5 muted_is $loser '["lan"]'
one_copy "one copy of each packet is on the LAN"
check "the loser keeps the channel: packets come to it" flowing_at $loser
lab_kill "${PARTS[$winner]}"
check "the forwarder is killed: the other one misses it" lab_wait 15 lab_log_has "${PARTS[$loser]}" \
	"neighbor down if=lan addr=$at reason=expired"
check "and forwards" lab_wait 3 muted_is $loser '[]'
one_copy "one copy of each packet again"
scenario_end
