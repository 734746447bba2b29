# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Processes killed, stopped and continued.

row inletd_stopped quick "inletd is stopped for a second and goes on"
fault_inletd_stopped() {
	victim all
	limit 1500
	lab_signal inletd STOP
	sleep 1 # the fault is the time that it stands still
	lab_signal inletd CONT
	must "the channels flow" lab_wait 10 all_flow
}

row inletd_killed quick "kill -9 of inletd under load, and a start"
fault_inletd_killed() {
	restarts
	victim all
	limit 8000
	lab_kill inletd
	lab_start_part inletd
	must "the channels flow" lab_wait 20 all_flow
}

row dns_down quick "the DNS server is killed: what flows flows on, and what is new waits until it is back"
fault_dns_down() {
	local host=198.51.100.30
	lab_kill dns
	lab_inlet add channel "$host" 232.9.9.9 >/dev/null
	sleep 1
	must "a new channel waits" eval "! state_is $host 232.9.9.9 flowing"
	lab_start_part dns
	must "the server is back" lab_wait 20 lab_part_ready dns
	lab_inlet del channel "$host" 232.9.9.9 >/dev/null
}
