# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Two appliances on one downstream LAN, for the scenarios two and two6, which source this after _lib.sh and
# set S and G.
#
#   relay --- net --- inlet  (10.9.1.2) ---+
#              |                           bridge "lan" --- frr (10.9.1.1) --- rcv
#              +----- inlet2 (10.9.1.3) ---+
#                                          scripted routers on the bridge

lab_wrap lab_network lab_write_configs
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
	[ -n "$LAB_V6" ] || return 0
	lab_in lan sysctl -qw net.ipv6.conf.br0.disable_ipv6=0 net.ipv6.conf.br0.accept_dad=0
	lab_in net ip addr add 2001:db8:193::1/64 dev to-inlet2 nodad
}
lab_write_configs() {
	plain_lab_write_configs
	sed -e 's/192\.0\.2\.2/198.18.2.2/; s/192\.0\.2\.1/198.18.2.1/; s/10\.9\.1\.2/10.9.1.3/' \
		-e 's/2001:db8:192:/2001:db8:193:/g; s/2001:db8:a091::2/2001:db8:a091::3/' \
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
channel_of() { ask "$1" show channels | jq -c --arg g "$G" '[.[] | select(.group_address == $g)][0] // {}'; }
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
