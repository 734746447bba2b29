#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two workers on ports with one queue each: the software spreader gives both their share, by tunnel
# and by channel; nothing is lost, doubled or out of order.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario workers
[ "$(nproc)" -ge 2 ] || {
	echo "1..0 # SKIP needs two CPUs"
	exit 0
}
# So many tunnels that one worker with all of them is a chance of 1 to 32768.
export LAB_SOURCES=16 LAB_RELAYS=16 LAB_RATE=1600 LAB_WORKERS="0, 1"
SECONDS_EACH=4
bring_up

workers() { lab_inlet show workers --json; }
all_flowing() {
	[ "$(lab_inlet show channels --json | jq '[.[] | select(.state == "flowing")] | length')" -eq 16 ]
}
spread_is() { # spread_is MODE: of the ports; the downstream one has no tunnels
	lab_inlet show ports --json | jq -e --arg m "$1" 'map(.spread) == [$m, "off"]'
}
tunnels_even() { # by our choice of their ports, or there is no worker to tell
	lab_inlet show tunnels --json | jq -e --arg by "$1" 'all(.[]; .steered == "software") and
		(group_by(.worker) | map(length)) == (if $by == "tunnel" then [8, 8] else [16] end)'
}
rebalance_says() {
	lab_inlet rebalance dry-run --json | jq -e '.[0].moved == "now" and .[0].balance < 2'
}
stream() { # stream TEXT
	local got=$LAB_STATE/recv-$1.out before after
	before=$(workers)
	lab_spawn "recv-$1" rcv "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if r0 \
		--channels "$LAB_STATE/channels" --seconds $SECONDS_EACH --json
	check "by $1: 16 joins make 16 channels flow" lab_wait 15 all_flowing
	check "by $1: the tunnels stand where they should" tunnels_even "$1"
	check "by $1: rebalance says how even the workers are" rebalance_says
	check "by $1: the receiver counts for $SECONDS_EACH s" lab_wait 20 lab_gone "recv-$1"
	after=$(workers)
	jq -c 'del(.each)' "$got" | diag
	jq -e '.channels == 16 and .flowing == 16' "$got" >/dev/null
	report $? "by $1: all 16 have packets"
	# Two polling workers leave the source and FRR little of two CPUs: how much is not the matter here.
	jq -e --argjson least $((SECONDS_EACH * LAB_RATE / 4)) '.packets >= $least' "$got" >/dev/null
	report $? "by $1: the receiver has packets of $SECONDS_EACH s ($(jq .packets "$got"))"
	jq -e '.lost == 0 and .duplicated == 0 and .reordered == 0 and .bad == 0' "$got" >/dev/null
	report $? "by $1: none is lost, doubled, out of order or damaged"
	jq -ne --argjson a "$before" --argjson b "$after" \
		'[range(2) | $b[.].native_packets - $a[.].native_packets] | min > 100' >/dev/null
	report $? "by $1: both workers forward: $(jq -nc --argjson a "$before" --argjson b "$after" \
		'[range(2) | $b[.].native_packets - $a[.].native_packets]')"
	jq -ne --argjson a "$before" --argjson b "$after" '$b[0].spread > $a[0].spread and
		$b[1].spread == $a[1].spread and $b[0].handed > $a[0].handed' >/dev/null
	report $? "by $1: the first spreads what it receives, the second transmits for both"
	check "by $1: pruned, no channel is left" lab_wait 15 no_channels
}

check "the upstream port is spread by tunnel, as it has one queue" spread_is tunnel
stream tunnel
check "both workers are visible with load and CPU" eval \
	'workers | jq -e "length == 2 and (map(.cpu) == [0, 1]) and all(.[]; .load_percent <= 100)"'
check "a shared CPU is warned of" lab_log_has inletd "worker 1 shares its CPU with the control thread"

lab_stop inletd
export LAB_SPREAD=channel
lab_write_configs
lab_start_part inletd
check "inletd is back" lab_wait 30 lab_inletd_ready
check "and a neighbor of FRR" lab_wait 30 lab_pim_neighbor
check "now the upstream port is spread by channel" spread_is channel
stream channel
# What was on its way when the receiver left has no entry any more (RFC 7450 section 5.2.3.3).
late_only() { lab_inlet show drops --json | jq -e 'all(.[]; .name == "NOT_JOINED" and .count < 400)'; }
check "no drop was counted but data that came after the leave" late_only
scenario_end
