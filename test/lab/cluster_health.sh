#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Withdrawal by health: beside each of two appliances on a LAN stands FRR (bgpd, bfdd) on the kernel-interface
# port, and deploy/frr/inlet-frr-health lets it announce the senders' prefix to the router while inletd is up.
# The router has both as equal routes (RPF, "ip pim ecmp"). What is lost: the upstream port, every relay, a
# worker, inletd itself (killed, or hung), FRR's health program; and the operator drains one. Each time the channels move.
# _two.sh has the picture.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario cluster_health
export LAB_RATE=1600 LAB_JOIN_INTERVAL=5 LAB_PIM='hello_interval = 1; hello_holdtime = 4;'
export LAB_CONFIG='health = { up_after = 2; relay_timeout_ms = 1500; drain_timeout = 5; };'
. "$(dirname "$0")/_two.sh"
. "$(dirname "$0")/_cluster.sh"

lab_write_configs() {
	two_lab_write_configs
	cat >>"$LAB_STATE/pimd.conf" <<-EOF
		ip pim ecmp
		ip pim ecmp rebalance
		interface xup0
		 ip pim bfd
	EOF
}
health_is() { ask "$1" show health | jq -e --arg s "$2" '.[0].state == $s'; }
back() { # back TEXT: it is announced again, and what that costs
	check "$1: it is announced again" lab_wait 60 announced 2
	lab_wait 20 served_once || true
	ends recv "$1" 1000
	# On a LAN a channel that moves back meets the Assert, which the other one wins by its address: it stays
	# there. What is joined anew is spread again.
	lab_stop recv
	check "$1: nobody is asked any more" lab_wait 30 nobody_asked
	receiver recv rcv r0
	check "$1: all channels flow" lab_wait 40 all_flow recv
	check "$1: what is joined anew is spread over both" lab_wait 20 spread
}
nobody_asked() { [ "$(ask 1 show channels | jq length)" -eq 0 ] && [ "$(ask 2 show channels | jq length)" -eq 0 ]; }
spread() { asked_some 1 && asked_some 2 && served_once; }

stop_worker() { # until the descriptor STOP is closed, as test/lab/watchdog.sh does
	local task
	for task in /proc/"$(lab_pid inletd)"/task/*; do
		grep -q '^rte-worker-' "$task/comm" && break
	done
	rm -f "$LAB_STATE/stop.in"
	mkfifo "$LAB_STATE/stop.in"
	python3 "$LAB_TOP/test/lab/stopthread.py" "${task##*/}" <"$LAB_STATE/stop.in" >"$LAB_STATE/stop.out" 2>&1 &
	exec {STOP}>"$LAB_STATE/stop.in"
	lab_wait 5 grep -q stopped "$LAB_STATE/stop.out"
}

cluster_start
cluster_bgp
receiver recv rcv r0
check "all channels flow" lab_wait 40 all_flow recv
check "each channel comes from one" lab_wait 30 served_once
check "the first one has some" served_some 1
check "the second one has some" served_some 2
echo "# spread: $(served_by 1 | jq length) and $(served_by 2 | jq length)"

# ---- drained: withdrawn first, and nothing is lost
begins recv 1
ask 1 drain >"$LAB_STATE/drain"
check "drain: it is withdrawn, and the other one serves all" lab_wait 20 others_serve
check "drain: it says so" lab_wait 30 health_is 1 drained
ends recv "drained" 50 0
begins recv 2
ask 1 undrain >"$LAB_STATE/drain"
back "and undrained"

# ---- the upstream port
begins recv 1
lab_in net ip link set to-inlet down
check "upstream port down: the other one serves all" lab_wait 20 others_serve
check "upstream port down: health says why" health_is 1 down
ends recv "upstream port down" 3000
begins recv 2
lab_in net ip link set to-inlet up
back "and up again"

# ---- every relay
begins recv 1
relays_away on
check "all relays away: the other one serves all" lab_wait 30 others_serve
ends recv "all relays away (relay_timeout_ms 1500)" 6000
begins recv 2
relays_away off
back "and back"

# ---- inletd is killed: FRR beside it has no port any more
begins recv 1
lab_kill inletd
check "killed: the other one serves all" lab_wait 20 others_serve
ends recv "inletd killed (BFD 3 x 200 ms)" 4000
begins recv 2
lab_start_part inletd
back "and back"

# ---- a worker stands still: no packet of anybody goes through it
begins recv 1
stop_worker
check "worker stuck: the other one serves all" lab_wait 30 others_serve
check "worker stuck: health says why" lab_wait 10 health_is 1 down
ends recv "a worker stuck (BFD 3 x 200 ms)" 6000
begins recv 2
exec {STOP}>&-
back "and goes on"

# ---- all of inletd stands still, and FRR beside it has a port that is dead
begins recv 1
lab_signal inletd STOP
check "hung: the other one serves all" lab_wait 30 others_serve
ends recv "inletd hung (BFD 3 x 200 ms)" 4000
begins recv 2
lab_signal inletd CONT
back "and runs on"

# ---- the program between health and FRR ends: it withdraws
begins recv 1
lab_stop health1
check "health program stopped: the other one serves all" lab_wait 20 others_serve
ends recv "inlet-frr-health stopped" 50 0
begins recv 2
sidecar 1
back "and back"
table
scenario_end
