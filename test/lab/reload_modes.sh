#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Reloads that change what PIM is on an interface (speak, watch, off), that do so while its port is stopped,
# and that fail half way and are taken back; then inletd -i, whose console is the terminal it was started in,
# and inletd --probe. A channel that is static flows all the time.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario reload_modes
export LAB_SOURCES=2 LAB_RELAYS=1 LAB_RATE=500 LAB_JOIN_INTERVAL=5
export LAB_CONFIG='channels = ( { source = "198.51.100.11"; group = "232.1.1.2"; } );'
bring_up
conf=$LAB_STATE/inlet.conf
S=$LAB_FIRST_SOURCE G=$LAB_FIRST_GROUP
edit() { sed -i "$1" "$conf"; }
reload_is() { # reload_is TEXT JQ
	if lab_inlet reload --json >"$LAB_STATE/answer" 2>&1 && jq -e "$2" "$LAB_STATE/answer" >/dev/null; then
		report 0 "$1"
	else
		report 1 "$1"
		diag <"$LAB_STATE/answer"
	fi
}
refused() { # refused TEXT PATTERN: the reload is, and says so
	if ! lab_inlet reload >"$LAB_STATE/answer" 2>&1 && grep -q -- "$2" "$LAB_STATE/answer"; then
		report 0 "$1"
	else
		report 1 "$1"
		diag <"$LAB_STATE/answer"
	fi
}
pim_is() { lab_inlet show pim --json | jq -e "$1"; } # pim_is JQ: over the rows
no_neighbor() { ! lab_pim_neighbor; }
flows() { state_is "$S" "$G" flowing; }
static_flows() { state_is "$(lab_source 1)" "$(lab_group 1)" flowing; }
errors() { grep -c ' error ' "$LAB_STATE/inletd.log"; }

lab_join "$S" "$G" --seconds 600
check "FRR's channel flows" lab_wait 20 flows
check "the static one too" lab_wait 20 static_flows

# ---- speak -> off -> speak
edit 's/pim = { /pim = { mode = "off"; /'
reload_is "PIM is turned off" 'length == 1 and .[0].key == "interfaces.lan.pim.mode" and .[0].effect == "now"'
check "the router hears a Goodbye" lab_wait 5 no_neighbor
check "no interface has PIM" pim_is 'length == 0'
check "its channel ends" lab_wait 10 state_is "$S" "$G" none
check "the static one flows" static_flows
edit 's/mode = "off"; //'
reload_is "PIM is turned on" 'length == 1'
check "the router has its neighbor again" lab_wait 20 lab_pim_neighbor
check "and its channel flows" lab_wait 40 flows

# ---- speak -> watch -> speak: nothing listens there but FRR, whose Joins are for us
edit 's/pim = { /pim = { mode = "watch"; /'
reload_is "PIM is watched" 'length == 1 and .[0].is == "watch"'
check "it is shown" pim_is 'length > 0 and all(.[]; .mode == "watch")'
check "the router hears a Goodbye" lab_wait 5 no_neighbor
check "the static one flows" static_flows
edit 's/mode = "watch"; //'
reload_is "PIM is spoken again" 'length == 1 and .[0].is == "speak"'
check "it is shown" pim_is 'length > 0 and all(.[]; .mode == "speak")'
check "the router has its neighbor again" lab_wait 20 lab_pim_neighbor
check "and its channel flows" lab_wait 40 flows

# ---- off -> on while the port is stopped
edit 's/pim = { /pim = { mode = "off"; /'
reload_is "PIM is turned off once more" 'length == 1'
check "and the port is stopped" lab_inlet port stop lan
edit 's/mode = "off"; //; s/pim = { /igmp = { enabled = true; }; pim = { /'
reload_is "PIM and IGMP are turned on while it is" 'length == 2'
check "which waits for the port" eval "pim_is 'length == 0' && lab_inlet show igmp --json | jq -e 'length == 0'"
check "the port starts" lab_inlet port start lan
check "the router has its neighbor" lab_wait 20 lab_pim_neighbor
check "and there is a querier" eval "lab_inlet show igmp --json | jq -e 'length == 1'"
edit 's/igmp = { enabled = true; }; //'
reload_is "IGMP is turned off" 'length == 1'
check "and its channel flows" lab_wait 40 flows
check "the static one does too" lab_wait 20 static_flows

# ---- a reload that fails half way: PIM, channels and IGMP are changed before the address of the metrics is
# found to be taken
lab_spawn squatter inlet python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 9599))
print("there", flush=True)
time.sleep(600)'
check "somebody has the address" lab_wait 10 grep -q there "$LAB_STATE/squatter.out"
good=$(cat "$conf")
before=$(lab_inlet show reload --json | jq '.[0].failures')
edit 's/pim = { /igmp = { enabled = true; }; pim = { dr_priority = 9; /'
edit 's|^channels = (|channels = ( { source = "198.51.100.77"; group = "232.7.7.7"; },|'
edit 's|addresses = \[ "10.9.1.2/24" \];|addresses = [ "10.9.1.2/24", "10.9.1.77/24" ];|'
echo 'metrics = { listen = "127.0.0.1:9599"; };' >>"$conf"
refused "it is refused, with the reason" '9599'
lab_inlet show reload --json | jq -e --argjson n "$before" '.[0].failures == $n + 1 and (.[0].error | test("9599"))' >/dev/null
report $? "which show reload has too"
priority() { lab_vtysh -c 'show ip pim neighbor json' | jq -e --argjson p "$1" '.xup0["10.9.1.2"].drPriority == $p'; }
check "PIM has its old priority" lab_wait 10 pim_is 'all(.[]; .dr_priority == 1)'
check "as its neighbor hears" lab_wait 10 priority 1
check "there is no querier" eval "lab_inlet show igmp --json | jq -e 'length == 0'"
check "the channel did not come" state_is 198.51.100.77 232.7.7.7 none
check "nor the address" eval '! lab_in inlet ip -4 addr show dev lan | grep -q 10.9.1.77'
check "what flowed flows" eval 'flows && static_flows'
printf '%s\n' "$good" >"$conf"
check "the file as it was is no difference" eval "lab_inlet reload check --json | jq -e 'length == 0'"
lab_stop squatter
check "all this cost not one line of level error but that of the refusal" eval '[ "$(errors)" -le 1 ]'
grep ' error ' "$LAB_STATE/inletd.log" | diag

# ---- the console of inletd -i, and --probe
check "inletd ends" inletd_ends
while IFS= read -r line; do
	case $line in
	'ok '*) report 0 "${line#ok }" ;;
	'not ok '*) report 1 "${line#not ok }" ;;
	*) printf '%s\n' "$line" ;;
	esac
done < <(lab_in inlet timeout 120 python3 "$LAB_TOP/test/lab/terminal_local.py" "$LAB_BUILD/app/inletd/inletd" "$conf" 2>&1)
probe=$LAB_STATE/probe
lab_in inlet "$LAB_BUILD/app/inletd/inletd" --probe >"$probe" 2>"$LAB_STATE/check.err"
report $? "inletd --probe"
check "it has the network devices of the machine" eval "grep -q up0 '$probe' && grep -q dn0 '$probe'"
cp "$probe" "$LAB_STATE/suggested.conf"
check "what it prints is a configuration" "$LAB_BUILD/app/inletd/inletd" --check "$LAB_STATE/suggested.conf"
scenario_end
