#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# port stop and port start: downstream, the router is told and its channels end; upstream, the tunnel is
# torn down. The other port goes on, and all is back after a start.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario portstop
export LAB_JOIN_INTERVAL=5 # of FRR, which waits for the next one when its neighbor is back
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
link_is() { lab_inlet show ports port "$1" --json | jq -e --arg l "$2" '.[0].oper_status == $l'; }
stopped() { lab_inlet show ports port "$1" --json | jq -e '.[0].admin_status == "down"'; }
netdev_is() { # netdev_is DEVICE UP|DOWN
	lab_in inlet ip -br link show dev "$1" | grep -q "[<,]$2[,>]"
}
flows() { state_is "$S" "$G" flowing; }
no_neighbor() { ! lab_pim_neighbor; }
relay_forgot() { [ "$(lab_relayctl stats 2>/dev/null | jq -r '.tunnels // .gateways // 0')" -eq 0 ]; }

lab_join "$S" "$G" --seconds 600
check "a channel flows" lab_wait 15 flows
check "an interface that there is not cannot be stopped" eval '! lab_inlet port stop eth9'
check "one that runs cannot be started" eval '! lab_inlet port start lan'

# Downstream
check "port stop, downstream" lab_inlet port stop lan
check "it is shown" stopped lan
check "the router hears a Goodbye" lab_wait 3 no_neighbor
check "its channel ends" lab_wait 5 no_channels
check "then the link goes down" lab_wait 5 eval '! netdev_is dn0 UP'
check "the other port goes on" link_is wan up
check "it cannot be stopped twice" eval '! lab_inlet port stop lan'
check "port start" lab_inlet port start lan
check "the router is heard again" lab_wait 20 lab_pim_neighbor
check "and the channel flows again" lab_wait 40 flows
check "without an error" eval "! grep -q -i 'error ' '$LAB_STATE/inletd.log'"

# Upstream
check "port stop, upstream" lab_inlet port stop wan
check "no tunnel is left" lab_wait 5 no_tunnels
check "the channel is still wanted" eval "lab_inlet show channels --json | jq -e 'length == 1 and .[0].state == \"waiting\"'"
check "its link is down" lab_wait 5 eval '! netdev_is up0 UP'
check "port start" lab_inlet port start wan
check "the channel flows again" lab_wait 40 flows

# A start that follows at once
check "stop and start at once" eval "lab_inlet port stop wan && lab_inlet port start wan"
check "the channel flows" lab_wait 40 flows

# What is stopped when inletd ends is not left down
check "stopped once more" lab_inlet port stop lan
check "its link is down" lab_wait 5 eval '! netdev_is dn0 UP'
check "inletd ends cleanly" inletd_ends
check "the netdev is up again" netdev_is dn0 UP
scenario_end
