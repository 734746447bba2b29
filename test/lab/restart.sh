#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# inletd is killed and started again: the channels flow again within 8 s, with no help, with the RFC's
# own delay of the first Hello (5 s), and FRR's own Join interval (60 s). Restarted as a service manager
# does it, SIGTERM and a start, it costs less than a second of a stream of 10,000 packets/s.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario restart
export LAB_SOURCES=3 LAB_RATE=10000
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

# Where other things take the machine's time, a start takes longer, and the figure says nothing.
limit_ms=1000
load=$(awk -v n="$(nproc)" '{ print ($1 > 2 * n) ? int($1) : 0 }' /proc/loadavg)
[ "$load" -eq 0 ] || limit_ms=4000
lab_spawn stream rcv "$LAB_BUILD/deploy/lab.d/tools/lab-recv" --if r0 --channels "$LAB_STATE/join" --json
started=$(now_ms)
lab_stop inletd
lab_start_part inletd
check "systemctl restart: they flow again" lab_wait 20 flowing
diag <<<"stopped, started and flowing after $(($(now_ms) - started)) ms"
fresh() { lab_channel "$(lab_source 0)" "$(lab_group 0)" | jq -e '.packets > 1000'; }
lab_wait 10 fresh
lab_stop stream
lost_ms=$(($(jq .lost "$LAB_STATE/stream.out") * 1000 / LAB_RATE))
jq -c 'del(.each)' "$LAB_STATE/stream.out" | diag
[ "$lost_ms" -lt "$limit_ms" ] && jq -e '.duplicated == 0 and .bad == 0 and .flowing == 3' "$LAB_STATE/stream.out" >/dev/null
report $? "systemctl restart: it costs $lost_ms ms of a stream of $LAB_RATE packets/s (limit $limit_ms ms, load $load)"

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
lab_kill inletd
printf 'inlet-state 1\njoin lan %s %s 10.9.1.1 1000000\nend 1\n' "$(lab_source 0)" "$(lab_group 0)" >"$LAB_SOCKET.state"
lab_start_part inletd
check "and one that is old" lab_wait 10 lab_log_has inletd 'state file ignored.*reason="old"'
check "and inletd is ready all the same" lab_wait 10 lab_inletd_ready
scenario_end
