#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A NAT between the appliance and its relay. The relay sees another address than ours, so Requests come
# once a minute. The NAT forgets the mapping and takes another port: the stream flows on from the new
# endpoint, the old one is torn down at the relay. Then our own address changes. Last, a relay that knows
# us by our address alone.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario nat
command -v nft >/dev/null && command -v conntrack >/dev/null || {
	echo "1..0 # SKIP needs nft and conntrack (deploy/packages-lab)"
	exit 0
}
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP

mapping() { # mapping [PORTS]: what the NAT makes of our source port from now on
	lab_in net nft flush chain ip nat post && lab_in net nft add rule ip nat post \
		oifname to-relay ip saddr 192.0.2.0/24 udp dport 2268 masquerade ${1:+to :$1}
}
lab_in net nft add table ip nat 2>"$LAB_STATE/nft.err" &&
	lab_in net nft add chain ip nat post '{ type nat hook postrouting priority 100; }' 2>>"$LAB_STATE/nft.err" &&
	mapping 40000-40009 2>>"$LAB_STATE/nft.err" || {
	echo "1..0 # SKIP the kernel has no nftables NAT: $(head -n 1 "$LAB_STATE/nft.err")"
	exit 0
}

tunnel() { lab_inlet show tunnels --json | jq -e "$1"; }
endpoints() { # endpoints: those that the relay has, "ADDRESS:PORT" a line
	lab_relayctl status | jq -r '[.relays[].memberships[] | "\(.endpoint):\(.port)"] | unique[]'
}
one_endpoint() { # one_endpoint PATTERN
	[ "$(endpoints | wc -l)" -eq 1 ] && endpoints | grep -qE "$1"
}
teardowns() { lab_relayctl status | jq '[.relays[].teardown_rx] | add'; }

lab_join "$S" "$G"
check "a channel flows through the NAT" lab_wait 15 state_is "$S" "$G" flowing
check "the relay has one endpoint, at the NAT's address" one_endpoint '^203\.0\.113\.1:4000[0-9]$'
check "the NAT is seen" tunnel '.[0].nat and (.[0].seen_as | startswith("203.0.113.1:4000"))'
# The query interval of the relay is 125 s; a mapping may live for two minutes only.
check "and the next Request comes within a minute" tunnel '.[0].query_interval == 125 and .[0].next_request_in <= 60'

# Rebinding: the mapping is gone, the next packet of ours gets another port.
before=$(now_ms)
mapping 50000-50009
lab_in net conntrack -F 2>/dev/null
moved() { lab_log_has inletd "endpoint changed relay=203.0.113.11 from=203.0.113.1:4000.* to=203.0.113.1:5000"; }
check "rebound: the change is noticed" lab_wait 20 moved
ms=$(($(log_time_ms "$(log_line 'endpoint changed')") - before))
[ "$ms" -lt 5000 ]
report $? "within 5 s (took $ms ms)"
check "the relay has one endpoint, the new one" lab_wait 10 one_endpoint '^203\.0\.113\.1:5000[0-9]$'
[ "$(teardowns)" -ge 1 ]
report $? "the old one was torn down"
check "the tunnel says where it is seen" tunnel '.[0].seen_as | startswith("203.0.113.1:5000")'
flows_again() { # the receiver has packets from after the change
	local n
	n=$(lab_inlet show tunnels --json | jq '.[0].packets')
	lab_wait 5 eval "[ \$(lab_inlet show tunnels --json | jq '.[0].packets') -gt $((n + 200)) ]"
}
check "the stream flows on" flows_again
check "through the same tunnel" tunnel 'length == 1 and .[0].tunnel_state == "up"'

# Our own address goes and another one comes: a new tunnel, and the relay keeps one endpoint. No NAT,
# so that the relay sees both addresses.
lab_in net nft flush chain ip nat post
lab_in net conntrack -F 2>/dev/null
check "without the NAT: one endpoint, at our address" lab_wait 20 one_endpoint '^192\.0\.2\.2:'
torn=$(teardowns)
lab_in inlet ip addr add 192.0.2.3/24 dev wan
lab_in inlet ip addr del 192.0.2.2/24 dev wan
lab_in inlet ip addr show dev wan | grep -q 192.0.2.3 || lab_in inlet ip addr add 192.0.2.3/24 dev wan
lab_in inlet ip route replace default via 192.0.2.1 dev wan
check "our address changed: one endpoint, at the new one" lab_wait 30 one_endpoint '^192\.0\.2\.3:'
[ "$(teardowns)" -gt "$torn" ]
report $? "the old one was torn down from the new address"
check "the stream flows on" lab_wait 10 state_is "$S" "$G" flowing

# Two endpoints from two addresses of ours are one address to a relay behind the NAT, and one that has a
# tunnel an address answers both at the port of the first.
lab_leave "$S" "$G" >/dev/null
lab_stop inletd
lab_stop relay
export LAB_ENDPOINTS=2 LAB_RELAY="--quirk one-endpoint"
LAB_CONFIG="channels = ("
for i in 1 2 3 4 5 6 7 8; do
	LAB_CONFIG+=" { source = \"$S\"; group = \"232.1.1.$i\"; },"
done
export LAB_CONFIG="${LAB_CONFIG%,} );"
lab_write_configs
mapping 40000-40009
lab_in net conntrack -F 2>/dev/null
for part in relay inletd; do
	lab_start_part "$part"
	lab_await_part "$part"
done
known() {
	lab_inlet show relays --json | jq -e 'any(.[]; .quirks == "one-endpoint" and .quirks_pinned == false)'
}
check "one-endpoint: learned from the answer that came to the wrong port" lab_wait 20 known
check "one-endpoint: all channels through one tunnel" lab_wait 10 \
	tunnel 'length == 1 and .[0].tunnel_state == "up" and .[0].channels == 8'
check "one-endpoint: the channel that is sent flows" lab_wait 15 state_is "$S" "$G" flowing
check "one-endpoint: the relay has one endpoint" one_endpoint '^203\.0\.113\.1:'
scenario_end
