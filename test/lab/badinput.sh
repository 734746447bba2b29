#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Bad input on every entry: AMT and data vectors at the upstream port, PIM at the downstream port,
# AMTRELAY records that NSD serves malformed, broken configuration files. Each moves one named counter
# or says one clear line; a channel that flows meanwhile loses nothing.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario badinput
export LAB_SOURCES=2
bring_up
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
PID=$(lab_pid inletd)
INLET=("$LAB_BUILD/app/inlet/inlet" --socket "$LAB_SOCKET")
mac() { lab_in inlet cat "/sys/class/net/$1/address"; }
tap_of() { # tap_of COMMAND...: its "ok - " lines become tests of ours
	local line
	while IFS= read -r line; do
		case $line in
		'ok - '*) report 0 "${line#ok - }" ;;
		'not ok - '*) report 1 "${line#not ok - }" ;;
		*) echo "# $line" ;;
		esac
	done < <("$@" 2>&1)
}

lab_join "$S" "$G"
check "a channel flows" lab_wait 10 state_is "$S" "$G" flowing

tap_of lab_in net python3 "$LAB_TOP/test/lab/badinput.py" amt to-inlet "$(mac up0)" "${INLET[@]}"
check "a scripted neighbor comes" speaker_start 10.9.1.3
tap_of lab_in frr python3 "$LAB_TOP/test/lab/badinput.py" pim xup0 "$(mac dn0)" "${INLET[@]}"

# ---- what DNS may say
{
	echo '30 IN TYPE260 \# 2 0a00'        # no relay
	echo '31 IN TYPE260 \# 1 0a'          # one octet
	echo '32 IN TYPE260 \# 5 0a01cb0071'  # an address too short
	echo '33 IN TYPE260 \# 3 0a0401'      # an undefined type
	echo '34 IN TYPE260 \# 4 0a03c00c'    # a compressed name
	echo '35 IN CNAME 36'                 # a loop
	echo '36 IN CNAME 35'
	echo '37 IN TYPE260 \# 6 0a01c0000202' # our own address
	echo '38 IN TYPE260 \# 6 0a017f000001' # a bogon
	echo '39 0 IN TYPE260 \# 6 0a01e0000001' # multicast, TTL 0
} >"$LAB_STATE/zone.extra"
lab_write_zone
lab_stop_part dns
lab_start_part dns
check "NSD serves malformed records" lab_wait 10 lab_part_ready dns
explained() { # explained SOURCE: not flowing, and a reason
	lab_channel "$1" 232.7.7.7 | jq -e '(.state == "waiting" or .state == "resolving") and
		(.reason | test("DNS: |relay|held"))'
}
for host in 30 31 32 33 34 35 37 38 39; do
	speaker join "198.51.100.$host" 232.7.7.7
	lab_wait 15 explained "198.51.100.$host"
	report $? "record of host $host: $(lab_channel "198.51.100.$host" 232.7.7.7 | jq -r '.state + ", " + .reason')"
done

# ---- configurations
broken() { # broken TEXT: a configuration made of the lab's and this change (a sed script)
	local file=$LAB_STATE/broken.conf out status netdevs
	sed "$1" "$LAB_STATE/inlet.conf" >"$file"
	netdevs=$(lab_in inlet ip -br link | wc -l)
	out=$(lab_in inlet "$LAB_BUILD/app/inletd/inletd" -c "$file" 2>&1)
	status=$?
	[ $status -eq 2 ] && [ "$(wc -l <<<"$out")" -eq 1 ] && [[ $out =~ ^inletd:\ $file:[0-9]+:\  ]] &&
		[ "$(lab_in inlet ip -br link | wc -l)" -eq "$netdevs" ]
	report $? "configuration '$1': ${out#inletd: "$LAB_STATE/"}"
}
broken 's/memory = /memroy = /'
broken 's/memory_mb = 256/memory_mb = 100000000000/'
broken 's/memory_mb = 256/memory_mb = 4294967295/'
broken 's/memory_mb = 256/memory_mb = "256"/'
broken 's/workers = "auto"/workers = [ 1, 1 ]/'
broken 's/role = "upstream"/role = "upsteam"/'
broken 's/role = "upstream"/role = "downstream"/'
broken 's/name = "lan"/name = "wan"/'
broken 's/name = "lan"/name = "a-name-that-is-too-long"/'
broken 's#192.0.2.2/24#192.0.2.2/33#'
broken 's#192.0.2.2/24#300.0.2.2/24#'
broken 's/via = "192.0.2.1"/via = "10.1.1.1"/'
broken 's/triggered_hello_delay_ms = [0-9]*/triggered_hello_delay_ms = -1/'
broken 's/198.18.53.53/198.18.53.53@99999/'
broken 's/dns = {/dns = { rate = 1;/'
broken 's/console = {/console = {{/'
broken '1,$d'
out=$(lab_in inlet "$LAB_BUILD/app/inletd/inletd" --check "$LAB_STATE/inlet.conf")
report $? "and the lab's own is good: ${out##*/}"

# ---- the others
S2=$(lab_source 1) G2=$(lab_group 1)
joined=$(now_ms)
lab_join "$S2" "$G2"
check "a new channel still comes" lab_wait 5 state_is "$S2" "$G2" flowing
echo "# after $(($(now_ms) - joined)) ms"
check "the first one flows" state_is "$S" "$G" flowing
lab_leave "$S" "$G" >"$LAB_STATE/left"
jq -e '.packets > 1000 and .lost == 0 and .duplicated == 0 and .bad == 0' "$LAB_STATE/left" >/dev/null
report $? "and has lost nothing all along ($(jq -c '{packets, lost, duplicated, bad}' "$LAB_STATE/left"))"
[ "$(lab_pid inletd)" = "$PID" ]
report $? "it is the same inletd"
scenario_end
