#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Receivers of IPv6 attached directly, by MLDv2 of a host's kernel: join and leave and how long they take,
# receivers for the designated router alone, election against a querier of a lower address, bad messages, a
# crash.
#
#   inlet (dn0) --- xup0, the host
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario mld
export LAB_V6=1 LAB_SOURCES=1 LAB_WITHOUT="zebra pimd"
# Short, so that what the RFC has in minutes is seen: membership interval 2*4 + 2*1 = 10 s, other
# querier present 2*4 + 1/2 = 8.5 s.
export LAB_MLD="enabled = true; query_interval = 4; query_response_ms = 1000;" LAB_PIM='dr_priority = 10;'
bring_up
S=$(lab_source6 0) G=$(lab_group6 0)
INLET=("$LAB_BUILD/app/inlet/inlet" --socket "$LAB_SOCKET")
instrumented=0
! sanitized || instrumented=1

mld() { # mld JQ-EXPRESSION: over the interface's row
	lab_inlet show mld --json | jq -e ".[0] | $1"
}
member() { # member JQ-EXPRESSION: over the channel's row
	lab_inlet show mld memberships --json | jq -e --arg s "$S" --arg g "$G" --arg host "$HOST" \
		".[] | select(.source_address == \$s and .group_address == \$g) | $1"
}
receive() {
	rm -f "$LAB_STATE/host.out"
	lab_spawn host frr "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if xup0 --source "$S" --group "$G" --json --quiet
}
last_log_ms() { log_time_ms "$(log_line "$1")"; }

HOST=$(lab_in frr ip -6 -j addr show dev xup0 scope link | jq -r '[.[] | .addr_info[]? | .local // empty][0]')
echo "# the host is $HOST"
check "MLD has an address" lab_wait 15 lab_link_local
US=$(lab_link_local)
check "inletd is the querier, by its link-local address" lab_wait 5 mld \
	".state == \"querier\" and .querier == \"$US\" and .protocol == \"mld\""

# ---- join
receive
check "a host's MLDv2 join makes the channel flow" lab_wait 15 state_is "$S" "$G" flowing
lab_channel "$S" "$G" | jq -e '.wanted_by == ["igmp"]' >/dev/null
report $? "it is membership that wants it"
check "show mld memberships names the host" lab_wait 5 member '.last_reporter == $host and .served and (.leaving | not)'
# Four General Queries: the kernel's answers keep it past its interval.
sent=$(mld .sent_query)
check "queries go on" lab_wait 25 mld ".sent_query >= $sent + 3"
check "and the answers keep the channel" state_is "$S" "$G" flowing

# ---- receivers are the designated router's
check "a PIM router comes" speaker_start fe80::4 --hello-interval 1 --hello-holdtime 30
check "it is not the designated router" member .served
speaker priority 20
speaker hello
check "when it is, the host's channel is its matter" lab_wait 5 state_is "$S" "$G" none
check "the host is known still" member '.served == false'
speaker mute
speaker hello 0
check "it leaves: the channel flows" lab_wait 15 state_is "$S" "$G" flowing
exec {SPEAKER}>&-

# ---- leave
specific=$(mld .sent_specific_query)
left=$(now_ms)
lab_stop host
check "the host's leave ends the channel" lab_wait 8 state_is "$S" "$G" none
ms=$(($(last_log_ms "nobody wants it any more if=lan s=$S g=$G") - left))
[ "$ms" -ge 1900 ] && [ "$ms" -le $((2900 + 1000 * instrumented)) ]
report $? "two queries and 2 s after the leave ($ms ms)"
[ "$(mld .sent_specific_query)" -eq $((specific + 2)) ]
report $? "group-and-source queries were two"
jq -e '.packets > 500 and .duplicated == 0 and .bad == 0' "$LAB_STATE/host.out" >/dev/null
report $? "nothing was doubled or damaged ($(jq -c '{packets, duplicated, bad}' "$LAB_STATE/host.out"))"

# ---- election
receive
check "a channel flows" lab_wait 15 state_is "$S" "$G" flowing
lab_spawn querier frr python3 "$LAB_TOP/test/lab/mldhost.py" querier xup0 fe80::1 3
check "a querier of a lower address is elected" lab_wait 10 mld \
	'.state == "other-querier" and .querier == "fe80::1" and .query_interval == 3'
lab_kill querier
check "it goes, and inletd is the querier again" lab_wait 15 mld '.state == "querier"'

# ---- bad messages
while IFS= read -r line; do
	case $line in
	'ok - '*) report 0 "${line#ok - }" ;;
	'not ok - '*) report 1 "${line#not ok - }" ;;
	*) echo "# $line" ;;
	esac
done < <(lab_in frr python3 "$LAB_TOP/test/lab/mldhost.py" bad xup0 \
	"$(lab_in inlet cat /sys/class/net/dn0/address)" "$US" "${INLET[@]}" 2>&1)
check "inletd is the querier still" mld '.state == "querier"'

# ---- a crash
check "the state file has the member" lab_wait 30 grep -q "^member lan $S $G $HOST " "$LAB_SOCKET.state"
lab_kill inletd
: >"$LAB_STATE/inletd.log"
lab_start_part inletd
check "after a crash the channel flows again" lab_wait 20 state_is "$S" "$G" flowing
check "and the host answers for it" lab_wait 10 mld '.received_report > 0 and .channels == 1'
lab_stop host
check "its leave ends it" lab_wait 8 state_is "$S" "$G" none
check "no tunnel is left" lab_wait 15 no_tunnels
scenario_end
