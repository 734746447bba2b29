#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The configuration is read again under a stream of 10,000 packets/s: channels, relays, quirks, settings of
# interfaces, DNS, limits and the joinfile come, change and go, and of the channels that they do not concern
# not one packet is lost or doubled. 100 broken files are refused with one line each, and change nothing.
# What the console changed is saved into the file, whose comments and mode stay.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario reload
export LAB_SOURCES=8 LAB_RELAYS=2 LAB_RATE="${RELOAD_RATE:-10000}"
A=203.0.113.11 B=203.0.113.12
export LAB_CONFIG='
# channels that are always there
channels = (
    { source = "198.51.100.17"; group = "232.1.1.8"; }   # the eighth
);'
bring_up
conf=$LAB_STATE/inlet.conf
tools=$LAB_BUILD/deploy/lab.d/tools
S=() G=()
for ((i = 0; i < LAB_SOURCES; i++)); do
	S+=("$(lab_source "$i")")
	G+=("$(lab_group "$i")")
done
chmod 640 "$conf"
is() { state_is "${S[$1]}" "${G[$1]}" "$2"; } # is NUMBER STATE
relay_is() { [ "$(lab_channel "${S[$1]}" "${G[$1]}" | jq -r '.relay_address + " " + .state + " " + (.reason // "")')" = "$2 flowing " ]; }
by() { [ "$(lab_channel "${S[$1]}" "${G[$1]}" | jq -r '.wanted_by // [] | join(" ")')" = "$2" ]; }
edit() { sed -i "$1" "$conf"; }
reloaded() { lab_inlet show reload --json | jq -e --argjson n "$1" '.[0].reloads == $n'; }
number=0
reload() { # reload TEXT JQ: the console's answer is such
	local text=$1
	number=$((number + 1))
	if lab_inlet reload --json >"$LAB_STATE/answer" 2>&1 && jq -e "$2" "$LAB_STATE/answer" >/dev/null; then
		report 0 "reload: $text"
	else
		report 1 "reload: $text"
		diag <"$LAB_STATE/answer"
	fi
}
same() { lab_inlet reload check --json | jq -e 'length == 0'; }

# Four channels are received all the time; the rest of the sources are what is changed.
lab_channels | head -n 4 >"$LAB_STATE/watched"
lab_spawn watched rcv "$tools/lab-recv" --if r0 --channels "$LAB_STATE/watched" --json
for i in 0 1 2 3 7; do
	check "channel $i flows" lab_wait 20 is "$i" flowing
done
check "there is nothing to reload" same

# Channels.
edit 's|^channels = (|channels = ( { source = "198.51.100.14"; group = "232.1.1.5"; }, { source = "198.51.100.15"; group = "232.1.1.6"; interfaces = [ "lan" ]; },|'
lab_inlet reload check --json | jq -e 'length == 2 and all(.effect == "now" and .was == null and .is == "lan")' >/dev/null
report $? "reload check tells what is different"
is 4 none
report $? "and does nothing"
reload "two channels come" 'length == 2'
check "the first flows" lab_wait 20 is 4 flowing
check "the second too" lab_wait 20 is 5 flowing
check "and is static" by 5 static
edit 's|{ source = "198.51.100.14"; group = "232.1.1.5"; }, ||'
lab_signal inletd HUP
number=$((number + 1))
check "SIGHUP reloads too" lab_wait 10 reloaded $number
check "the channel that is gone from the file is gone" lab_wait 10 is 4 none
check "and the other is not" is 5 flowing

# Relays: source 5 is behind B, by DNS.
check "its relay is that of DNS" lab_wait 10 relay_is 5 $B
echo "relays = ( { sources = \"${S[5]}/32\"; relay = \"$A\"; discovery = false; } );" >>"$conf"
reload "a relay comes" "length == 1 and .[0].key == \"relays.${S[5]}/32 via $A\""
check "its source moves there" lab_wait 30 relay_is 5 $A
edit '/^relays = /d'
echo "relay_quirks = ( { relay = \"$B\"; quirks = [ \"no-e\" ]; } );" >>"$conf"
reload "it goes, and a quirk comes" 'map(.is) == [null, "no-e"]'
check "its source moves back" lab_wait 40 relay_is 5 $B
quirks_are() { lab_inlet show relays --json | jq -e --arg r "$B" --arg q "$1" 'map(select(.discovery_address == $r)) | length > 0 and all((.quirks // []) | tostring | contains($q))'; }
check "the relay has its quirk" quirks_are no-e
edit '/^relay_quirks = /d'
reload "the quirk goes" 'length == 1 and .[0].was == "no-e"'

# Settings of interfaces.
edit 's/pim = { /pim = { dr_priority = 7; hello_interval = 2; hello_holdtime = 40; override_interval_ms = 1000; neighbors = [ "10.9.1.0\/24" ]; max_neighbors = 9; assert_metric = 3; /'
reload "PIM has other values" 'length == 7 and all(.effect == "now")'
priority() { lab_vtysh -c 'show ip pim neighbor json' | jq -e '.xup0["10.9.1.2"].drPriority == 7'; }
check "its neighbor hears them" lab_wait 10 priority
edit 's/pim = { /igmp = { enabled = true; query_interval = 20; }; pim = { /'
reload "IGMP begins" 'length == 2'
igmp_is() { lab_inlet show igmp --json | jq -e "$1"; }
check "there is a querier" lab_wait 10 igmp_is 'length == 1 and .[0].interface == "lan"'
edit 's/query_interval = 20; }/query_interval = 25; robustness = 3; }/'
reload "it has other values" 'length == 2'
check "it has" igmp_is '.[0].robustness_variable == 3'
edit 's/igmp = { enabled = true; query_interval = 25; robustness = 3; }; //'
reload "IGMP ends" 'length == 3'
check "there is none" igmp_is 'length == 0'
edit 's|addresses = \[ "10.9.1.2/24" \];|addresses = [ "10.9.1.2/24", "10.9.1.77/24" ]; routes = ( { to = "10.77.0.0/16"; via = "10.9.1.1"; } );|'
reload "an address and a route come" 'length == 2'
kernel() { [ "$(lab_in inlet ip -4 "$1" show dev lan | grep -c "10[.]77[.]0\|10[.]9[.]1[.]77")" -eq "$2" ]; }
check "the kernel has the address" lab_wait 5 kernel addr 1
check "and the route" lab_wait 5 kernel route 1
edit 's|, "10.9.1.77/24" \]; routes = ( { to = "10.77.0.0/16"; via = "10.9.1.1"; } );| ];|'
reload "they go" 'length == 2'
check "the address is gone" lab_wait 5 kernel addr 0
check "and the route" lab_wait 5 kernel route 0

# The rest.
edit 's/queries_per_100ms = 100;/queries_per_100ms = 50; negative_ttl_max = 60; retry_max = 60;/'
reload "DNS has other values" 'length == 3 and all(.effect == "now")'
edit 's/amt = { /amt = { linger = 4; hold_down = 99; update_mtu = 1000; /'
reload "AMT has other values" 'length == 3 and all(.effect == "now")'
echo 'limits = { channels = 6; };' >>"$conf"
reload "a limit comes" 'length == 1 and .[0].is == "6"'
! lab_inlet add channel "${S[4]}" "${G[4]}" >/dev/null 2>"$LAB_STATE/check.err" && grep -q 'limit of 6 channels' "$LAB_STATE/check.err"
report $? "which holds"
edit '/^limits = /d'
reload "it goes" 'length == 1'
printf '%s,%s\n' "${S[4]}" "${G[4]}" >"$LAB_STATE/joins"
printf '%s,%s\n%s,%s\n' "${S[4]}" "${G[4]}" "${S[6]}" "${G[6]}" >"$LAB_STATE/joins2"
echo "joinfile = { path = \"$LAB_STATE/joins\"; };" >>"$conf"
reload "a joinfile comes" 'length == 1'
check "its channel flows" lab_wait 20 is 4 flowing
edit 's|/joins"|/joins2"|'
reload "another one" 'length == 1'
check "its second channel flows" lab_wait 20 is 6 flowing
check "the first still does" is 4 flowing
edit '/^joinfile = /d'
reload "no joinfile" 'length == 1'
check "its channels go" lab_wait 10 is 4 none
check "both" lab_wait 10 is 6 none
sed 's/idle = "sleep"/idle = "auto"/; s/memory_mb = 256/memory_mb = 300/' "$conf" >"$LAB_STATE/restart.conf"
cp -p "$conf" "$LAB_STATE/before.conf"
cat "$LAB_STATE/restart.conf" >"$conf"
echo "log_level = \"debug\";" >"$LAB_STATE/level"
edit 's/^log_level = .*/log_level = "debug";/'
reload "what needs a restart is named, and the rest is done" \
	'map(.effect) == ["now", "restart", "restart"] and (map(.key) | index("idle") and index("memory_mb"))'
check "the log names it in one line" lab_log_has inletd 'restart inletd for keys=2: idle, memory_mb'
cat "$LAB_STATE/before.conf" >"$conf"
reload "the file is as it was" 'length == 1'

# What was changed in the console is saved.
check "a channel is added in the console" lab_inlet add channel "${S[4]}" "${G[4]}"
check "one of the file is deleted there" lab_inlet del channel "${S[5]}" "${G[5]}"
lab_inlet reload check --json | jq -e 'length == 2' >/dev/null
report $? "both are a difference to the file"
check "save" lab_inlet save
check "after which there is none" same
grep -q '^# channels that are always there$' "$conf" && grep -q '# the eighth' "$conf"
report $? "the comments are still there"
[ "$(stat -c %a "$conf")" = 640 ] && [ -z "$(find "$LAB_STATE" -name 'inlet.conf.*')" ]
report $? "and the mode, and nothing else beside the file"
grep -q "\"${S[4]}\"" "$conf" && ! grep -q "\"${S[5]}\"" "$conf"
report $? "the file has the one and not the other"
"$LAB_BUILD/app/inletd/inletd" --check "$conf" >/dev/null
report $? "and is good"
check "a copy is saved beside it" lab_inlet save "$LAB_STATE/copy.conf"
cmp -s "$conf" "$LAB_STATE/copy.conf"
report $? "which is the same"
echo 'anything' >"$LAB_STATE/precious"
! lab_inlet save "$LAB_STATE/precious" >/dev/null 2>&1 && [ "$(cat "$LAB_STATE/precious")" = anything ]
report $? "a file that is no configuration is not written over"
echo '# by hand' >>"$conf"
check "one that was changed meanwhile is" lab_inlet save
check "and is put aside" grep -q '^# by hand$' "$conf.unread"
rm -f "$conf.unread"

# Broken files.
failures=$(lab_inlet show reload --json | jq '.[0].failures')
python3 "$LAB_TOP/test/lab/reload_broken.py" "$conf" "$LAB_BUILD/app/inlet/inlet" --socket "$LAB_SOCKET" \
	>"$LAB_STATE/broken" 2>&1
[ "$(tail -n 1 "$LAB_STATE/broken")" = "100 100" ]
report $? "100 broken files, 100 errors of one line, nothing changed ($(tail -n 1 "$LAB_STATE/broken"))"
[ "$(tail -n 1 "$LAB_STATE/broken")" = "100 100" ] || grep -v ': error: ' "$LAB_STATE/broken" | diag
lab_inlet show reload --json | jq -e --argjson n "$failures" '.[0].failures == $n + 100' >/dev/null
report $? "they are counted"
[ "$(grep -c 'reload refused' "$LAB_STATE/inletd.log")" -eq 100 ]
report $? "and are in the log, a line each"

# 10,000 channels come and go; the control loop turns meanwhile.
cp "$conf" "$LAB_STATE/before.conf"
{
	sed '/^channels = (/q' "$LAB_STATE/before.conf" | sed 's/^channels = (.*/channels = (/'
	for ((i = 0; i < 10000; i++)); do
		echo "    { source = \"${S[6]}\"; group = \"232.7.$((i / 250)).$((1 + i % 250))\"; },"
	done
	sed -n '/^channels = (/,$p' "$LAB_STATE/before.conf" | sed '1s/^channels = (//'
} >"$LAB_STATE/many.conf"
cat "$LAB_STATE/many.conf" >"$conf"
lab_inlet reload >/dev/null 2>"$LAB_STATE/check.err"
report $? "10,000 channels come"
diag <"$LAB_STATE/check.err"
channels_are() { lab_inlet show channels --json | jq -e --argjson n "$1" 'length == $n'; }
check "they are there" lab_wait 20 channels_are 10006
lab_inlet show reload --json | jq -c '.[0] | {took_ms, longest_turn_ms}' | diag
cat "$LAB_STATE/before.conf" >"$conf"
lab_inlet reload >/dev/null 2>"$LAB_STATE/check.err"
report $? "they go"
check "they are gone" lab_wait 20 channels_are 6
lab_inlet show reload --json | jq -c '.[0] | {took_ms, longest_turn_ms}' | diag

for i in 0 1 2 3; do
	is "$i" flowing
	report $? "channel $i flows still"
done
lab_stop watched
jq -c 'del(.each)' "$LAB_STATE/watched.out" | diag
jq -e --argjson n $((3 * LAB_RATE)) '.packets > $n and .lost == 0 and .duplicated == 0 and .bad == 0' "$LAB_STATE/watched.out" >/dev/null
report $? "of $(jq .packets "$LAB_STATE/watched.out") packets of the other channels none was lost or doubled"
diag <<<"drops: $(lab_inlet show drops --json | jq -c 'map({(.name): .count}) | add')"
diag <<<"relay: $(lab_relayctl status | jq -c .source)"
scenario_end
