#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Both families: all four mixes of outer and inner family flow at once, octet for octet, through one
# tunnel a relay; then the same channels with DNS, discovery and relay over IPv6 alone, the anycast
# address too, with zero UDP checksums; and an address that goes and comes back.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario dualstack
export LAB_V6=1 LAB_SOURCES=2
LAB_CONFIG="channels = ("
while read -r s g; do
	LAB_CONFIG+=" { source = \"$s\"; group = \"$g\"; },"
done < <(lab_channels)
export LAB_CONFIG="${LAB_CONFIG%,} );"
bring_up
tools=$LAB_BUILD/deploy/lab.d/tools
relay6=$(lab_relay6 0)
flowing() { lab_inlet show channels --json | jq -e '[.[] | select(.state == "flowing")] | length == 4'; }
tunnels() { # tunnels FILTER: over all of them
	lab_inlet show tunnels --json | jq -e "$1"
}
outer() { # outer SOURCE RELAY
	lab_inlet show channels --json |
		jq -e --arg s "$1" --arg r "$2" 'any(.[]; .source_address == $s and .relay_address == $r and .state == "flowing")'
}
captured() { # captured N: packets natively, in the capture that runs
	[ "$(stat -c %s "$LAB_STATE/native.pcap")" -gt $(($1 * 1300)) ]
}
same_octets() { # same_octets TEXT: what leaves downstream is what is sent, for a while
	rm -f "$LAB_STATE"/{sent,native}.{pcap,log}
	lab_spawn sent src "$tools/lab-tap" --if s0 --direction out --channels "$LAB_STATE/channels" \
		--write "$LAB_STATE/sent.pcap"
	lab_wait 5 lab_log_has sent listening # first, or what is native is not known
	lab_spawn native frr "$tools/lab-tap" --if xup0 --direction in --channels "$LAB_STATE/channels" \
		--write "$LAB_STATE/native.pcap"
	lab_wait 5 lab_log_has native listening
	lab_wait 30 captured 2000
	lab_stop native
	lab_stop sent
	"$tools/lab-tap" compare "$LAB_STATE/sent.pcap" "$LAB_STATE/native.pcap" --ttl-delta 1 \
		>"$LAB_STATE/compare" 2>&1 &&
		jq -e '.channels_matched == 4' "$LAB_STATE/compare" >/dev/null
	local status=$?
	report "$status" "$1"
	diag <"$LAB_STATE/compare"
	[ "$status" -eq 0 ] || { # who has it lost?
		tail -n 1 "$LAB_STATE/native.out" "$LAB_STATE/sent.out"
		lab_relayctl status
		lab_inlet show ports --json | jq -c '.[] | {name, in_discards, in_nombuf, in_errors, out_errors}'
	} | diag
}

check "static channels of both families flow" lab_wait 20 flowing
check "IPv4 in IPv4" outer 198.51.100.10 203.0.113.11
check "IPv4 in IPv6" outer 198.51.100.11 "$relay6"
check "IPv6 in IPv6" outer "$(lab_source6 0)" "$relay6"
check "IPv6 in IPv4" outer "$(lab_source6 1)" 203.0.113.11
check "a tunnel a relay, for both families" tunnels 'length == 2 and all(.[]; .channels == 2)'
same_octets "octet for octet, to the groups' MAC addresses, the TTL or hop limit one less"
lab_inlet show drops --json | jq -e 'length == 0' >/dev/null
report $? "no drop was counted"

# A receiver of the appliance's own link, with its own kernel's eyes.
s=$(lab_source6 0) g=$(lab_group6 0)
lab_spawn "recv6" frr "$tools/lab-recv" --if xup0 --source "$s" --group "$g" --packets 500 --json
check "a host on the link receives an IPv6 channel" lab_wait 20 lab_gone recv6
jq -e '.packets >= 500 and .lost == 0 and .duplicated == 0 and .bad == 0' "$LAB_STATE/recv6.out" >/dev/null
report $? "none lost, doubled or damaged"

# The upstream address goes: the channels behind the IPv6 relay stop, the others do not notice. It
# comes back by hand, with duplicate address detection, and is used when that is done.
v4_flows() { outer 198.51.100.10 203.0.113.11 && outer "$(lab_source6 1)" 203.0.113.11; }
lab_in inlet ip addr del 2001:db8:192::2/64 dev wan
no_v6() { lab_inlet show tunnels --json | jq -e 'length == 1 and .[0].local_address == "192.0.2.2"'; }
check "the IPv6 address goes, and its tunnel" lab_wait 5 no_v6
why() { lab_channel "$s" "$g" | jq -r .reason | grep -q -- "$1"; }
check "the reason is said" lab_wait 5 why "no upstream interface has an IPv6 address"
check "the other tunnel goes on" v4_flows
lab_in inlet ip addr add 2001:db8:192::2/64 dev wan
check "a tentative address is not used" eval '
	lab_in inlet ip -o addr show dev wan tentative | grep -q 2001:db8:192::2 && no_v6'
check "it is when duplicate address detection is done" lab_wait 20 flowing

# IPv6 alone upstream; the relay leaves out the UDP checksum of data.
lab_stop inletd
lab_stop dns
lab_stop relay
export LAB_V6=only LAB_RELAY="--udp-checksum 0"
lab_write_configs
for part in dns relay inletd; do
	lab_start_part "$part"
	lab_await_part "$part"
done
check "IPv6 alone: all channels flow" lab_wait 30 flowing
check "through one tunnel, to the IPv6 relay" tunnels \
	"length == 1 and .[0].relay_address == \"$relay6\" and .[0].local_address == \"2001:db8:192::2\" and .[0].channels == 4"
check "found by a Discovery over IPv6" lab_log_has inletd "relay advertised relay=$relay6 by=$relay6"
zero_checksum() { # of AMT data over IPv6, as it leaves the relay
	lab_in net timeout 10 python3 -c '
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x86dd))
s.bind(("to-relay", 0x86dd))
while True:
    p, a = s.recvfrom(2048)
    if p[6] == 17 and p[40:42] == bytes((2268 >> 8, 2268 & 255)) and p[48] == 6:
        raise SystemExit(p[46:48] != bytes(2))'
}
check "the relay leaves out the UDP checksum" zero_checksum
same_octets "octet for octet, with a UDP checksum of zero outside"
lab_inlet show drops --json | jq -e 'length == 0' >/dev/null
report $? "no drop was counted"

# Nothing in DNS: what answers at the anycast address, over IPv6.
anycast=2001:3::1
lab_in relay ip addr add "$anycast/128" dev wan0 nodad
lab_in net ip route add "$anycast/128" via "$relay6"
lab_stop inletd
lab_stop relay
export LAB_RELAY="--anycast $anycast" LAB_DISCOVERY='"anycast"'
lab_write_configs
for part in relay inletd; do
	lab_start_part "$part"
	lab_await_part "$part"
done
check "anycast: all channels flow" lab_wait 30 flowing
check "found at $anycast" lab_log_has inletd "relay advertised relay=$relay6 by=$anycast"

# Each source has a relay of either family at the same precedence: IPv6 is tried first (RFC 6724), and
# where it is silent, IPv4 250 ms later (RFC 8305).
all_at() { # all_at RELAY
	lab_inlet show channels --json | jq -e --arg r "$1" 'length == 4 and all(.[]; .relay_address == $r)'
}
lab_stop inletd
lab_stop dns
export LAB_V6=1 LAB_DISCOVERY='"driad"'
lab_write_configs
for i in 0 1; do
	v4=$(LAB_V6='' lab_relay_record 0 4) v6=$(LAB_V6=only lab_relay_record 0 6)
	printf '%d %s\n%d %s\n' $((10 + i)) "$v4" $((10 + i)) "$v6" >>"$LAB_STATE/lab.zone"
	name=$(printf '%016x' $((10 + i)) | rev | sed 's/./&./g; s/\.$//')
	printf '%s %s\n%s %s\n' "$name" "$v4" "$name" "$v6" >>"$LAB_STATE/lab6.zone"
done
for part in dns inletd; do
	lab_start_part "$part"
	lab_await_part "$part"
done
check "both families at hand: all channels flow" lab_wait 30 flowing
check "by the IPv6 relay" all_at "$relay6"
lab_kill inletd
rm -f "$LAB_SOCKET.state"
lab_in net ip route add blackhole "$relay6/128"
: >"$LAB_STATE/inletd.log"
lab_start_part inletd
lab_await_part inletd
check "IPv6 is silent: all channels flow" lab_wait 30 flowing
check "by the IPv4 relay" all_at 203.0.113.11
ms=$(sed -n 's/.*first packet .*after_ms=\([0-9]*\).*/\1/p' "$LAB_STATE/inletd.log" | sort -n | tail -n 1)
limit_ms=1500
[[ $LAB_BUILD != *san* ]] || limit_ms=10000
[ -n "$ms" ] && [ "$ms" -ge 250 ] && [ "$ms" -lt "$limit_ms" ]
report $? "within $limit_ms ms ($ms)"
scenario_end
