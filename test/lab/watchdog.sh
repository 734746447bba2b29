#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Under a service manager (a stand-in for systemd: Type=notify, a watchdog, restarts): inletd says that it
# is ready, lives and stops. A worker that a debugger stops, and a control loop that does not turn, get
# it restarted, and its channels are back.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario watchdog
export LAB_WITHOUT="inletd pimd"
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
WATCHDOG_S=3

said() { [ "$(grep -c -- "$1" "$LAB_STATE/manager.out")" -ge "$2" ]; } # said PATTERN TIMES
service_pid() { sed -n 's/^started //p' "$LAB_STATE/manager.out" | tail -n 1; }
flowing() { state_is "$S" "$G" flowing; }
first_worker() { # its thread's id
	local task
	for task in /proc/"$(service_pid)"/task/*; do
		grep -q '^rte-worker-' "$task/comm" && basename "$task"
	done | head -n 1
}
stop_thread() { # stop_thread TID: until thread_goes
	rm -f "$LAB_STATE"/stop.{in,out}
	mkfifo "$LAB_STATE/stop.in"
	python3 "$LAB_TOP/test/lab/stopthread.py" "$1" <"$LAB_STATE/stop.in" >"$LAB_STATE/stop.out" 2>&1 &
	exec {STOP}>"$LAB_STATE/stop.in"
	lab_wait 5 grep -q stopped "$LAB_STATE/stop.out"
}

bring_up
lab_spawn manager inlet python3 "$LAB_TOP/test/lab/servicemanager.py" "$LAB_STATE/notify" $WATCHDOG_S \
	"$LAB_BUILD/app/inletd/inletd" -c "$LAB_STATE/inlet.conf"
check "it says that it is ready" lab_wait 60 said '^heard READY=1$' 1
check "and answers on its console then" lab_inlet show version
check "it gives signs of life" lab_wait 20 said '^alive ' 3
lab_inlet add channel "$S" "$G" >/dev/null
check "a channel flows" lab_wait 20 flowing

# capabilities(7), by their bits: 12 and 13 are NET_ADMIN and NET_RAW; 16 SYS_MODULE, 19 SYS_PTRACE,
# 22 SYS_BOOT, 24 SYS_RESOURCE, 25 SYS_TIME, 27 MKNOD.
effective() { # effective TID: its capabilities, as a number
	echo $((0x$(sed -n 's/^CapEff:[[:blank:]]*//p' "/proc/$(service_pid)/task/$1/status")))
}
workers_have_none() {
	local task n=0
	for task in /proc/"$(service_pid)"/task/*; do
		grep -q '^rte-worker-' "$task/comm" || continue
		[ "$(effective "$(basename "$task")")" = 0 ] || return
		n=$((n + 1))
	done
	[ "$n" -gt 0 ]
}
no_thread_has() { # no_thread_has BIT...
	local task bit
	for task in /proc/"$(service_pid)"/task/*; do
		for bit in "$@"; do
			[ $(($(effective "$(basename "$task")") >> bit & 1)) = 0 ] || return
		done
	done
}
check "workers have no capability left" workers_have_none
check "the control thread has what it takes to go on" [ $(($(effective "$(service_pid)") >> 12 & 3)) = 3 ]
check "and no thread what none needs" no_thread_has 16 19 22 24 25 27

kill -HUP "$(service_pid)"
check "SIGHUP: it says that it reloads" lab_wait 20 said '^heard RELOADING=1$' 1
check "since when" said '^MONOTONIC_USEC=[0-9]*$' 1
check "and that it is ready again" lab_wait 20 said '^heard READY=1$' 2

check "a worker stands still" stop_thread "$(first_worker)"
check "the manager misses the signs of life and kills it" lab_wait 30 said '^watchdog ' 1
exec {STOP}>&- # as long as the debugger has it, a thread that is killed is not gone
check "and starts it again" lab_wait 30 said '^heard READY=1$' 3
check "which worker stood still is in the log" grep -q 'worker stands still worker=0' "$LAB_STATE/manager.log"

check "the control loop stands still" stop_thread "$(service_pid)"
check "the manager misses the signs of life and kills it again" lab_wait 30 said '^watchdog ' 2
exec {STOP}>&-
check "and starts it again" lab_wait 30 said '^heard READY=1$' 4
lab_inlet add channel "$S" "$G" >/dev/null
check "a channel flows again" lab_wait 30 flowing
lab_stop manager
check "it says that it stops" said '^heard STOPPING=1$' 1
check "and ends with status 0" said '^exited 0$' 1
scenario_end
