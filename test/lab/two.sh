#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two appliances on one downstream LAN, each asked by another router for the same channel: exactly one
# forwards (RFC 7761 section 4.6). The forwarder is killed: the other goes on as soon as the loss of its
# neighbor is known. It comes back, and leaves in peace.
#
#   relay --- net --- inlet  (10.9.1.2) ---+
#              |                           bridge "lan" --- frr (10.9.1.1) --- rcv
#              +----- inlet2 (10.9.1.3) ---+
#                                          a scripted router on the bridge (10.9.1.9)
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario two
export LAB_PIM='hello_interval = 1; hello_holdtime = 4;'
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP

eval "plain_$(declare -f lab_network)"
eval "plain_$(declare -f lab_write_configs)"
lab_network() {
	local ns port
	plain_lab_network || return 1
	lab_in frr ip link del xup0
	for ns in lan inlet2; do
		ip netns add "$(lab_ns $ns)" || return 1
		lab_in $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
		lab_in $ns ip link set lo up
	done
	lab_in lan ip link add br0 type bridge mcast_snooping 0 || return 1
	lab_link inlet dn0 lan p1 && lab_link inlet2 dn0 lan p2 && lab_link frr xup0 lan p3 &&
		lab_link inlet2 up0 net to-inlet2 || return 1
	for port in p1 p2 p3; do
		lab_in lan ip link set $port master br0 || return 1
	done
	lab_in lan ip link set br0 up
	lab_in lan ip addr add 10.9.1.9/24 dev br0
	lab_in net ip addr add 198.18.2.1/24 dev to-inlet2
	lab_in frr ip addr add 10.9.1.1/24 dev xup0
	lab_in frr ip route add default via 10.9.1.2
}
lab_write_configs() {
	plain_lab_write_configs
	sed -e 's/192\.0\.2\.2/198.18.2.2/; s/192\.0\.2\.1/198.18.2.1/; s/10\.9\.1\.2/10.9.1.3/' \
		-e 's/console\.sock/console2.sock/; s/file-prefix=[^"]*/&2/' \
		"$LAB_STATE/inlet.conf" >"$LAB_STATE/inlet2.conf"
}
start_second() { lab_spawn inletd2 inlet2 "$LAB_BUILD/app/inletd/inletd" -c "$LAB_STATE/inlet2.conf"; }
ask() { # ask 1|2 WORD...: that appliance's console
	local socket=$LAB_SOCKET
	[ "$1" = 1 ] || socket=${LAB_SOCKET/console/console2}
	shift
	"$LAB_BUILD/app/inlet/inlet" --socket "$socket" "$@" --json
}
second_ready() { ask 2 show ports | jq -e 'length == 2'; }
neighbors_are() { # neighbors_are 1|2 N
	[ "$(ask "$1" show neighbors | jq length)" -eq "$2" ]
}
channel_of() { ask "$1" show channels | jq -c --arg g "$G" '[.[] | select(.group == $g)][0] // {}'; }
muted_is() { [ "$(channel_of "$1" | jq -c .muted)" = "$2" ]; }
flowing_at() { [ "$(channel_of "$1" | jq -r .state)" = flowing ]; }
one_forwards() { # one of them is muted, and it is settled
	local a b
	a=$(channel_of 1 | jq -c .muted) b=$(channel_of 2 | jq -c .muted)
	[ "$a$b" = '["lan"][]' ] || [ "$a$b" = '[]["lan"]' ]
}
one_copy() { # one_copy TEXT: of what the source sends in 3 s, one copy of each packet is on the LAN
	local tools=$LAB_BUILD/deploy/lab.d/tools
	rm -f "$LAB_STATE"/{sent,native}.{log,out}
	lab_spawn sent src "$tools/lab-tap" --if s0 --direction out --source "$S" --group "$G" \
		--write "$LAB_STATE/sent.pcap"
	lab_wait 5 lab_log_has sent listening
	lab_spawn native frr "$tools/lab-tap" --if xup0 --direction in --source "$S" --group "$G" --seconds 3 \
		--write "$LAB_STATE/native.pcap"
	lab_wait 10 lab_gone native
	lab_stop sent
	"$tools/lab-tap" compare "$LAB_STATE/sent.pcap" "$LAB_STATE/native.pcap" --ttl-delta 1 >"$LAB_STATE/compare" 2>&1
	report $? "$1"
	diag <"$LAB_STATE/compare"
}
first_packet_after() { # first_packet_after LINE TEXT: of the tap at the receiver, ms after a line of the log
	local first ms
	lab_wait 10 test -s "$LAB_STATE/tap.out"
	first=$(($(head -n 1 "$LAB_STATE/tap.out" | jq .first_ns) / 1000000))
	ms=$((first - $(log_time_ms "${1:-@0}")))
	[ "$ms" -le 3000 ]
	report $? "$2 ($ms ms)"
}
watch_receiver() { # from now on
	rm -f "$LAB_STATE"/tap.{log,out}
	lab_spawn tap rcv "$LAB_BUILD/deploy/lab.d/tools/lab-tap" --if r0 --direction in --source "$S" --group "$G"
	lab_wait 5 lab_log_has tap listening
}

bring_up
start_second
check "a second appliance comes up on the LAN" lab_wait 60 second_ready
check "the two are neighbors" lab_wait 10 neighbors_are 2 2
lab_join "$S" "$G"
check "a channel flows through the first, which FRR asks" lab_wait 10 flowing_at 1
mkfifo "$LAB_STATE/speaker.in"
lab_in lan python3 "$LAB_TOP/test/lab/pimspeaker.py" --interface br0 --source 10.9.1.9 --upstream 10.9.1.3 \
	<"$LAB_STATE/speaker.in" >"$LAB_STATE/speaker.out" 2>&1 &
exec {SPEAKER}>"$LAB_STATE/speaker.in"
check "a router that asks the second one is its neighbor" lab_wait 15 neighbors_are 2 3
speaker join "$S" "$G"
check "it flows through the second as well" lab_wait 10 flowing_at 2
check "exactly one forwards" lab_wait 5 one_forwards
check "the one with the higher address" lab_wait 5 muted_is 1 '["lan"]'
# FRR 8.4 does not join there at once, as RFC 7761 has it, but with its next periodic Join.
follows() { lab_vtysh -c 'show ip pim rpf' | grep -q "$S *$G *xup0 *$1 "; }
check "FRR's upstream router is the winner" lab_wait 10 follows 10.9.1.3
one_copy "one copy of each packet is on the LAN"
check "the loser keeps the channel: packets come to it" flowing_at 1

# ---- The forwarder is killed.
watch_receiver
lab_kill inletd2
lab_stop tap
watch_receiver
check "the first one misses its neighbor" lab_wait 10 lab_log_has inletd 'neighbor down if=lan addr=10.9.1.3 reason=expired'
first_packet_after "$(log_line 'neighbor down if=lan addr=10.9.1.3 reason=expired')" \
	"packets reach the receiver within 3 s of that"
lab_stop tap
check "it forwards" muted_is 1 '[]'
check "FRR's upstream router is the one that is left" lab_wait 10 follows 10.9.1.2
one_copy "one copy of each packet again"

# ---- It comes back, with the channels of its state file.
start_second
check "the second one is back" lab_wait 60 second_ready
# A router joins again when it hears a new GenID; the scripted one is told to.
speaker hello
check "it knows its neighbors" lab_wait 15 neighbors_are 2 3
speaker join "$S" "$G"
check "with its channel" lab_wait 20 flowing_at 2
check "and again exactly one forwards" lab_wait 10 one_forwards
check "the one with the higher address, again" lab_wait 10 muted_is 1 '["lan"]'
one_copy "one copy of each packet"

# ---- It leaves in peace: no wait for a holdtime.
lab_leave "$S" "$G" >"$LAB_STATE/left"
echo "# the receiver until here: $(jq -c '{packets, lost, duplicated}' "$LAB_STATE/left")"
lab_join "$S" "$G"
lab_wait 10 one_forwards
lab_stop inletd2
check "a Goodbye is heard at once" lab_wait 2 lab_log_has inletd 'neighbor down if=lan addr=10.9.1.3 reason=goodbye'
check "and the first one forwards" lab_wait 2 muted_is 1 '[]'
one_copy "one copy of each packet"
exec {SPEAKER}>&-
scenario_end
