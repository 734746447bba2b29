#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# One relay, several endpoints: its channels are spread over three local addresses and both workers,
# and go back to the first when an address goes.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario endpoints
[ "$(nproc)" -ge 2 ] || {
	echo "1..0 # SKIP needs two CPUs"
	exit 0
}
export LAB_SOURCES=24 LAB_RELAYS=1 LAB_RATE=2400 LAB_WORKERS="0, 1" LAB_ENDPOINTS=3
SECONDS_EACH=4
bring_up

tunnels() { lab_inlet show tunnels --json; }
all_flowing() {
	[ "$(lab_inlet show channels --json | jq '[.[] | select(.state == "flowing")] | length')" -eq 24 ]
}
# Each carries channels; no channel is on two.
three_endpoints() {
	tunnels | jq -e 'length == 3 and (map(.local_address) | unique | length) == 3 and
		all(.[]; .tunnel_state == "up" and .channels > 0) and (map(.channels) | add) == 24'
}
two_workers() { tunnels | jq -e 'map(.worker) | unique == [0, 1]'; }
rates_are_shown() {
	tunnels | jq -e 'all(.[]; .packets_per_s > 0) and (map(.packets_per_s) | add) > 1200'
}
two_endpoints() {
	tunnels | jq -e 'length == 2 and (map(.channels) | add) == 24 and all(.[]; .local_address != "192.0.2.101")'
}
receive() { # receive TEXT
	local got=$LAB_STATE/recv-$1.out
	lab_spawn "recv-$1" rcv "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if r0 \
		--channels "$LAB_STATE/channels" --seconds $SECONDS_EACH --json
	check "$1: 24 joins make 24 channels flow" lab_wait 15 all_flowing
}
received() { # received TEXT: once its time is over
	local got=$LAB_STATE/recv-$1.out
	check "$1: the receiver counts for $SECONDS_EACH s" lab_wait 20 lab_gone "recv-$1"
	jq -c 'del(.each)' "$got" | diag
	jq -e '.flowing == 24 and .duplicated == 0 and .reordered == 0 and .bad == 0' "$got" >/dev/null
	report $? "$1: all 24 have packets; none is doubled, out of order or damaged"
	# More than a port has mbufs, over both streams: all of them have been round.
	jq -e --argjson least $((SECONDS_EACH * LAB_RATE * 6 / 10)) '.packets >= $least' "$got" >/dev/null
	report $? "$1: the stream lasts ($(jq .packets "$got") packets)"
}

receive spread
check "three endpoints towards the one relay, each with channels" lab_wait 5 three_endpoints
check "both workers have some of it" two_workers
check "the rate of each is shown" lab_wait 5 rates_are_shown
received spread
check "pruned, no channel is left" lab_wait 15 no_channels

receive moved
check "again three endpoints" lab_wait 5 three_endpoints
lab_in inlet ip addr del 192.0.2.101/24 dev wan
check "an address goes: its channels are on the two that are left" lab_wait 5 two_endpoints
check "all of them still flow" all_flowing
received moved
check "pruned, no channel is left" lab_wait 15 no_channels
scenario_end
