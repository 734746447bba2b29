#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Channels that no router joins: of the configuration, of the console, of a joinfile as it is replaced,
# broken, cut short and gone; beside a router's Join; and the file that lists all of them. Of those that
# stay not one packet is lost in all of it.
set -u -o pipefail
. "$(dirname "$0")/_lib.sh"
scenario static
export LAB_SOURCES=5 LAB_WITHOUT=source
joins=$LAB_STATE/joins
exported=$LAB_STATE/exported
S=() G=()
for ((i = 0; i < LAB_SOURCES; i++)); do
	S+=("$(lab_source "$i")")
	G+=("$(lab_group "$i")")
done
export LAB_CONFIG="
channels = ( { source = \"${S[0]}\"; group = \"${G[0]}\"; interfaces = [ \"lan\" ]; } );
joinfile = { path = \"$joins\"; export = \"$exported\"; };"
bring_up
tools=$LAB_BUILD/deploy/lab.d/tools

is() { state_is "${S[$1]}" "${G[$1]}" "$2"; } # is NUMBER STATE
by() {                                        # by NUMBER ORIGIN...
	local n=$1
	shift
	[ "$(lab_channel "${S[$n]}" "${G[$n]}" | jq -r '.wanted_by // [] | join(" ")')" = "$*" ]
}
replace() { # replace: the joinfile by what is on standard input, as a good writer does
	cat >"$joins.new" && mv "$joins.new" "$joins"
}
memberships() { # memberships NUMBER: of the relay
	lab_relayctl status | jq -e --argjson n "$1" '.relays | map(.channels) | add == $n'
}
refused() { # refused PATTERN COMMAND...: with one line, and as an error
	local pattern=$1 text
	shift
	! text=$(lab_inlet "$@" 2>&1) && [ "$(wc -l <<<"$text")" -eq 1 ] && grep -q -- "$pattern" <<<"$text"
}
exports() { # exports LINE...: what the exported file is to be
	printf '%s\n' "$@" | cmp -s - "$exported"
}

# Nobody sends yet: from their first packet on, the taps see all of two channels that stay.
check "a static channel is joined, though nobody asks for it" lab_wait 10 is 0 joined
check "and says that it is static" by 0 static
printf '\xef\xbb\xbf# by hand\r\n\r\n %s , %s , 12 # stays\r\n%s,%s\r\n' \
	"${S[1]}" "${G[1]}" "${S[2]}" "${G[2]}" | replace
check "a joinfile that comes is read" lab_wait 5 is 1 joined
check "all of it" lab_wait 5 is 2 joined
check "its channels say so" by 1 joinfile
check "the relay has all three" lab_wait 5 memberships 3
for n in 0 1; do
	lab_spawn "sent$n" src "$tools/lab-tap" --if s0 --direction out --source "${S[$n]}" \
		--group "${G[$n]}" --write "$LAB_STATE/sent$n.pcap"
	lab_spawn "native$n" frr "$tools/lab-tap" --if xup0 --direction in --source "${S[$n]}" \
		--group "${G[$n]}" --write "$LAB_STATE/native$n.pcap"
	lab_wait 5 lab_log_has "sent$n" listening
	lab_wait 5 lab_log_has "native$n" listening
done
lab_start_part source
for n in 0 1 2; do
	check "channel $n flows without any Join" lab_wait 10 is "$n" flowing
done

# By rename: one comes, one goes, one stays.
printf '%s,%s,13\n%s,%s\n' "${S[1]}" "${G[1]}" "${S[3]}" "${G[3]}" | replace
check "a joinfile that is replaced brings one" lab_wait 10 is 3 flowing
check "and takes one away" is 2 none
lab_log_has inletd 'joinfile: applied .*channels=2 added=1 removed=1'
report $? "only the difference was applied"

printf '%s,%s\n\n%s,10.1.1.1\n' "${S[2]}" "${G[2]}" "${S[3]}" | replace
check "a broken one is refused, with its line" lab_wait 5 lab_log_has inletd \
	"not used $joins:3: group is not a multicast address"
is 1 flowing && is 3 flowing && is 2 none
report $? "and changes nothing"
lab_inlet show drops --json | jq -e 'any(.[]; .room == "joinfile" and .name == "MALFORMED" and .count == 1)' >/dev/null
report $? "it is counted"
lab_inlet show joinfile --json | jq -e '.[0] | .state == "not used" and .channels == 2' >/dev/null
report $? "and show joinfile says it"

# In place: cut to nothing, and written half a second later.
exec {file}>"$joins"
sleep 0.5 # a writer that takes its time
printf '2001:db8::1,ff3e::1\n%s,239.1.1.1\n%s,%s,13\n%s,%s\n' "${S[1]}" "${S[1]}" "${G[1]}" \
	"${S[3]}" "${G[3]}" >&"$file"
exec {file}>&-
check "what it cannot serve is passed over, with a line each" lab_wait 5 lab_log_has inletd \
	"outside ssm_ranges.*first=$joins:1 lines=2"
is 1 flowing && is 3 flowing
report $? "those that are named in both are still there"

# The console.
check "add channel" lab_inlet add channel "${S[4]}" "${G[4]}"
check "its channel flows" lab_wait 10 is 4 flowing
check "it is static" by 4 static
lab_inlet add channel "${S[3]}" "${G[3]}" interface lan --json |
	jq -e '.[0].result == "added" and .[0].outgoing_interface == ["lan"]' >/dev/null
report $? "one of the joinfile can be static too"
check "and says both" by 3 static joinfile
check "del channel" lab_inlet del channel "${S[3]}" "${G[3]}" interface lan
check "then the joinfile alone wants it" by 3 joinfile
check "which the console cannot change" refused "is no static channel; it is wanted by joinfile" \
	del channel "${S[3]}" "${G[3]}"
check "a group that is not SSM is refused" refused "group 239.1.1.1 is outside ssm_ranges" \
	add channel "${S[3]}" 239.1.1.1
check "an interface that is not there is refused" refused "there is no interface eth7" \
	add channel "${S[3]}" "${G[3]}" interface eth7
check "one that is upstream is refused" refused "interface wan is not downstream" \
	add channel "${S[3]}" "${G[3]}" interface wan
check "an IPv6 group that is no destination is refused" refused "never that of a channel" \
	add channel 2001:db8::1 ff3e::4000:0
check "a channel that nobody wants cannot be deleted" refused "is no static channel" \
	del channel "${S[2]}" "${G[2]}"
check "del channel ends the one that was only added" lab_inlet del channel "${S[4]}" "${G[4]}"
check "it is gone" lab_wait 5 is 4 none

# A router's Join beside it.
lab_join "${S[0]}" "${G[0]}"
check "a router joins the static channel" lab_wait 10 by 0 pim static
lab_leave "${S[0]}" "${G[0]}" >"$LAB_STATE/left"
check "its Prune takes the router's part away" lab_wait 15 by 0 static
check "and the channel flows on" is 0 flowing

check "the exported file has all that is joined, with what is known of it" lab_wait 5 exports \
	"${S[0]},${G[0]}" "${S[1]},${G[1]},13" "${S[3]},${G[3]}"

# The stream ends before the captures do.
lab_stop source
sleep 0.5 # what is on its way arrives: nothing tells when
for n in 0 1; do
	lab_stop "sent$n"
	lab_stop "native$n"
	"$tools/lab-tap" compare "$LAB_STATE/sent$n.pcap" "$LAB_STATE/native$n.pcap" --ttl-delta 1 \
		>"$LAB_STATE/compare" 2>&1
	report $? "channel $n, which stayed, has lost nothing: octet for octet what was sent"
	diag <"$LAB_STATE/compare"
done

rm "$joins"
check "a joinfile that goes takes its channels with it" lab_wait 5 is 1 none
is 3 none && by 0 static
report $? "and no other"
check "the exported file follows" lab_wait 5 exports "${S[0]},${G[0]}"
check "the one of the configuration can be deleted" lab_inlet del channel "${S[0]}" "${G[0]}"
check "no channel is left" lab_wait 5 no_channels
check "no tunnel is left" lab_wait 10 no_tunnels
scenario_end
