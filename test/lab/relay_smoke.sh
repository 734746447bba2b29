#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# inlet-relay between a real source and gateways of another make, in three network namespaces.
# usage: relay_smoke.sh [BUILD_DIR] (or LAB_BUILD); prints TAP, exits 0 when all is well. Needs root.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:-${LAB_BUILD:-$here/../../build}}" && pwd) || exit 2
tools=$build/deploy/lab.d/tools
relay=$build/app/relay/inlet-relay
ns=relaysmoke$$
dir=$(mktemp -d)
pids=()

cleanup() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
	for n in src relay gw; do ip netns del "$ns-$n" 2>/dev/null; done
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
die() { echo "Bail out! $*"; exit 1; }
# wait_for WHAT COMMAND...: until it succeeds, 5 s at most.
wait_for() {
	local what=$1 i
	shift
	for ((i = 0; i < 100; i++)); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	die "no $what: $(cat "$dir"/*.log)"
}
# start NAMESPACE LOG_NAME COMMAND...: in the background; its own pid, not that of a subshell, in $!.
start() {
	ip netns exec "$ns-$1" "${@:3}" >"$dir/$2.out" 2>"$dir/$2.log" &
	pids+=($!)
}
in_ns() { ip netns exec "$ns-$1" "${@:2}"; }
# link NS_A IF_A ADDR_A NS_B IF_B ADDR_B
link() {
	ip -n "$ns-$1" link add "$2" type veth peer name "$5" netns "$ns-$4" || die veth
	ip -n "$ns-$1" addr add "$3" dev "$2" && ip -n "$ns-$1" link set "$2" up || die "$2"
	ip -n "$ns-$4" addr add "$6" dev "$5" && ip -n "$ns-$4" link set "$5" up || die "$5"
	# There is no card to finish the checksums that the kernel leaves to one.
	in_ns "$1" ethtool -K "$2" tx off >/dev/null && in_ns "$4" ethtool -K "$5" tx off >/dev/null ||
		die ethtool
}

for n in src relay gw; do
	ip netns add "$ns-$n" && ip -n "$ns-$n" link set lo up || die "namespaces need root"
done
link src s0 10.71.1.1/24 relay r0 10.71.1.2/24
link relay r1 10.71.2.1/24 gw g0 10.71.2.2/24

start relay relay "$relay" --address 10.71.2.1 --source-if r0 --control "$dir/ctl"
wait_for relay "$relay" ctl "$dir/ctl" status
start src tap "$tools/lab-tap" --if s0 --direction out --write "$dir/sent.pcap"
tap=$!
wait_for tap grep -q listening "$dir/tap.log"
start src send "$tools/lab-send" --source 10.71.1.1 --group 232.1.1.1,2 --rate 2000 --payload 500

in_ns gw python3 "$here/amt_gateway.py" --relay 10.71.2.1 --binary "$relay" --control "$dir/ctl" \
	--source 10.71.1.1 --group 232.1.1.1 --pcap "$dir/got.pcap"
failed=$?
kill "$tap" && wait "$tap"
if "$tools/lab-tap" compare --ttl-delta 0 "$dir/sent.pcap" "$dir/got.pcap" >"$dir/compare.json"; then
	echo "ok - every octet as it was sent $(cat "$dir/compare.json")"
else
	echo "not ok - every octet as it was sent $(cat "$dir/compare.json")"
	failed=1
fi

# A process of two relays, on a path of small packets.
ip -n "$ns-relay" addr add 10.71.2.11/24 dev r1
ip -n "$ns-relay" addr add 10.71.2.12/24 dev r1
start relay relay2 "$relay" --address 10.71.2.11 --address 10.71.2.12 --source-if r0 \
	--control "$dir/ctl2" --udp-checksum 0 --mtu 576
wait_for "second relay" "$relay" ctl "$dir/ctl2" status
start src send2 "$tools/lab-send" --source 10.71.1.1 --group 232.1.1.9 --rate 200 --df 0
start src send3 "$tools/lab-send" --source 10.71.1.1 --group 232.1.1.10 --rate 200
start src send5 "$tools/lab-send" --source 10.71.1.1 --group 232.1.1.11 --rate 200 --payload 100 --tos 187
in_ns gw python3 "$here/amt_gateway.py" --wire g0 --relay 10.71.2.11 --relay2 10.71.2.12 \
	--source 10.71.1.1 --group 232.1.1.9 --group2 232.1.1.10 --group3 232.1.1.11 || failed=1
too_big=$("$relay" ctl "$dir/ctl2" status | jq .source.too_big)
# shellcheck disable=SC2016 # it is for awk
icmp=$(in_ns src awk '/^Icmp: [0-9]/ { print $5 }' /proc/net/snmp)
if [ "$too_big" -gt 0 ] && [ "$icmp" -gt 0 ]; then
	echo "ok - the source is told (ICMP): dropped=$too_big told=$icmp"
else
	echo "not ok - the source is told (ICMP): dropped=$too_big told=$icmp"
	failed=1
fi

# Both families, outer and inner, in all four mixes.
ip -n "$ns-src" -6 addr add 2001:db8:71:1::1/64 dev s0 nodad
ip -n "$ns-relay" -6 addr add 2001:db8:71:1::2/64 dev r0 nodad
ip -n "$ns-relay" -6 addr add 2001:db8:71:2::1/64 dev r1 nodad
ip -n "$ns-gw" -6 addr add 2001:db8:71:2::2/64 dev g0 nodad
ip -n "$ns-relay" addr add 10.71.2.21/24 dev r1
mix=(--source 10.71.1.1 --group 232.1.1.21 --source 2001:db8:71:1::1 --group ff3e::8000:15)
start relay relay3 "$relay" --address 10.71.2.21 --address 2001:db8:71:2::1 --source-if r0 --control "$dir/ctl3"
wait_for "third relay" "$relay" ctl "$dir/ctl3" status
start src send4 python3 "$here/amt_mixes.py" --send s0 "${mix[@]}"
in_ns gw python3 "$here/amt_mixes.py" --relay 10.71.2.21 --relay 2001:db8:71:2::1 "${mix[@]}" || failed=1
too_big=$("$relay" ctl "$dir/ctl3" status | jq .source.too_big)
icmp=$(in_ns src awk '/^Icmp6InPktTooBigs/ { print $2 }' /proc/net/snmp6)
if [ "$too_big" -gt 0 ] && [ "$icmp" -gt 0 ]; then
	echo "ok - an IPv6 source is told (ICMPv6): dropped=$too_big told=$icmp"
else
	echo "not ok - an IPv6 source is told (ICMPv6): dropped=$too_big told=$icmp"
	failed=1
fi
exit $failed
