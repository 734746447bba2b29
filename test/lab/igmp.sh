#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Receivers attached directly, and no PIM router: two hosts (their kernels speak IGMPv3) on the
# downstream link. Join and leave and how long they take, fast leave, two hosts with one channel, PIM
# and IGMP for one channel, receivers for the designated router alone, election against a querier of a
# lower address, bad messages, a restart.
#
#   inlet (dn0) --- xup0 | br0, host A 10.9.1.21 | xdn0 --- r0, host B 10.9.1.22 and the other querier
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario igmp
export LAB_SOURCES=2 LAB_WITHOUT="zebra pimd"
# Short, so that what the RFC has in minutes is seen: membership interval 2*4 + 2*1 = 10 s, other
# querier present 2*4 + 1/2 = 8.5 s.
timers="enabled = true; query_interval = 4; query_response_ms = 1000;"
export LAB_IGMP="$timers" LAB_PIM='dr_priority = 10;'
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
S2=$(lab_source 1) G2=$(lab_group 1)
INLET=("$LAB_BUILD/app/inlet/inlet" --socket "$LAB_SOCKET")
instrumented=0
! sanitized || instrumented=1

link_of_hosts() {
	lab_in frr ip link add br0 type bridge mcast_snooping 0 &&
		lab_in frr ip addr flush dev xup0 && lab_in frr ip addr flush dev xdn0 &&
		lab_in frr ip link set xup0 master br0 && lab_in frr ip link set xdn0 master br0 &&
		lab_in frr ip link set br0 up && lab_in frr ip addr add 10.9.1.21/24 dev br0 &&
		lab_in frr ip route replace default via 10.9.1.2 &&
		lab_in rcv ip addr flush dev r0 && lab_in rcv ip addr add 10.9.1.22/24 dev r0 &&
		lab_in rcv ip route replace default via 10.9.1.2
}
receive() { # receive a|b S G: host A or B joins
	local ns=frr dev=br0
	[ "$1" = a ] || { ns=rcv dev=r0; }
	rm -f "$LAB_STATE/host-$1-$2.out"
	lab_spawn "host-$1-$2" "$ns" "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if $dev --source "$2" \
		--group "$3" --json --quiet
}
leave() { # leave a|b S: the host leaves; what it received is in $LAB_STATE/host-...out
	lab_stop "host-$1-$2"
}
got() { # got a|b S JQ-EXPRESSION
	jq -e "$3" "$LAB_STATE/host-$1-$2.out"
}
igmp() { # igmp JQ-EXPRESSION: over the interface's row
	lab_inlet show igmp --json | jq -e ".[0] | $1"
}
wanted_by() { # wanted_by S G ORIGIN...
	local s=$1 g=$2
	shift 2
	[ "$(lab_channel "$s" "$g" | jq -r '.wanted_by | join(" ")')" = "$*" ]
}
last_log_ms() { log_time_ms "$(log_line "$1")"; }

check "a bridge with two hosts is on the downstream link" link_of_hosts
check "inletd is the querier" lab_wait 5 igmp '.state == "querier" and .querier == "10.9.1.2"'

# ---- join
receive a "$S" "$G"
check "a host's join makes the channel flow" lab_wait 10 state_is "$S" "$G" flowing
check "it is IGMP that wants it" wanted_by "$S" "$G" igmp
lab_inlet show igmp memberships --json | jq -e --arg s "$S" --arg g "$G" 'length == 1 and
	.[0].source_address == $s and .[0].group_address == $g and .[0].last_reporter == "10.9.1.21" and
	.[0].expire <= 10 and (.[0].leaving | not)' >/dev/null
report $? "show igmp memberships names the channel and the host"
# Four General Queries: the kernel's answers keep it past its interval.
sent=$(igmp .sent_query)
check "queries go on" lab_wait 20 igmp ".sent_query >= $sent + 3"
check "and the answers keep the channel" state_is "$S" "$G" flowing

# ---- leave
specific=$(igmp .sent_specific_query)
left=$(now_ms)
heard_ms=$(last_log_ms "membership: join heard if=lan s=$S g=$G host=10.9.1.21")
leave a "$S"
check "its leave ends the channel" lab_wait 5 state_is "$S" "$G" none
ms=$(($(last_log_ms "nobody wants it any more if=lan s=$S g=$G") - left))
[ "$ms" -ge 1900 ] && [ "$ms" -le $((2900 + 1000 * instrumented)) ]
report $? "two queries and 2 s after the leave ($ms ms)"
[ "$(igmp .sent_specific_query)" -eq $((specific + 2)) ]
report $? "group-and-source queries were two"
got a "$S" '.packets > 3000 and .lost == 0 and .duplicated == 0 and .bad == 0' >/dev/null
report $? "the host has lost nothing ($(got a "$S" '{packets, lost, duplicated, bad}' | jq -c .))"
first_us=$(got a "$S" '((.first_ns - .join_ns) / 1000) | floor')
[ "$first_us" -ge 0 ] && [ "$first_us" -lt $((50000 + 500000 * instrumented)) ]
report $? "join to first packet: $((first_us / 1000)).$(printf '%03d' $((first_us % 1000))) ms"
echo "# of these, from the report heard: $(($(got a "$S" '(.first_ns / 1000000) | floor') - heard_ms)) ms"

# ---- two hosts
receive a "$S" "$G"
receive b "$S" "$G"
check "two hosts want the channel" lab_wait 10 state_is "$S" "$G" flowing
check "both are heard" lab_wait 5 igmp '.received_report > 0 and .channels == 1'
sleep 1 # each has packets by then
specific=$(igmp .sent_specific_query)
leave a "$S"
# Twice; and again when the host's second report of its leave comes after the other's answer.
check "the first one leaves, and the rest is asked" \
	lab_wait 5 igmp ".sent_specific_query >= $specific + 2 and .sent_specific_query <= $specific + 4"
sleep 3 # longer than an unanswered question takes
check "the second one keeps the channel" state_is "$S" "$G" flowing
leave b "$S"
check "until it leaves too" lab_wait 5 state_is "$S" "$G" none
got b "$S" '.packets > 1000 and .lost == 0 and .duplicated == 0' >/dev/null
report $? "it has lost nothing meanwhile ($(got b "$S" '{packets, lost, duplicated, bad}' | jq -c .))"

# ---- PIM on the same interface
check "a PIM router comes" speaker_start 10.9.1.3
receive a "$S2" "$G2"
check "a host wants a channel" lab_wait 10 state_is "$S2" "$G2" flowing
served() { # served BOOLEAN: whether we serve the channel's receivers
	lab_inlet show igmp memberships --json | jq -e --arg s "$S2" "any(.[]; .source_address == \$s and .served == $1)"
}
check "the designated router serves it" served true
speaker priority 20
speaker hello
check "another designated router serves it instead" lab_wait 5 state_is "$S2" "$G2" none
check "the host is known still" served false
speaker priority 1
speaker hello
check "the designated router again, the channel flows" lab_wait 10 state_is "$S2" "$G2" flowing
speaker priority 20
speaker hello
check "the other one takes over again" lab_wait 5 state_is "$S2" "$G2" none
speaker hello 0
check "and leaves: the channel flows" lab_wait 10 state_is "$S2" "$G2" flowing
speaker priority 1
speaker hello
speaker join "$S2" "$G2"
check "the router wants it too" lab_wait 5 wanted_by "$S2" "$G2" pim igmp
leave a "$S2"
check "the host leaves" lab_wait 5 wanted_by "$S2" "$G2" pim
check "the channel stays for the router" state_is "$S2" "$G2" flowing
speaker prune "$S2" "$G2"
check "and goes with its Prune" lab_wait 10 state_is "$S2" "$G2" none
exec {SPEAKER}>&-

# ---- election
receive a "$S" "$G"
check "a channel flows" lab_wait 10 state_is "$S" "$G" flowing
lab_spawn querier rcv python3 "$LAB_TOP/test/lab/igmphost.py" querier r0 10.9.1.1 3
check "a querier of a lower address is elected" lab_wait 10 igmp \
	'.state == "other-querier" and .querier == "10.9.1.1" and .query_interval == 3'
sent=$(igmp .sent_query)
sleep 12 # three of our intervals, and longer than a membership holds
[ "$(igmp .sent_query)" -eq "$sent" ]
report $? "inletd is silent"
check "the answers to the other one keep the channel" state_is "$S" "$G" flowing
lab_kill querier
gone=$(now_ms)
check "it goes, and inletd is the querier again" lab_wait 12 igmp '.state == "querier"'
ms=$(($(last_log_ms "other querier gone if=lan address=10.9.1.1") - gone))
# 2*3 + 1/2 s after its last query, which was up to 3 s before.
[ "$ms" -ge 3400 ] && [ "$ms" -le 7000 ]
report $? "when the other querier present interval was over ($ms ms after it was killed)"
check "the channel flows all along" state_is "$S" "$G" flowing

# ---- bad messages, from behind the bridge, which may look at IP headers itself
while IFS= read -r line; do
	case $line in
	'ok - '*) report 0 "${line#ok - }" ;;
	'not ok - '*) report 1 "${line#not ok - }" ;;
	*) echo "# $line" ;;
	esac
done < <(lab_in frr python3 "$LAB_TOP/test/lab/igmphost.py" bad xup0 \
	"$(lab_in inlet cat /sys/class/net/dn0/address)" "${INLET[@]}" 2>&1)
check "inletd is the querier still" igmp '.state == "querier"'

# ---- a crash; a restart that finds its receivers by its first query; fast leave
# Written with each change, and every 20 s what was refreshed meanwhile: it has to be of just now.
on_file() { # the member, and for 3 s more
	awk -v s="$S" -v g="$G" -v until=$((${EPOCHREALTIME/./} + 3000000)) \
		'$1 == "member" && $3 == s && $4 == g && $5 == "10.9.1.21" && $6 > until { ok = 1 } END { exit !ok }' \
		"$LAB_SOCKET.state"
}
check "the state file has the member" lab_wait 30 on_file
lab_kill inletd
: >"$LAB_STATE/inletd.log"
lab_start_part inletd
check "after a crash the channel flows again" lab_wait 10 state_is "$S" "$G" flowing
check "since it was on file" lab_log_has inletd "channels restored .*channels=1"
check "and the host answers for it" lab_wait 5 igmp '.received_report > 0 and .channels == 1'
export LAB_IGMP="$timers fast_leave = true;"
lab_write_configs
lab_stop inletd
: >"$LAB_STATE/inletd.log"
rm -f "$LAB_SOCKET.state"
lab_start_part inletd
check "inletd starts again" lab_await_part inletd
check "its first query brings the channel back" lab_wait 5 state_is "$S" "$G" flowing
left=$(now_ms)
leave a "$S"
check "with fast leave" lab_wait 5 state_is "$S" "$G" none
ms=$(($(last_log_ms "left if=lan s=$S g=$G") - left))
[ "$ms" -ge 0 ] && [ "$ms" -le $((100 + 400 * instrumented)) ]
report $? "the channel ends at once ($ms ms)"
check "unasked" igmp '.sent_specific_query == 0'
check "no tunnel is left" lab_wait 10 no_tunnels
scenario_end
