# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What operators and the machine do: bad reloads, signals, a clock that steps.

row reload_bad quick "a broken configuration is reloaded under load"
fault_reload_bad() {
	counter config_reload_failures
	cp "$LAB_STATE/inlet.conf" "$LAB_STATE/inlet.good"
	echo 'nonsense = { ;' >>"$LAB_STATE/inlet.conf"
	lab_signal inletd HUP
	must "it is refused" lab_wait 10 count_over config_reload_failures "$(past config_reload_failures)"
	cp "$LAB_STATE/inlet.good" "$LAB_STATE/inlet.conf"
	lab_signal inletd HUP # or the console says for ever that the last one failed
	must "the good one is taken" lab_wait 10 count_over config_reloads "$(past config_reloads)"
}

row hangup_storm quick "200 times SIGHUP"
fault_hangup_storm() {
	local i
	counter config_reloads
	for ((i = 0; i < 200; i++)); do
		lab_signal inletd HUP
	done
	must "it reloads, and answers" lab_wait 20 count_over config_reloads "$(past config_reloads)"
	must "the channels flow" all_flow
}

heeds_hangup() { # past its start by the loader, in which a signal ends any process
	local sig
	sig=$(sed -n 's/^Sig\(Ign\|Cgt\):.*\(.\)$/\2/p' "/proc/$(lab_pid inletd)/status")
	[[ $sig = *[13579bdf]* ]] && [[ $(readlink "/proc/$(lab_pid inletd)/exe") = */inletd ]]
}
row signals_at_start slow "signals while it starts: SIGHUP is not fatal, SIGTERM ends it cleanly"
fault_signals_at_start() {
	restarts
	also fastpath.NOT_JOINED fastpath.POLICED_STRAY fastpath.PUNT_FULL_OTHER pim.NOT_NEIGHBOR
	victim all
	limit 60000
	lab_kill inletd
	local i
	lab_start_part inletd
	must "it starts" lab_wait 10 heeds_hangup
	for ((i = 0; i < 40; i++)); do
		lab_signal inletd HUP
		sleep 0.02
	done
	must "it comes up under SIGHUPs" lab_wait 30 lab_inletd_ready
	lab_signal inletd TERM
	lab_signal inletd TERM
	lab_signal inletd HUP
	must "SIGTERM twice and a SIGHUP: it ends" lab_wait 10 lab_gone inletd
	must "cleanly" row_log_has 'inletd: stopped'
	must "and leaves no TAP behind" eval '! lab_in inlet ip link show wan'
	lab_start_part inletd
	must "the channels flow" lab_wait 40 all_flow
}

row clock_stepped slow "the wall clock is stepped a year ahead, and two back"
fault_clock_stepped() {
	must "the preload is built" cc -shared -fPIC -O1 -o "$LAB_STATE/clockstep.so" \
		"$LAB_TOP/test/lab/clockstep.c" -ldl || return
	clock_step 0
	lab_stop inletd
	ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 lab_spawn inletd inlet env \
		LD_PRELOAD="$LAB_STATE/clockstep.so" CLOCKSTEP="$LAB_STATE/step" \
		"$LAB_BUILD/app/inletd/inletd" -c "$LAB_STATE/inlet.conf"
	afterwards clock_ends
	begins_here
	clock_step $((365 * 86400))
	must "the log is a year ahead" lab_wait 10 clock_logged $((365 * 86400))
	sleep 2 # for what would end by that clock
	must "all flow" all_flow
	clock_step $((-365 * 86400))
	must "the log is a year behind" lab_wait 10 clock_logged $((-365 * 86400))
	sleep 2
	must "all flow still" all_flow
	must "a new channel has a relay" lab_inlet add channel 198.51.100.15 232.9.9.10
	must "and is joined" lab_wait 20 state_is 198.51.100.15 232.9.9.10 joined
	lab_inlet del channel 198.51.100.15 232.9.9.10 >/dev/null
}
clock_step() { # clock_step SECONDS: what the preload adds
	python3 - "$LAB_STATE/step" "$1" <<-'EOT'
		import os, struct, sys
		fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
		os.pwrite(fd, struct.pack("=q", int(sys.argv[2])), 0)
	EOT
}
clock_logged() { # clock_logged SECONDS: the log's stamps are off by so much
	lab_signal inletd HUP
	row_log | grep -q "^$(date -u -d "@$(($(date +%s) + $1))" +%Y-%m)"
}
clock_ends() {
	lab_stop inletd
	lab_start_part inletd
	lab_wait 40 all_flow
}
