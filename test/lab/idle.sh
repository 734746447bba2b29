#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Workers that rest while nothing comes: what an idle appliance takes of a CPU, and that the step from
# nothing to full rate loses nothing that polling workers would not lose. Both ways, on the same lab.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario idle
[ "$(nproc)" -ge 2 ] || {
	echo "1..0 # SKIP needs two CPUs"
	exit 0
}
export LAB_WORKERS="0, 1" LAB_CONFIG='amt = { traffic_timeout_ms = 0; outer_fragments = "reassemble"; };'
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
IDLE_SECONDS=5
STEPS=4
STEP_RATE=${LAB_FULL:+100000} STEP_SECONDS=0.25
STEP_RATE=${STEP_RATE:-20000} # packets a second

lab_wrap lab_write_configs
lab_write_configs() {
	plain_lab_write_configs
	# One amt group, and how workers idle.
	sed -i -e '/^amt = .*endpoints/d' -e "s/^idle = .*/idle = \"$IDLE\";/" "$LAB_STATE/inlet.conf"
	[ "$IDLE" = sleep ] || sed -i 's/^workers = .*/workers = [ 1 ]; share_cpu = true;/' "$LAB_STATE/inlet.conf"
}
IDLE="sleep"
bring_up
lab_stop source # the stream begins when the scenario says so

cpu_ns() { # of all threads of inletd, as the scheduler counts them
	local task sum=0 ns
	for task in /proc/"$(lab_pid inletd)"/task/*; do
		read -r ns _ <"$task/schedstat" && sum=$((sum + ns))
	done
	echo "$sum"
}
cpu_ticks() { # the same as /proc/PID/stat has it
	local stat
	stat=$(<"/proc/$(lab_pid inletd)/stat")
	stat=${stat##*) }
	# shellcheck disable=SC2086
	set -- $stat
	echo $((${12} + ${13}))
}
idle_cpu() { # idle_cpu: the share of a core over IDLE_SECONDS, in hundredths of a percent
	local ns ticks from to
	from=${EPOCHREALTIME/./} ns=$(cpu_ns) ticks=$(cpu_ticks)
	sleep "$IDLE_SECONDS" # the time is what is measured
	ns=$(($(cpu_ns) - ns)) to=${EPOCHREALTIME/./} ticks=$(($(cpu_ticks) - ticks))
	SHARE=$((ns * 10 / (to - from)))
	diag <<<"$IDLE: $((SHARE / 100)).$(printf %02d $((SHARE % 100))) % of a core over $IDLE_SECONDS s ($ticks ticks of $(getconf CLK_TCK) a second), workers: $(lab_inlet show workers --json | jq -c '[.[] | .idle]')"
}
tunnel_up() { lab_inlet show tunnels --json | jq -e 'length == 1 and .[0].tunnel_state == "up"'; }
sent_to_inlet() { lab_in net cat /sys/class/net/to-inlet/statistics/tx_packets; }
got_by_inlet() { lab_inlet show ports --json | jq '.[0].in_pkts'; }
native() { lab_inlet show ports --json | jq '.[1].native_packets'; }
settled() { # the counters stand still
	local now
	now="$(sent_to_inlet) $(got_by_inlet) $(native)"
	[ "$now" = "${BEFORE-}" ] || {
		BEFORE=$now
		return 1
	}
}
steps() { # steps: STEPS times from nothing to full rate; what got lost in inletd is in LOST
	local i sent got out
	LOST=0 STEPPED=0
	for ((i = 0; i < STEPS; i++)); do
		lab_wait 10 settled
		sent=$(sent_to_inlet) got=$(got_by_inlet) out=$(native)
		lab_in src "$LAB_BUILD/deploy/lab.d/tools/lab-send" --if s0 --source "$S" --group "$G" --payload 200 \
			--rate $STEP_RATE --count "$(awk "BEGIN { print int($STEP_RATE * $STEP_SECONDS) }")" >/dev/null 2>&1
		lab_wait 10 settled
		sent=$(($(sent_to_inlet) - sent)) got=$(($(got_by_inlet) - got)) out=$(($(native) - out))
		diag <<<"$IDLE: step $i: $sent packets to inletd in $STEP_SECONDS s, $got received, $out native"
		LOST=$((LOST + (sent > got ? sent - got : 0))) STEPPED=$((STEPPED + out))
	done
}
joined() {
	lab_join "$S" "$G" --seconds 120 && lab_wait 20 tunnel_up
}

idle_cpu
SLEEP_SHARE=$SHARE
check "workers wait on their ports' descriptors" eval \
	'lab_inlet show workers --json | jq -e "length == 2 and all(.[]; .idle == \"wait\")"'
report "$([ "$SLEEP_SHARE" -lt 200 ]; echo $?)" "an idle appliance with two workers takes less than 2 % of a core"
check "a channel is joined, its source silent" joined
steps
SLEEP_LOST=$LOST
report "$([ "$STEPPED" -gt $((STEPS * STEP_RATE / 10)) ]; echo $?)" "the steps are forwarded: $STEPPED packets"
idle_cpu
report "$([ "$SHARE" -lt 200 ]; echo $?)" "with a tunnel and a channel that is silent it takes less than 2 % too"
lab_stop "recv-$S-$G"

lab_stop inletd
IDLE="poll"
lab_write_configs
lab_start_part inletd
check "inletd is back, with a worker that polls" lab_wait 30 lab_inletd_ready
check "and a neighbor of FRR" lab_wait 30 lab_pim_neighbor
idle_cpu
report "$([ "$SHARE" -gt $((3 * SLEEP_SHARE)) ]; echo $?)" "which takes what it can get of its CPU, more than three times as much"
check "the channel is joined again" joined
steps
diag <<<"lost in $STEPS steps: $SLEEP_LOST resting, $LOST polling"
report "$([ "$SLEEP_LOST" -le "$LOST" ]; echo $?)" "resting workers lost no more at the steps ($SLEEP_LOST) than one that polls ($LOST)"
scenario_end
