#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# inletd is killed and started again: the channels flow again within 8 s, with no help, with the RFC's
# own delay of the first Hello (5 s), and FRR's own Join interval (60 s).
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario restart
export LAB_SOURCES=3
bring_up
# As in the field: the first Hello may wait for 5 s.
sed -i 's/triggered_hello_delay_ms = [0-9]*/triggered_hello_delay_ms = 5000/' "$LAB_STATE/inlet.conf"

flowing() { lab_inlet show channels --json | jq -e '[.[] | select(.state == "flowing")] | length == 3'; }
lab_channels >"$LAB_STATE/join"
lab_spawn recv rcv "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if r0 --channels "$LAB_STATE/join" --json
check "three channels flow" lab_wait 10 flowing
genid() { lab_vtysh -c 'show ip pim neighbor detail' | sed -n 's/.*Generation ID *: *//p' | head -n 1; }
before=$(genid)
check "the state file is written" lab_wait 5 grep -q '^end 3$' "$LAB_SOCKET.state"

outage() { # outage TEXT: kills and starts inletd, waits for all three channels
	local started
	lab_kill inletd
	started=$(now_ms)
	lab_start_part inletd
	lab_wait 20 flowing
	report $? "$1: they flow again"
	local ms=$(($(now_ms) - started))
	[ "$ms" -le 8000 ]
	report $? "$1: within 8 s of the start (took $ms ms)"
}
outage "kill -9"
genid_changed() { [ "$(genid)" != "$before" ]; }
check "the Hello after it has a fresh GenID" lab_wait 10 genid_changed

# A file that is torn, or of another version, is ignored with one line; then FRR's Joins decide.
lab_kill inletd
sed -i '$d' "$LAB_SOCKET.state"
lab_start_part inletd
check "a torn state file is ignored with one line" lab_wait 10 lab_log_has inletd 'state file ignored.*torn'
lab_kill inletd
echo 'inlet-state 99' >"$LAB_SOCKET.state"
lab_start_part inletd
check "one of another version too" lab_wait 10 lab_log_has inletd 'state file ignored.*another version'
check "and inletd is ready all the same" lab_wait 10 lab_inletd_ready
scenario_end
