# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Processes killed, stopped and continued; clients that never read.

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
	# The relays send to tunnels that nobody has, until they are told; the router, before its Hello.
	also fastpath.NOT_JOINED fastpath.POLICED_STRAY fastpath.PUNT_FULL_OTHER pim.NOT_NEIGHBOR
	victim all
	limit 15000 # a start on a machine that is busy
	lab_kill inletd
	lab_start_part inletd
	must "the channels flow" lab_wait 20 all_flow
}

row inletd_terminated slow "SIGTERM and a start, as a service manager does it"
fault_inletd_terminated() {
	restarts
	also fastpath.NOT_JOINED fastpath.POLICED_STRAY fastpath.PUNT_FULL_OTHER pim.NOT_NEIGHBOR
	victim all
	limit 15000
	lab_stop inletd
	lab_start_part inletd
	must "the channels flow" lab_wait 20 all_flow
}

row control_stopped quick "the control thread stands still for a second: the workers go on"
fault_control_stopped() {
	relay_anew
	thread_stop "$(lab_pid inletd)" || bad "the thread does not stop"
	sleep 1
	thread_go
	must "it answers again" lab_wait 10 all_flow
}
row punt_ring_full quick "the control thread stands still while more comes for it than its ring holds"
fault_punt_ring_full() {
	local full=fastpath.PUNT_FULL_OTHER
	counter $full
	also fastpath.POLICED_OTHER # that the senders of the frames have a rate too is another matter
	thread_stop "$(lab_pid inletd)" || bad "the thread does not stop"
	# Of so many senders that none is past the part of one.
	must "they are sent" lab_in net python3 "$LAB_TOP/test/lab/faultlink.py" kernel to-inlet \
		"$(lab_in inlet cat /sys/class/net/up0/address)" 192.0.2.2 20000
	thread_go
	must "it answers again" lab_wait 10 all_flow
	must "the counter moves" lab_wait 10 count_over $full "$(past $full)"
}
row relay_stopped quick "both relays are stopped for two seconds and go on"
fault_relay_stopped() {
	relay_anew
	victim all
	limit 5000
	lab_signal relay STOP
	sleep 2
	lab_signal relay CONT
}

row relay_restarted slow "both relays are killed, and started with a new secret"
fault_relay_restarted() {
	victim all
	limit 20000
	lab_kill relay
	lab_start_part relay
	must "they are up" lab_wait 10 lab_part_ready relay
	must "the channels flow" lab_wait 30 streams_settled
}

row dns_down slow "the DNS server is killed: what flows flows on, what is new waits until it is back"
fault_dns_down() {
	dns_gone 2
}
row dns_gone slow "the same for longer than any answer is remembered (FAULTS_DNS_GONE_S=600: ten minutes)"
fault_dns_gone() {
	dns_gone "${FAULTS_DNS_GONE_S:-130}"
}
dns_gone() { # dns_gone SECONDS
	# A name that nobody has asked for: a source of the lab's, with another group.
	local s=198.51.100.200 g=232.9.9.9
	counter driad.SILENT
	also driad.ERROR # a failure that libunbound remembers is told at once, as SERVFAIL
	afterwards dns_settled
	echo '200 IN TYPE260 \# 6 0a01cb00710b' >"$LAB_STATE/zone.extra"
	lab_write_zone
	rm -f "$LAB_STATE/zone.extra"
	lab_kill dns
	lab_inlet add channel "$s" "$g" >/dev/null
	must "the new channel is told of no answer" lab_wait 60 count_over driad.SILENT "$(past driad.SILENT)"
	sleep "$1" # the fault is the time without DNS
	must "what flows flows on" all_flow
	lab_start_part dns
	must "the server is back" lab_wait 20 lab_part_ready dns
	# By dns.retry_max, 120 s, and chance.
	must "the new channel has a relay" lab_wait 160 state_is "$s" "$g" joined
	lab_inlet del channel "$s" "$g" >/dev/null
}

row router_killed slow "the downstream router is killed, and started again"
fault_router_killed() {
	# What runs out, and what a router says before its first Hello is heard.
	also pim.NOT_NEIGHBOR
	victim all
	limit 30000
	lab_kill pimd
	lab_kill zebra
	rm -f "$LAB_STATE/frr/"*.vty "$LAB_STATE/frr/zserv.api"
	lab_start_part frr
	must "the router is back" lab_wait 20 lab_part_ready pimd
	must "the channels flow" lab_wait 45 streams_settled
}

row console_never_reads quick "a console client asks for everything and never reads"
fault_console_never_reads() {
	never_reads unix "$LAB_SOCKET"
	must "others are answered" lab_wait 5 all_flow
	never_reads_end
}
row metrics_never_reads quick "a metrics client asks for pages and never reads"
fault_metrics_never_reads() {
	# Each of them is closed when it has not read for long; the row does not wait for that.
	never_reads tcp $FAULTS_PORT
	must "others are answered" lab_wait 5 eval 'page | grep -q "^# EOF"'
	never_reads_end
}
row metrics_silent slow "a metrics client connects and never asks: it is shown out"
fault_metrics_silent() {
	counter scrapes_stalled
	never_reads silent $FAULTS_PORT
	must "it is closed" lab_wait 40 count_over scrapes_stalled 0
	never_reads_end
}
never_reads() { # never_reads unix|tcp|silent SOCKET|PORT: a client, until never_reads_end
	lab_spawn reader inlet python3 "$LAB_TOP/test/lab/neverreads.py" "$@"
	must "a client is there" lab_wait 5 grep -q asked "$LAB_STATE/reader.out"
}
never_reads_end() {
	lab_stop reader
	rm -f "$LAB_STATE/reader.out"
}
